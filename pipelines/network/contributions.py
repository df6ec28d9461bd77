"""What an authority gives the network: one minimal row for each child of its published snapshot, and digests; not more.

Belongs here: making it of a version in force, and keeping it by the version's name, for that never changes. Of a protected child there is
its name, sex, birth date and what finds it again by number; nothing of where it lives. Beside the rows stand what all records of each child are known by,
and what its protection knows (`known_by`). Names are those that the version shows, so nothing is here that
a firewall keeps from being shown; numbers and postcodes are keyed digests: numbers are readable by the agency alone that issued them, and who is
shielded later has left no address here.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.errors import IsindexError
from pipelines.network.known_by import hiding_tokens, known_by, tokens_of_all
from pipelines.network.place import Network
from pipelines.nights.attempts import attempt_in_force
from pipelines.nights.decided import decisions_of
from pipelines.nights.night import Night
from pipelines.nights.walls import walls_in
from pipelines.privacy.secret import key_for
from pipelines.protection.register import ELSEWHERE
from pipelines.publishing.manifests import is_published, manifest_of
from pipelines.publishing.publish import snapshot_tables
from pipelines.publishing.versions import versions_in_force
from pipelines.seams.network import CHILDREN, FIREWALLS, HIDING_TOKENS, KNOWN_BY, NAMES
from pipelines.seams.protection import LATCHED
from pipelines.seams.seam import Seam, give, grown
from pipelines.tables import connect, fetch, read_table, read_told, write_json, write_table

__all__ = ["ROWS", "TABLES", "Contribution", "contribute", "standing_contribution"]

ROWS: dict[str, Seam] = {"children": CHILDREN, "names": NAMES, "firewalls": FIREWALLS}
"""What a night takes as a whole."""
TABLES: dict[str, Seam] = {**ROWS, "tokens": KNOWN_BY, "hiding_tokens": HIDING_TOKENS}
_COMPLETE = "contribution.json"
_FORM = 3  # grows with what is given of a child


@dataclass(frozen=True)
class Contribution:
    """What an authority gives.

    Attributes:
        authority: DfE code.
        version: the published version that it was made of, as it is shown.
        business_date: the version's.
        folder: where `TABLES` lie.
        stale: why it is not what the authority has in force by now, as a code; "" where it is.
    """

    authority: str
    version: str
    business_date: date
    folder: Path
    stale: str = ""


def contribute(network: Network, authority: str) -> Contribution:
    """What the version in force gives, made where that was not done yet.

    Raises:
        IsindexError: NOT_PUBLISHED when none is in force; STORE_DAMAGED, VERSION_DAMAGED and others when what is cannot be read.
    """
    home = network.deployment.home
    versions = versions_in_force(home, authority)
    if not versions:
        raise IsindexError(
            "NOT_PUBLISHED",
            "The authority has published nothing yet.",
            where=f"authority {authority}",
            remedy="Load its deliveries first.",
        )
    day = max(versions)
    version = versions[day]
    folder = network.contribution(authority, version)
    if not _is_made(folder):
        shown = home.snapshots(authority) / version
        if not is_published(snapshot_tables(shown), manifest_of(shown)):
            raise IsindexError(
                "VERSION_DAMAGED",
                "The published version is not what its manifest says.",
                where=f"authority {authority}, {version}",
                remedy=f"`isindex load --again --authority {authority} --night {day}` makes its files anew.",
            )
        _make(Night(network.deployment, authority, day), version, shown, folder)
    return Contribution(authority, version, day, folder)


def standing_contribution(network: Network, authority: str, stale: str) -> Contribution | None:
    """What an authority gave last, where what it has now cannot be read (`stale`, a code); None when it never gave anything."""
    made = sorted(path.parent for path in (network.root / "contributions" / authority).glob(f"v=*/{_COMPLETE}"))
    if not made:
        return None
    latest = max(made, key=lambda folder: (folder.name[2:12], (folder / _COMPLETE).stat().st_mtime_ns))
    return Contribution(authority, latest.name, date.fromisoformat(latest.name[2:12]), latest, stale)


def _is_made(folder: Path) -> bool:
    """Whether a contribution lies there whole, as it is given by now."""
    path = folder / _COMPLETE
    return path.is_file() and read_told(path, {}).get("form") == _FORM


def _make(night: Night, version: str, shown: Path, folder: Path) -> None:
    attempt = attempt_in_force(night, version)
    if attempt is None or not (attempt.folder / "person" / "records.parquet").is_file():
        raise IsindexError(
            "BASE_MISSING",
            "The tables that the version was built from are not in the home.",
            where=f"{night.where}, {version}",
            remedy="Restore the home from its backup, or run the night again.",
        )
    person, protection = attempt.folder / "person", attempt.folder / "protection"
    tables = snapshot_tables(shown)
    views = {
        **{name: tables[name] for name in ("children", "names", "addresses")},
        "records": person / "records.parquet",
        "identities": attempt.folder / "identities" / "identities.parquet",
        "entries": protection / "entries.parquet",
        "decisions": decisions_of(attempt.inputs),
        "walls": walls_in(attempt.folder),
    }
    with connect(views) as duck:
        duck.execute("SET VARIABLE authority = ?", [night.authority])
        duck.execute("SET VARIABLE secret = ?", [key_for("numbers in the network").hex()])
        duck.execute("SET VARIABLE elsewhere = ?", [ELSEWHERE])
        duck.register("tokens", tokens_of_all(person))
        duck.register("latched", grown(read_table(protection / "latched.parquet"), LATCHED))
        duck.execute(_ASKING)
        duck.execute(_NUMBERS)
        made = {name: give(fetch(duck, sql), TABLES[name]) for name, sql in _TABLES.items()}
        made |= {"tokens": known_by(duck), "hiding_tokens": hiding_tokens(duck)}
    shutil.rmtree(folder, ignore_errors=True)
    for name, table in made.items():
        write_table(table, folder / f"{name}.parquet")
    write_json({"form": _FORM, "rows": {name: table.num_rows for name, table in made.items()}}, folder / _COMPLETE)


# children for whom a record asks, or a wish that stands and that no message of the network made, or a decision
_ASKING = """
    CREATE TEMP TABLE protected AS SELECT index_id FROM children WHERE shielded OR withheld;
    CREATE TEMP TABLE marked AS
    SELECT DISTINCT index_id FROM identities SEMI JOIN protected USING (index_id)
    JOIN (SELECT record_key FROM records WHERE coalesce(shielded, true) UNION SELECT record_a FROM decisions WHERE kind = 'shield') USING (record_key);
    CREATE TEMP TABLE wished AS
    SELECT DISTINCT unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL AND asked <> getvariable('elsewhere');
    CREATE TEMP TABLE asking AS
    SELECT DISTINCT index_id FROM identities SEMI JOIN protected USING (index_id)
    JOIN (SELECT DISTINCT record_key FROM tokens SEMI JOIN wished USING (token)) USING (record_key)
    UNION FROM marked
