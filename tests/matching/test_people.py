"""The general entry takes whatever columns and types a table of people has."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
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


@pytest.mark.in_full
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
        (pa.table({"record_key": ["a", None], "source": ["x", "x"], "upn": ["", ""]}), (), "RECORD_KEY_MISSING"),
        (pa.table({"record_key": ["Zed", "Zed"], "source": ["x", "x"], "upn": ["", ""]}), (), "RECORD_KEY_REPEATED"),
        (pa.table({"record_key": ["a"], "source": ["x"], "upn": [""]}), ("--unique-source", "y"), "SOURCE_UNKNOWN"),
        (pa.table({"record_key": ["a"], "source": ["x"], "upn": [""]}), ("--model", "nobody-1"), "MODEL_UNKNOWN"),
        (pa.table({"id": ["a"], "upn": [""]}), ("--columns", "given_names=first"), "LINK_COLUMN_UNKNOWN"),
        (pa.table({"id": ["a"], "dob": ["soon"]}), (), "LINK_COLUMN_UNUSABLE"),
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


# ---- what is written beside, and what is read again -----------------------------------------------------------------
@pytest.fixture(scope="module")
def linked(children, tmp_path_factory):
    """The children linked with a model that is given: identities, pairs and review list."""
    file, _ = children
    folder = tmp_path_factory.mktemp("linked")
    places = {name: folder / name for name in ("identities.parquet", "pairs.parquet", "review.csv")}
    done = run(file, "--out", places["identities.parquet"], "--model", "children-1", "--pairs", places["pairs.parquet"],
               "--review", places["review.csv"])  # fmt: skip
    assert done.exit_code == 0, done.output
    return file, places


def test_every_weight_is_the_sum_of_what_is_listed_beside_it(linked):
    pairs = pq.read_table(linked[1]["pairs.parquet"]).to_pandas()
    listed = pairs.drop(columns=["record_key_a", "record_key_b", "probability", "weight", "together"])
    assert len(pairs) > 2_000
    assert (listed.sum(axis=1) - pairs.weight).abs().max() < 0.001
    assert (pairs[pairs.together].probability.min() < 1) and pairs.probability.between(0, 1).all()


def test_the_review_list_has_the_likeliest_first_and_none_that_were_joined(linked):
    review = pd.read_csv(linked[1]["review.csv"])
    identity = pq.read_table(linked[1]["identities.parquet"]).to_pandas().set_index("record_key").identity
    assert len(review) and review.weight.is_monotonic_decreasing
    assert (review.record_key_a.map(identity) != review.record_key_b.map(identity)).all()
    assert set(review.columns) == {"record_key_a", "record_key_b", "probability", "weight", "reason", "fields"}


def test_a_higher_threshold_joins_fewer_and_nothing_below_it(linked, tmp_path):
    file, places = linked
    out, pairs = tmp_path / "out.parquet", tmp_path / "pairs.parquet"
    assert run(file, "--out", out, "--model", "children-1", "--threshold", "0.9999", "--pairs", pairs).exit_code == 0
    strict, loose = (
        len(set(pq.read_table(each)["identity"].to_pylist())) for each in (out, places["identities.parquet"])
    )
    assert strict > loose
    links = pq.read_table(out).to_pandas()
    assert (links[links.step == "probabilistic"].weight.min()) > 0


def test_what_was_linked_before_keeps_its_identity_and_only_new_rows_are_compared(linked, tmp_path):
    file, places = linked
    table = pq.read_table(file)
    some, before, after, pairs = (tmp_path / f"{name}.parquet" for name in ("some", "before", "after", "pairs"))
    pq.write_table(table.take([n for n in range(table.num_rows) if n % 4]), some)
    assert run(some, "--out", before, "--model", "children-1").exit_code == 0
    named = pq.read_table(before)
    named = named.set_column(1, "identity", pc.binary_join_element_wise("old", named["identity"], "-"))
    pq.write_table(named, before)
    done = run(file, "--out", after, "--model", "children-1", "--previous", before, "--pairs", pairs)
    assert done.exit_code == 0, done.output
    was = named.to_pandas().set_index("record_key").identity
    now = pq.read_table(after).to_pandas().set_index("record_key").identity
    kept = now.loc[was.index]
    assert (kept == was).mean() > 0.99  # the others have met through a new row
    assert kept.groupby(was).nunique().max() == 1
    compared = pq.read_table(pairs).to_pandas()
    both_old = compared.record_key_a.isin(was.index) & compared.record_key_b.isin(was.index)
    assert compared[both_old].together.all()
    whole = pq.read_table(places["identities.parquet"]).to_pandas().set_index("record_key").identity
    assert abs(now.nunique() - whole.nunique()) <= 0.005 * whole.nunique()


def test_decided_pairs_are_as_decided(linked, tmp_path):
    file, places = linked
    identity = pq.read_table(places["identities.parquet"]).to_pandas()
    one = identity[identity.duplicated("identity", keep=False)].sort_values("identity").record_key.tolist()[:2]
    two = pd.read_csv(places["review.csv"]).iloc[0]
    decisions, out = tmp_path / "decisions.csv", tmp_path / "out.parquet"
    decisions.write_text(
        f"kind,record_a,record_b\nnot_the_same,{one[0]},{one[1]}\nsame,{two.record_key_a},{two.record_key_b}\n"
    )
    assert run(file, "--out", out, "--model", "children-1", "--decisions", decisions).exit_code == 0
    now = pq.read_table(out).to_pandas().set_index("record_key").identity
    assert now[one[0]] != now[one[1]]
    assert now[two.record_key_a] == now[two.record_key_b]


def test_decisions_of_another_kind_are_refused(linked, tmp_path):
    decisions = tmp_path / "decisions.csv"
    decisions.write_text("kind,record_a,record_b\nperhaps,a,b\n")
    done = run(linked[0], "--out", tmp_path / "out.parquet", "--decisions", decisions)
    assert (done.exit_code, "LINK_DECISIONS_INVALID" in done.output) == (2, True)


@pytest.mark.parametrize("option", ["--out", "--pairs", "--review"])
def test_nothing_that_is_read_is_written_over(linked, tmp_path, option):
    file = tmp_path / "people.parquet"
    file.write_bytes(linked[0].read_bytes())
    before = file.read_bytes()
    out = () if option == "--out" else ("--out", tmp_path / "out.parquet")
    done = run(file, *out, option, file)
    assert (done.exit_code, "OPTIONS_CONFLICT" in done.output) == (2, True)
    assert file.read_bytes() == before


def test_a_csv_of_customers_comes_to_an_answer_in_csv(linked, tmp_path):
    table = pq.read_table(linked[0]).select(
        ["record_key", "source", "given_names", "family_name", "birth_date", "postcode"]
    )
    file, out = tmp_path / "customers.csv", tmp_path / "answer.csv"
    pcsv.write_csv(table.rename_columns(["id", "system", "First name", "Surname", "D.O.B.", "Post code"]), file)
    done = run(file, "--out", out, "--model", "children-1")
    assert done.exit_code == 0, done.output
    assert "First name taken for given_names" in " ".join(done.output.split())
    assert len(pd.read_csv(out)) == table.num_rows
