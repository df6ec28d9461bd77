"""The index database holds what the files hold, row by row, whatever is in them and whatever became of the run before."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import date

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from pipelines.database import open_database
from pipelines.database.schema import INDEX_TABLES, identity, ledger_event, night, snapshot_version
from pipelines.outages import as_coded
from pipelines.publishing import index_database
from pipelines.publishing.index_database import bring_up_to_date
from pipelines.publishing.publish import snapshot_tables
from pipelines.seams import words
from pipelines.tables import read_table

LONG = "Wolfeschlegelsteinhausenbergerdorff-" * 30
STRANGE = 'O\'Brien "Zoë", 𠮷野 😀 ﷽\\. \\N NULL'
ANNA = {
    "record_key": "health:1", "family_name": LONG, "given_names": STRANGE, "nhs_number": "9434765919",
    "birth_date": date(1999, 1, 1), "address_status": "left_intends_return",
    "names": [
        {"kind": "former", "family_name": STRANGE, "given_names": LONG, "from_date": date(1900, 1, 1)},
        {"kind": "alias", "family_name": "x", "to_date": date(9999, 12, 31)},
    ],
    "addresses": [
        {"address": LONG, "postcode": "GIR 0AA, BFPO 1234", "uprn": "1" * 30, "status": status, "from_date": date(1900, 1, 1)}
        for status in words.ADDRESS_STATUSES
    ],
    "carers": [{"name": STRANGE, "relationship": LONG, "contact": LONG}],
    "involvements": [
        {"kind": kind, "service": LONG, "contact": f"{STRANGE} {LONG}", "phone": LONG, "start_date": date(2020, 1, 1)}
        for kind in words.INVOLVEMENT_KINDS if kind != "sensitive_service"
    ] + [{"kind": "sensitive_service"}],
    "flags": [{"flag": flag} for flag in words.FLAGS],
}  # fmt: skip
FAR = {**ANNA, "record_key": f"{'a' * words.AGENCY}:9", "nhs_number": None}
BEN = {"record_key": "police:2", "family_name": "Stone", "given_names": "Ben", "sex": "M", "shielded": True}
CARA = {"record_key": "police:3", "family_name": "Reed", "given_names": "Cara"}
TABLES = (*INDEX_TABLES.values(), identity, ledger_event, snapshot_version, night)


def everything(engine):
    """Every row of every table that follows the files, but for the time it was written."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                repr([value for name, value in row.items() if name not in ("published_at", "finished_at")])
                for row in connection.execute(select(table)).mappings()
            )
            for table in TABLES
        }


def undisturbed(database, home, tmp_path):
    """The same nights in a database of their own, brought up to date once."""
    engine = open_database(database.url(tmp_path / "undisturbed"))
    bring_up_to_date(engine, home, "301")
    told = everything(engine)
    engine.dispose()
    return told


@pytest.mark.others_in_full
def test_a_night_with_every_kind_of_row_is_in_the_database_as_in_the_files(make_night, home, engine):
    first = make_night(1, [ANNA, FAR, BEN, CARA])
    first.publish()
    second = make_night(2, [ANNA, FAR, BEN, CARA], {"health:1": FAR["record_key"]})
    published = second.publish()
    bring_up_to_date(engine, home, "301")
    kinds = {"involvements": words.INVOLVEMENT_KINDS, "names": words.NAME_KINDS}
    with engine.connect() as connection:
        for name, path in snapshot_tables(published.folder).items():
            table, files = INDEX_TABLES[name], read_table(path)
            rows = connection.execute(
                select(*(table.c[column] for column in files.column_names)).order_by(table.c.index_id, table.c.row)
            )
            assert [dict(row) for row in rows.mappings()] == files.to_pylist(), name
            assert files.num_rows, name
            assert set(kinds.get(name, ())) <= set(files["kind"].to_pylist() if "kind" in files.column_names else ())
        states = dict(connection.execute(select(identity.c.index_id, identity.c.state)).all())
        counted = connection.scalar(select(func.count()).select_from(ledger_event))
    assert states == dict(
        zip(*(second.state.index_ids[name].to_pylist() for name in ("index_id", "state")), strict=True)
    )
    assert counted == first.events.num_rows + second.events.num_rows


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.database import open_database
from pipelines.home import Home
from pipelines.publishing import index_database
write, left = index_database.write_rows, int(sys.argv[3])
def deadly(*given):
    global left
    write(*given)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
index_database.write_rows = deadly
index_database.bring_up_to_date(open_database(sys.argv[1]), Home(Path(sys.argv[2])), "301")
"""


@pytest.mark.in_full
@pytest.mark.parametrize("writes", [1, 4, 8])
def test_a_process_killed_in_the_middle_of_its_writes_leaves_all_of_the_old_and_the_next_brings_all_of_the_new(
    make_night, home, engine, database, tmp_path, writes
):
    make_night(1, [ANNA, BEN, CARA]).publish()
    bring_up_to_date(engine, home, "301")
    before = everything(engine)
    make_night(2, [{**ANNA, "sex": "M"}, FAR, BEN]).publish()
    command = [sys.executable, "-c", KILLED, database.url(home.root), str(home.root), str(writes)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert everything(engine) == before
    assert bring_up_to_date(engine, home, "301") > 0
    assert everything(engine) == undisturbed(database, home, tmp_path)
    assert bring_up_to_date(engine, home, "301") == 0


@pytest.mark.in_full
@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("writes", [1, 4, 8])
def test_a_connection_that_the_server_ends_in_the_middle_of_a_copy_is_told_by_code_and_the_next_call_ends_the_same(
    make_night, home, engine, database, tmp_path, monkeypatch, writes
):
    make_night(1, [ANNA, BEN, CARA]).publish()
    bring_up_to_date(engine, home, "301")
    before = everything(engine)
    make_night(2, [{**ANNA, "sex": "M"}, FAR, BEN]).publish()
    real, told = index_database.write_rows, []

    def ended(connection, target, table):
        told.append(target.name)
        if len(told) == writes:
            end_of(database.url(home.root), connection.scalar(text("SELECT pg_backend_pid()")))
        real(connection, target, table)

    with monkeypatch.context() as patch:
        patch.setattr(index_database, "write_rows", ended)
        with pytest.raises(DBAPIError) as caught:
            bring_up_to_date(engine, home, "301")
    fault = as_coded(caught.value)
    assert (fault.code, fault.may_pass) == ("DATABASE_UNREACHABLE", True)
    assert LONG not in str(fault)
    assert everything(engine) == before
    bring_up_to_date(engine, home, "301")
    assert everything(engine) == undisturbed(database, home, tmp_path)


def end_of(url: str, backend: int) -> None:
    """Let the server end a connection, as an administrator would."""
    other = create_engine(url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
    other.dispose()