"""
# of each child the numbers of its records, that of most of them first; none of a child that is shown without a name: it may be two
_NUMBERS = """
    CREATE TEMP TABLE numbers AS
    WITH borne AS (
        SELECT index_id, kind, number, count(*) AS records FROM (
            SELECT record_key, 'nhs' AS kind, unnest([nhs_number, previous_nhs_number]) AS number FROM records
            UNION ALL SELECT record_key, 'upn', unnest([upn, former_upn]) FROM records
        ) JOIN identities USING (record_key)
        SEMI JOIN (SELECT index_id FROM children WHERE coalesce(family_name, given_names) IS NOT NULL) USING (index_id)
        WHERE number IS NOT NULL GROUP BY ALL
    ),
    told AS (
        SELECT index_id, kind, left(sha256(getvariable('secret') || ' ' || kind || ' ' || number), 32) AS number,
            row_number() OVER (PARTITION BY index_id, kind ORDER BY records DESC, number) AS place
        FROM borne
    )
    SELECT index_id, max(number) FILTER (kind = 'nhs' AND place = 1) AS nhs_number,
        max(number) FILTER (kind = 'nhs' AND place = 2) AS previous_nhs_number,
        max(number) FILTER (kind = 'upn' AND place = 1) AS upn, max(number) FILTER (kind = 'upn' AND place = 2) AS former_upn
    FROM told WHERE place < 3 GROUP BY index_id
"""
_ROW_KEY = "getvariable('authority') || ':' ||"
_TABLES = {
    "children": f"""
        WITH lives AS (
            SELECT index_id, arg_max(postcode, {{'since': coalesce(from_date, DATE '1900-01-01'), 'postcode': postcode}}) AS postcode
            FROM addresses WHERE postcode IS NOT NULL AND coalesce(status, 'current') = 'current' GROUP BY index_id
        )
        SELECT {_ROW_KEY} index_id AS row_key, getvariable('authority') AS authority, index_id, given_names, family_name, birth_date, sex,
            if(shielded OR withheld, NULL, left(sha256(getvariable('secret') || ' postcode ' || upper(replace(postcode, ' ', ''))), 32)) AS postcode,
            nhs_number, previous_nhs_number, upn, former_upn,
            shielded OR withheld AS protected, index_id IN (FROM asking) AS asks, agencies,
            index_id IN (FROM marked) AS marked
        FROM children LEFT JOIN lives USING (index_id) LEFT JOIN numbers USING (index_id) LEFT JOIN (
            SELECT index_id, count(DISTINCT agency) AS agencies FROM identities JOIN records USING (record_key) GROUP BY index_id) USING (index_id)
        ORDER BY row_key
    """,
    "names": f"""
        SELECT DISTINCT {_ROW_KEY} index_id AS row_key, kind, family_name, given_names FROM names
        WHERE coalesce(family_name, given_names) IS NOT NULL ORDER BY ALL
    """,
    "firewalls": f"""
        WITH sides AS (SELECT DISTINCT wall_a, wall_b, side, index_id FROM walls JOIN identities USING (record_key))
        SELECT DISTINCT {_ROW_KEY} least(a.index_id, b.index_id) AS row_key_a, {_ROW_KEY} greatest(a.index_id, b.index_id) AS row_key_b
        FROM sides a JOIN sides b USING (wall_a, wall_b) WHERE a.side <> b.side AND a.index_id <> b.index_id ORDER BY ALL
    """,
}
