"""The general entry takes whatever columns and types a table of people has."""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from assets.command.app import app
from pipelines.errors import IsindexError
from pipelines.matching.people import link_people
from sample_feeds.people import people_table

PEOPLE = pa.table({"record_key": ["a", "b", "c"], "source": ["x", "y", "x"], "given_names": ["Ann", "Ann", "Bo"]})


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.string_view()])
def test_text_may_be_of_any_arrow_type(kind):
    linked = link_people(pa.table({name: PEOPLE[name].combine_chunks().cast(kind) for name in PEOPLE.column_names}))
    assert linked.identities == link_people(PEOPLE).identities


@pytest.mark.parametrize("keys", [["a", "b", "a"], [1, 2, 1]])
def test_repeated_keys_are_refused_and_not_told(keys):
    with pytest.raises(IsindexError) as fault:
        link_people(pa.table({"record_key": pa.array(keys).dictionary_encode(), "source": ["x", "y", "x"]}))
    assert fault.value.code == "RECORD_KEY_REPEATED"


def test_no_people_are_no_fault():
    assert link_people(PEOPLE.slice(0, 0)).identities.num_rows == 0


# ---- the command --------------------------------------------------------------------------------------------------
def run(*arguments):
    return CliRunner().invoke(app, ["link", *map(str, arguments)])


@pytest.fixture(scope="module")
def children(tmp_path_factory):
    """3,000 invented children in a file, and who is who."""
    table = people_table(3_000, seed=9)
    file = tmp_path_factory.mktemp("people") / "people.parquet"
    pq.write_table(table, file)
    return file, dict(zip(table["record_key"].to_pylist(), table["child"].to_pylist(), strict=True))


def test_the_command_links_children_nobody_has_labelled(children, tmp_path):
    file, truth = children
    out, model = tmp_path / "out.parquet", tmp_path / "model.json"
    done = run(file, "--out", out, "--save-model", model, "--json")
    assert done.exit_code == 0, done.output
    found = pq.read_table(out)
    assert found.column_names == ["record_key", "identity", "step", "weight"]
    assert sorted(found["record_key"].to_pylist()) == sorted(truth)
    pairs = [
        {frozenset(pair) for members in groups.values() for pair in combinations(members, 2)}
        for groups in (_grouped(truth), _grouped(dict(zip(*(found[c].to_pylist() for c in ("record_key", "identity")), strict=True))))
    ]  # fmt: skip
    right = len(pairs[0] & pairs[1])
    assert right / len(pairs[1]) > 0.995
    assert right / len(pairs[0]) > 0.97
    again = tmp_path / "again.parquet"
    assert run(file, "--out", again, "--model", model).exit_code == 0
    assert pq.read_table(again)["identity"] == found["identity"]


def _grouped(of):
    groups = {}
    for key, value in of.items():
        groups.setdefault(value, []).append(key)
    return groups


@pytest.mark.parametrize(
    ("table", "options", "code"),
    [
        (pa.table({"record_key": ["a"]}), (), "LINK_COLUMNS_MISSING"),
        (pa.table({"record_key": ["a", None], "source": ["x", "x"]}), (), "RECORD_KEY_MISSING"),
        (pa.table({"record_key": ["Zed", "Zed"], "source": ["x", "x"]}), (), "RECORD_KEY_REPEATED"),
        (pa.table({"record_key": ["a"], "source": ["x"]}), ("--unique-source", "y"), "SOURCE_UNKNOWN"),
        (pa.table({"record_key": ["a"], "source": ["x"]}), ("--model", "nobody-1"), "MODEL_UNKNOWN"),
    ],
)
def test_what_cannot_be_linked_is_said_by_code_and_ends_with_2(table, options, code, tmp_path):
    file = tmp_path / "people.parquet"
    pq.write_table(table, file)
    done = run(file, "--out", tmp_path / "out.parquet", *options)
    assert done.exit_code == 2
    assert code in done.output
    assert "Zed" not in done.output
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_that_is_no_parquet_is_said_to_be_unreadable(tmp_path):
    file = tmp_path / "people.parquet"
    file.write_text("record_key,source\n")
    done = run(file, "--out", tmp_path / "out.parquet")
    assert (done.exit_code, "PEOPLE_UNREADABLE" in done.output) == (2, True)


def test_the_command_tells_of_equal_records_and_of_pairs_that_were_dropped(tmp_path):
    file = tmp_path / "people.parquet"
    known = {"source": "a", "given_names": "Zebedee", "family_name": "Quillerby"}
    more = {"birth_date": "2015-03-14", "postcode": "B12 3CD", "address": "14 Mill Lane"}
    rows = [known | {"record_key": f"n{n:03d}"} for n in range(130)]
    rows += [known | more | {"record_key": f"w{n:03d}"} for n in range(130)]
    pq.write_table(pa.Table.from_pylist([{**dict.fromkeys(more), **row} for row in rows]), file)
    done = run(file, "--out", tmp_path / "out.parquet", "--model", "children-1")
    told = " ".join(done.output.split())
    assert done.exit_code == 0, done.output
    assert "260 records are 131 people" in told
    assert "the same as another in all that is compared: 129" in told
    assert "nothing tells them apart: " in told
