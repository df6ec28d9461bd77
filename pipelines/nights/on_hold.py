"""What the children of versions on hold are known by, as keyed digests: kept as long as the hold, beyond the night's own tables.

A version that is no night's any more is held against what protection knows: by index ids and references, and by these. A child that asks later,
under another key, has neither of the first two in common with it.

Belongs here: keeping and reading them. Not here: what follows (`protective`), which versions are on hold (`decisions`).

    snapshots/<authority>/known_by/<version>.parquet      index_id, kind, token
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights.attempts import Attempt, attempt_behind
from pipelines.nights.decisions import versions_on_hold
from pipelines.nights.night import Night
from pipelines.protection.tokens import LASTING, tokens_of_records
from pipelines.publishing.versions import built, folder_of
from pipelines.tables import connect, fetch, read_table, write_table

__all__ = ["keep_known_by", "known_by_in"]

_KNOWN_BY = pa.schema([("index_id", pa.string()), ("kind", pa.string()), ("token", pa.string())])
_READ = ("person/records.parquet", "person/names.parquet", "identities/identities.parquet")


def keep_known_by(deployment: Deployment, authority: str) -> None:
    """Keep it of each version on hold of which it is not kept yet and whose night's tables are there; let go what is of none."""
    home, held = deployment.home, versions_on_hold(deployment, authority)
    kept = {path.stem: path for path in _folder(home, authority).glob("*.parquet")}
    for version in held - set(kept):
        if folder_of(home, authority, version) is None:
            continue
        attempt = attempt_behind(Night(deployment, authority, date.fromisoformat(version[2:12])), version)
        if attempt is None or not all((attempt.folder / name).is_file() for name in _READ):
            continue
        try:
            found = _known_by(attempt)
        except IsindexError:  # of a damaged night no more can be kept than is shown
            continue
        write_table(found, _folder(home, authority) / f"{version}.parquet")
    for version, path in kept.items():
        if version not in held or folder_of(home, authority, version) is None:
            path.unlink(missing_ok=True)


def known_by_in(home: Home, authority: str, version: str) -> pa.Table:
    """What is kept of a version: index_id, kind, token; nothing where it is not on hold."""
    path = _folder(home, authority) / f"{built(version)}.parquet"
    return read_table(path) if path.is_file() else _KNOWN_BY.empty_table()


def _folder(home: Home, authority: str) -> Path:
    return home.snapshots(authority) / "known_by"


def _known_by(attempt: Attempt) -> pa.Table:
    records, names, identities = (read_table(attempt.folder / name) for name in _READ)
    with connect({"tokens": tokens_of_records(records, names), "identities": identities}) as duck:
        duck.execute("SET VARIABLE lasting = ?", [list(LASTING)])
        found = fetch(
            duck,
            """
            SELECT DISTINCT index_id, kind, token FROM tokens JOIN identities USING (record_key)
            WHERE list_contains(getvariable('lasting'), kind::VARCHAR) ORDER BY ALL
        """,
        )
    return found.cast(_KNOWN_BY)
