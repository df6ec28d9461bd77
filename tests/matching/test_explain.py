"""A pair explained: the waterfall adds up, the runner-up is named, what was refused is said in words, no value is told."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.errors import IsindexError
from pipelines.matching import explain, match
from pipelines.matching.explain import of_matched
from pipelines.matching.people import explain_people

NHS, OTHER_NHS = "4010232137", "6064778997"
VALUES = ("Oliver", "Pemberton", "2015", "B12", "Mill", NHS, OTHER_NHS)


@pytest.fixture
def twins(people):
    return people({"record_key": "health:1", "nhs_number": NHS},
                  {"record_key": "education:1"},
                  {"record_key": "education:2", "given_names": "Thomas"})  # fmt: skip


def test_the_waterfall_ends_at_the_weight_less_the_discount(twins):
    told = explain(twins, "health:1", "education:2")
    assert told.steps[-1].total == pytest.approx(told.weight + told.discount, abs=0.001)
    assert told.discount < -1, "a twin explains the pair as well"


def test_the_answer_comes_first_and_names_the_runner_up(twins):
    told = of_matched(explain(twins, "health:1", "education:2"), match(twins))
    sentences = told.sentences()
    assert sentences[0] == "They are two identities."
    assert any("twins or two children" in sentence for sentence in sentences)
    assert any(
        "runner-up for health:1 is education:1" in sentence and "was joined" in sentence for sentence in sentences
    )


def test_a_join_says_by_which_step(twins):
    told = of_matched(explain(twins, "education:1", "health:1"), match(twins))
    assert told.sentences()[:2] == [
        "They are one identity.",
        "The pair by itself joins, by the same names and birth date, which nobody else in either source has.",
    ]


@pytest.mark.parametrize("keys", [("health:1", "health:1"), ("health:1", "nobody:9")])
def test_a_record_that_is_not_there_is_said_to_be_unknown(twins, keys):
    with pytest.raises(IsindexError) as fault:
        explain(twins, *keys)
    assert fault.value.code == "RECORD_UNKNOWN"


def test_the_command_explains_people_in_a_file_without_a_value(twins, tmp_path):
    file = tmp_path / "people.parquet"
    pq.write_table(twins.rename_columns(["source" if name == "agency" else name for name in twins.column_names]), file)
    command = ["explain", "health:1", "education:2", "--people", str(file), "--model", "children-1"]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0
    assert "They are two identities" in shown.stdout
    assert not any(value in shown.stdout for value in VALUES)
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert told["together"] is False
    assert told["rivals"][0]["record"] == "education:1"
    assert CliRunner().invoke(app, ["explain", "health:1", "x:1", "--people", str(file)]).exit_code == 2
    assert CliRunner().invoke(app, ["explain", "health:1", "education:2"]).exit_code == 2


def test_people_are_explained_with_the_model_made_from_them(town):
    people = town.rename_columns(["source" if name == "agency" else name for name in town.column_names])
    told = explain_people(people, "health:1-0", "education:1-0")
    assert told.together
    assert told.verdict == "join"
