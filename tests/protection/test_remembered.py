"""What was worked out before spares work and changes no result, whatever became of it."""

from __future__ import annotations

from contextvars import Context
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.protection import tokens as made
from pipelines.protection.remembered import remembering, run_remembered
from pipelines.protection.tokens import tokens_of_places, tokens_of_records
from pipelines.seams.person import ADDRESSES, NAMES, RECORDS

NAME = st.sampled_from(["Ann", "Zoë", "Mary Jane", "O'Neil", "12:3", "-", None])
RECORD = st.fixed_dictionaries({
    "family_name": NAME, "given_names": NAME, "birth_date": st.sampled_from([date(2014, 3, 9), None]),
    "nhs_number": st.sampled_from(["9434765919", None]), "postcode": st.sampled_from(["EX1 1AA", None]),
    "address": st.sampled_from(["4 Sidwick Lane", "The Lodge", None]), "uprn": st.sampled_from(["100040224", None]),
})  # fmt: skip
NIGHT = st.dictionaries(
    st.sampled_from(["a:1", "a:2", "b:1"]), st.tuples(RECORD, st.lists(st.tuples(NAME, NAME), max_size=2))
)


def tables(night: dict[str, tuple[dict[str, object], list[tuple[str, str]]]]) -> tuple[pa.Table, pa.Table, pa.Table]:
    records = [{"record_key": key, **told} for key, (told, _) in night.items()]
    names = [
        {"record_key": key, "family_name": family, "given_names": given}
        for key, (_, others) in night.items()
        for family, given in others
    ]
    return tuple(  # type: ignore[return-value]
        pa.Table.from_pylist(rows, seam.schema)
        for rows, seam in ((records, RECORDS), (names, NAMES), (records, ADDRESSES))
    )


def rows(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def of_nothing(records: pa.Table, names: pa.Table, addresses: pa.Table) -> tuple[list[str], list[str]]:
    return rows(tokens_of_records(records, names)), rows(tokens_of_places(addresses, sought=True))


@pytest.mark.in_full
@settings(deadline=None, max_examples=30)
@given(st.lists(NIGHT, min_size=1, max_size=4))
def test_night_by_night_it_is_what_it_would_be_from_nothing(tmp_path_factory, nights):
    folder = tmp_path_factory.mktemp("memory")
    for night in nights:
        records, names, addresses = tables(night)
        fresh = rows(tokens_of_records(records, names)), rows(tokens_of_places(addresses, sought=True))
        for keeps in (True, False):
            with remembering(folder, keeps=keeps):
                told = rows(tokens_of_records(records, names)), rows(tokens_of_places(addresses, sought=True))
            assert told == fresh


@settings(deadline=None, max_examples=15)
@given(st.lists(NIGHT, min_size=1, max_size=4))
def test_night_after_night_within_a_run_it_is_what_it_would_be_from_nothing(nights):
    with pytest.MonkeyPatch.context() as patch, run_remembered():
        patch.setattr(made, "_FEW", 1.0)
        for night in nights:
            records, names, addresses = tables(night)
            for _ in range(2):
                told = rows(tokens_of_records(records, names)), rows(tokens_of_places(addresses, sought=True))
                assert told == Context().run(of_nothing, records, names, addresses)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, pa.Table, pa.Table, list[int]]:
    """A memory that knows a night, the night, and of how many records tokens were made since."""
    night = {f"a:{number}": ({"family_name": "Ann", "given_names": "Zoë"}, []) for number in range(3)}
    records, names, _ = tables(night)  # type: ignore[arg-type]
    worked: list[int] = []
    make = made._tokens

    def counted(views: dict[str, pa.Table], *arguments: object) -> pa.Table:
        worked.append(views["records"].num_rows)
        return make(views, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(made, "_tokens", counted)
    with remembering(tmp_path, keeps=True):
        tokens_of_records(records, names)
    worked.clear()
    return tmp_path, records, names, worked


def test_only_what_is_new_is_worked_out(filled):
    folder, records, names, worked = filled
    altered = pa.Table.from_pylist(
        [row | {"given_names": "Mary"} if row["record_key"] == "a:1" else row for row in records.to_pylist()],
        records.schema,
    )
    with remembering(folder, keeps=True):
        tokens_of_records(records, names)
        tokens_of_records(altered, names)
    assert worked == [0, 1]


def test_of_what_is_at_hand_only_what_differs_is_worked_out(filled, monkeypatch):
    folder, records, names, worked = filled
    monkeypatch.setattr(made, "_FEW", 1.0)
    altered = records.set_column(
        records.column_names.index("postcode"), "postcode", pa.array(["EX1 1AA", None, None], pa.string())
    )
    with run_remembered(), remembering(folder):
        tokens_of_records(records, names)
        tokens_of_records(records, names)
        tokens_of_records(altered, names)
    with remembering(folder):
        tokens_of_records(records, names)
    assert worked == [0, 1, 0]


def test_a_handful_of_records_does_not_take_the_place_of_all_that_are_at_hand(filled, monkeypatch):
    folder, records, names, worked = filled
    monkeypatch.setattr(made, "_A_HANDFUL", 0.5)
    with run_remembered(), remembering(folder):
        every = rows(tokens_of_records(records, names))
        one = rows(tokens_of_records(records.slice(0, 1), names))
        assert one == [row for row in every if "a:0" in row]
        assert rows(tokens_of_records(records, names)) == every
    assert worked == [0, 1]


@pytest.mark.parametrize("damage", ["cut", "altered", "unsealed", "another's seal"])
def test_a_damaged_memory_is_none(filled, damage):
    folder, records, names, worked = filled
    before = rows(tokens_of_records(records, names))
    worked.clear()
    path, seal = folder / "tokens.parquet", folder / "tokens.seal"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "altered":
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        path.write_bytes(bytes(content))
    elif damage == "unsealed":
        seal.unlink()
    else:
        seal.write_text("0" * 64)
    with remembering(folder):
        assert rows(tokens_of_records(records, names)) == before
    assert worked == [3]


def test_nothing_in_it_can_be_read(filled):
    folder, *_ = filled
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(word in content for word in (b"Ann", b"ann", "Zoë".encode(), b"zoe", b"a:1"))
