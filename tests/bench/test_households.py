"""The bench of households prints what the files of the version do not show, counted here without the product's rule."""

import re

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench import households
from pipelines.deployment import open_deployment
from pipelines.nights.attempts import Attempt
from pipelines.nights.night import Night

LINE = re.compile(r"^  (.{50}) *([0-9,]+) +([0-9,]+) +[0-9.]+% +([0-9,]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """What is printed, and the folders of the night and of its version."""
    place = tmp_path_factory.mktemp("households")
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr("builtins.print", lambda *words, end="\n", **_: told.append(" ".join(map(str, words)) + end))
        assert households.main(["--children", "2500", "--seed", "1", "--keep", str(place)]) == 0
    deployment = open_deployment(place / "seed-1" / "home", create=False)
    attempt = Attempt.last(Night(deployment, households.AUTHORITY, households.NIGHT))
    published = deployment.home.snapshots(households.AUTHORITY) / str(attempt.night.version())
    lines = {
        what.strip(): [int(each.replace(",", "")) for each in numbers] for what, *numbers in LINE.findall("".join(told))
    }
    return lines, attempt.folder, published


def of_children(night, hidden):
    """record_key → index_id of open children, or of hidden ones."""
    _, folder, _ = night
    seen = pq.read_table(folder / "identities" / "visibility.parquet").to_pylist()
    mine = {row["index_id"] for row in seen if (row["shielded"] or row["withheld"]) is hidden}
    rows = pq.read_table(folder / "identities" / "identities.parquet").to_pylist()
    return {row["record_key"]: row["index_id"] for row in rows if row["index_id"] in mine}


def not_shown(night, table, columns, hidden=False):
    """(index_id, values) delivered, one a row; and those of them that the version shows nowhere of the child."""
    _, folder, published = night
    who = of_children(night, hidden)
    rows = [
        row for row in pq.read_table(folder / "person" / f"{table}.parquet").to_pylist() if row["record_key"] in who
    ]
    rows = [row for row in rows if row.get("kind") != "sensitive_service" and any(row[each] for each in columns)]
    delivered = [(who[row["record_key"]], *(row[each] for each in columns)) for row in rows]
    shown = {
        (row["index_id"], *(row[each] for each in columns))
        for row in pq.read_table(published / f"{table}.parquet").to_pylist()
    }
    return delivered, [cell for cell in delivered if cell not in shown]


@pytest.mark.in_full
def test_every_column_is_counted_as_the_version_has_it(night):
    lines, *_ = night
    for what, (table, column) in {**households.COLUMNS, "addresses": ("addresses", None)}.items():
        delivered, gone = not_shown(night, table, [column] if column else ["address", "postcode", "uprn"])
        sake, of, other = lines[f"{what} of open records"]
        assert (of, sake + other) == (len(delivered), len(gone)), what
    assert lines["addresses of open records"][0] > 0


def test_children_are_counted_as_the_version_has_them(night):
    lines, _, published = night
    children = pq.read_table(published / "children.parquet")
    hidden = pc.sum(pc.or_(children["shielded"], children["withheld"])).as_py()
    assert lines["children hidden (shielded or withheld)"][0] == hidden > 0
    delivered, _ = not_shown(night, "addresses", ["address", "postcode", "uprn"])
    who = {index_id for index_id, *_ in delivered}
    shown = {
        row["index_id"]
        for row in pq.read_table(published / "addresses.parquet").to_pylist()
        if row["address"] or row["postcode"] or row["uprn"]
    }
    sake, of, other = lines["open children who have an address, and show none"]
    assert (of, sake + other) == (len(who), len(who - shown))


def test_carers_of_hidden_children_are_counted_by_record_and_by_name(night):
    lines, *_ = night
    delivered, gone = not_shown(night, "carers", ["name"], hidden=True)
    sake, of, other = lines["carers' names of hidden records"]
    assert (of, sake + other) == (len(delivered), len(gone))
    sake, of, other = lines["carers' names of hidden children, each once"]
    assert (of, sake + other) == (len(set(delivered)), len(set(gone)))
