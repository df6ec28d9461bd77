"""Protection does not wait, and it reaches back: every version that shows somebody who must be hidden by now is published
again without.

Belongs here: when that is, and in which versions. It is asked after every run of an authority's nights, however the run
ended: a night that is held or failed, and a delivery that waits for a gap, keep back what is new, never a protection. A version
that cannot be made less any more is removed; where only the machine was in the way, it waits and is tried again. Not here: who must be hidden (`hiding`), how a version is made less
(`put_in_force`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlalchemy import select

from pipelines.audit import refuse_older_database
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.identities.state import identities_of
from pipelines.nights.attempts import Attempt, attempt_in_force, attempts_not_published, attempts_published
from pipelines.nights.counted import counted_beyond, hidden_for_own_sake
from pipelines.nights.decided import lifting_in
from pipelines.nights.decisions import versions_on_hold
from pipelines.nights.follow import newest_in_force
from pipelines.nights.found_unpublished import wish_for_those_found
from pipelines.nights.held_against import held_against, note_held_against
from pipelines.nights.hiding import Known, hidden_beyond, known_now, what_hides
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.on_hold import known_by_in
from pipelines.nights.put_in_force import audit_of, bury_replaced, put_in_force
from pipelines.nights.requests import count_kept
from pipelines.nights.sensitive_by_now import keep_unserviced
from pipelines.nights.walls import walls_in
from pipelines.outages import as_coded
from pipelines.protection.household import COMMUNAL_CHILDREN, COMMUNAL_FAMILIES
from pipelines.protection.places import known_places
from pipelines.protection.remembered import remembering, run_remembered
from pipelines.protection.ties import tie_tokens
from pipelines.protection.tokens import tokens_of_records
from pipelines.publishing.manifests import is_published, manifest_or_none
from pipelines.publishing.publish import bury, let_snapshot_go, snapshot_tables
from pipelines.publishing.tombstones import NO_NIGHTS, NOT_LESS, Counted, tombstones
from pipelines.publishing.versions import built, folder_of, versions_in_force, versions_there
from pipelines.reporting.protection_waits import waits_on
from pipelines.tables import connect, fetch

# what says that a version cannot be made less, however often it is tried; anything else may be over at the next load
_CANNOT_BE_LESS = frozenset(
    "PROTECTION_UNPROVEN GATES_FAILED PUBLISH_DAMAGED BASE_CHANGED BASE_DAMAGED BASE_MISSING STORE_DAMAGED".split()  # noqa: SIM905
)
__all__ = ["Protective", "protect_at_once", "protect_in_any_case", "protection_lags", "protection_waits", "taken_away"]

_UNREAD = "STORE_DAMAGED"  # nothing stood in the way, but what is in force cannot be read
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Protective:
    """A version that was published again less somebody, or removed: `shown` is its new name, None when it was removed.

    `children`, `walled`, `homes` and `opened` are numbers of its children, as `Counted` has them.
    """

    business_date: date
    version: str
    shown: str | None
    children: int
    opened: int = 0
    walled: int = 0
    homes: int = 0

    @classmethod
    def of(cls, business_date: date, version: str, shown: str | None, counted: Counted) -> Protective:
        """With its numbers."""
        return cls(business_date, version, shown, **asdict(counted))


def protect_at_once(deployment: Deployment, authority: str) -> list[Protective]:
    """Hide in every version of an authority whom it must hide by now; what was done, the latest night first.

    The caller holds the authority's lock. Called again it does nothing, and costs a look at the register.

    Raises:
        IsindexError: DATABASE_OLDER: from what it lacks children would be shown again. PROTECTION_UNPROVEN and whatever a publish may raise, of the version in force; older ones are removed
            then. An outage of the machine, of any version: the others are seen to before.
    """
    versions = versions_in_force(deployment.home, authority)
    if not versions:
        return []
    refuse_older_database(deployment)
    count_kept(Night(deployment, authority, max(versions)))
    newest = newest_in_force(Night(deployment, authority, max(versions)))
    if newest is None:
        return []
    if _held_against(deployment, authority, newest):
        return []
    meant = _meant(newest)  # before it is read: what is told or decided from here on is held against the next time
    known = known_now(newest)
    if wish_for_those_found(newest, known):
        meant = _meant(newest)
        known = known_now(newest)
    settled = _settled(deployment, authority, known)
    with remembering(deployment.home.memory(authority)):
        done = list(_made_less(deployment, authority, known, settled))
    done += _superseded(deployment, authority, known, every=bool(done))
    _let_copies_go(deployment, authority)
    older = versions_in_force(deployment.home, authority)
    latest = date.max if _learned_nothing(newest, known) else newest.night.business_date
    held = sorted(version for day, version in older.items() if day < latest)
    found = [each.number for each in attempts_not_published(newest.night)]
    published = max((each.number for each in attempts_published(newest.night)), default=0)
    seen = [*meant, *_versions(newest)]
    note_held_against(deployment.home, authority, seen, known.digest, held, found, published)
    return done


def protect_in_any_case(deployment: Deployment, authority: str) -> list[Protective]:
    """`protect_at_once`, whatever became of the run: what is in its way is told by `protection_waits`, and tried again.

    It is written down for the pages, too (`pipelines.reporting.protection_waits`), and no more once protection has come to its end.
    """
    try:
        with alone(deployment, authority), run_remembered():
            done = protect_at_once(deployment, authority)
            waits_on(deployment.home, authority, _UNREAD if _waits(deployment, authority) else "")
            return done
    except Exception as fault:
        code = as_coded(fault).code
        _log.warning("protection of authority %s waits: %s", authority, code)
        if code != "NIGHT_RUNNING":  # else the run that holds the lock sees to it
            _told_to_the_pages(deployment, authority, code)
        return []


def _told_to_the_pages(deployment: Deployment, authority: str, code: str) -> None:
    try:
        waits_on(deployment.home, authority, code)
    except Exception as fault:  # what keeps protection waiting, a full disk say, may keep this from being written
        _log.warning("that protection of authority %s waits is not on the pages: %s", authority, as_coded(fault).code)


def protection_waits(deployment: Deployment, authorities: Iterable[str]) -> list[str]:
    """Authorities whose versions may still show somebody who must be hidden: `protect_at_once` has not come to its end.

    One of which it cannot be read what is in force, or whose tables behind that are gone, is among them.
    """
    return [authority for authority in authorities if _waits(deployment, authority)]


def protection_lags(deployment: Deployment, authority: str) -> bool:
    """Whether something has been found by an attempt, in force or not, and the versions were not held against it: its run was killed before.

    What was asked for since is no such thing: the next night is held against that, too.
    """
    versions = versions_in_force(deployment.home, authority)
    newest = newest_in_force(Night(deployment, authority, max(versions))) if versions else None
    told = held_against(deployment.home, authority) if newest else None
    return newest is not None and (told is None or not set(map(_named, _attempts(newest))) <= told.known)


def _waits(deployment: Deployment, authority: str) -> bool:
    try:
        versions = versions_in_force(deployment.home, authority)
    except IsindexError:
        return True
    if not versions:
        return bool(versions_there(deployment.home, authority))  # what says which are in force is gone
    newest = newest_in_force(Night(deployment, authority, max(versions)))
    return newest is None or not _held_against(deployment, authority, newest)


def taken_away(deployment: Deployment, authority: str) -> list[Protective]:
    """All versions that were ever published again less somebody, or removed, by what stands in their tombstones; sorted."""
    return [
        Protective.of(each.business_date, each.version, each.replaced_by, each.counted)
        for each in tombstones(deployment.home, authority)
    ]


def _held_against(deployment: Deployment, authority: str, newest: Attempt) -> bool:
    """Whether the versions were held against all that is known now; what was let go since changes nothing."""
    told = held_against(deployment.home, authority)
    return told is not None and told.known.issuperset([*_meant(newest), *_versions(newest)])


def _learned_nothing(newest: Attempt, known: Known) -> bool:
    """Whether the latest night hides by the very latches and wishes that it began with: then it has been held against what is known."""
    try:
        base = newest.base()
    except IsindexError:  # it was replaced since: of what the latest night has learned there nobody can say
        return False
    return base is not None and not known.since and not lifting_in(newest) and what_hides(newest) == what_hides(base)


def _settled(deployment: Deployment, authority: str, known: Known) -> frozenset[str]:
    """Versions that were held against the very same knowledge before: an uneventful night looks at none of them."""
    told = held_against(deployment.home, authority)
    return told.versions if told and told.knowledge == known.digest else frozenset()


def _made_less(deployment: Deployment, authority: str, known: Known, settled: Collection[str]) -> Iterator[Protective]:
    """Publish again, less whom they must hide, the versions of nights in force that show somebody, but those `settled`.

    One whose manifest is damaged is published again in any case: that makes its files anew.
    """
    home, newest = deployment.home, known.latest
    waits: IsindexError | None = None
    for day, version in sorted(versions_in_force(home, authority).items(), reverse=True):
        if version in settled:
            continue
        folder = home.snapshots(authority) / version
        if not folder.is_dir():
            continue  # let go
        manifest = manifest_or_none(folder)
        attempt = attempt_in_force(Night(deployment, authority, day), version)
        if attempt is None or not (attempt.folder / "identities" / "visibility.parquet").is_file():
            showed = _shown_in(folder, known)
            if showed != Counted():
                counted = showed or Counted()
                bury(home, authority, version, NOT_LESS, None, counted)
                yield Protective.of(day, version, None, counted)
            continue
        more = None
        try:
            more = hidden_beyond(attempt, known)
            keep_unserviced(attempt, more.unserviced)
            if manifest is not None and more.digest == manifest.get("less", {}).get("hidden", ""):
                bury_replaced(attempt, version, known)  # what a run that was killed has left
                continue
            published, _ = put_in_force(attempt, audit_of(attempt), known, more)
        except Exception as fault:
            coded = as_coded(fault)
            if day == newest.night.business_date:
                raise
            if coded.code not in _CANNOT_BE_LESS:
                waits = waits or coded
                continue
            counted = counted_beyond(attempt, known, more) if more is not None else Counted()
            for left in versions_there(home, authority):  # a run that was killed may have left it under another name
                if built(left) == built(version):
                    bury(home, authority, left, NOT_LESS, None, counted)
            yield Protective.of(day, version, None, counted)
        else:
            yield _replaced(deployment, authority, version, published.version) or Protective(
                day, version, published.version, more.visibility.num_rows
            )
    if waits is not None:
        raise waits


def _replaced(deployment: Deployment, authority: str, version: str, shown: str) -> Protective | None:
    """What a version left that is shown as `shown` by now; None where that is its own name."""
    every = (each for each in taken_away(deployment, authority) if (each.version, each.shown) == (version, shown))
    return next(every, None)


def _superseded(deployment: Deployment, authority: str, known: Known, *, every: bool) -> Iterator[Protective]:
    """Remove versions that are no night's any more and show one of the children who are hidden now: nobody can make them less.

    Those that were made less before go too, with their ledger, unless they are on hold. `every`: also those that show none of them, likewise;
    nobody builds on them.
    """
    in_force = {built(version) for version in versions_in_force(deployment.home, authority).values()}
    held = {built(version) for version in versions_on_hold(deployment, authority)}
    for version in versions_there(deployment.home, authority):
        folder = folder_of(deployment.home, authority, version)
        if built(version) in in_force or folder is None:
            continue
        showed = _shown_in(folder, known)
        if showed != Counted() or ((every or version != built(version)) and built(version) not in held):
            day = date.fromisoformat(version[2:12])
            counted = showed or Counted()
            bury(deployment.home, authority, version, NO_NIGHTS, None, counted)
            yield Protective.of(day, version, None, counted)


def _shown_in(folder: Path, known: Known) -> Counted | None:
    """How many children a version shows who are or were hidden, by their index id, one of their records, or names and birth date where nobody bears the id any more, hold records of two sides of a
    firewall, or stand at one that the version did not know of: it may show one side on the other; or are shown at a place that is hidden;
    None where its tables are not what was published, or what is kept of its children, and cannot be read.
    """
    night = known.latest.night
    try:
        kept = known_by_in(night.home, night.authority, folder.name)
    except IsindexError:
        return None
    try:
        return _counted_in(folder, known, kept)
    except duckdb.Error:
        manifest = manifest_or_none(folder)
        if manifest is not None and is_published(snapshot_tables(folder), manifest):
            raise
        return None


def _named_in(folder: Path, known: Known, kept: pa.Table) -> pa.Table:
    """Index ids that a version shows, of whom protection knows by now by a key or number, where that is kept of it (`on_hold`); or by names and birth
    date, where nobody bears the id any more: index_id.
    """
    shown = {f"shown_{name}": folder / f"{name}.parquet" for name in ("children", "names")}
    with connect(shown | {"seen": known.latest.folder / "identities" / "visibility.parquet"}) as duck:
        children = fetch(
            duck,
            """
            SELECT index_id AS record_key, family_name, given_names, birth_date,
                NULL::VARCHAR AS uprn, NULL::VARCHAR AS postcode, NULL::VARCHAR AS address
            FROM shown_children ANTI JOIN seen USING (index_id) WHERE NOT (shielded OR withheld)
        """,
        )
        names = fetch(
            duck,
            "SELECT index_id AS record_key, family_name, given_names FROM shown_names ANTI JOIN seen USING (index_id)",
        )
    if not (children.num_rows or kept.num_rows):
        return children.select(["record_key"]).rename_columns(["index_id"])
    views = {
        "tokens": tokens_of_records(children, names), "kept": kept, "children": children,
        "entries": known.entries, "latched": known.latched,
    }  # fmt: skip
    with connect(views) as duck:
        return fetch(
            duck,
            """
            WITH known AS (SELECT token FROM latched UNION SELECT unnest(tokens) FROM entries WHERE lifted_by IS NULL)
            SELECT record_key AS index_id FROM tokens SEMI JOIN known USING (token) WHERE kind = 'person'
            UNION SELECT index_id FROM kept SEMI JOIN known USING (token)
            WHERE kind <> 'person' OR index_id IN (SELECT record_key FROM children)
        """,
        )


def _family_in(folder: Path, places: pa.Table) -> pa.Table:
    """Index ids that a version shows at places known to be hidden (`FURTHER_PLACES`), and that are of the family of who is hidden there: index_id."""
    shown = {f"shown_{name}": folder / f"{name}.parquet" for name in ("children", "names", "carers", "addresses")}
    with connect(shown | {"places": places}) as duck:
        duck.execute("""
            CREATE TEMP TABLE there AS
            SELECT DISTINCT a.index_id, p.known_by FROM shown_addresses a JOIN places p ON a.uprn IS NOT DISTINCT FROM p.uprn
                AND a.postcode IS NOT DISTINCT FROM p.postcode AND a.address IS NOT DISTINCT FROM p.address;
            CREATE TEMP VIEW ids AS SELECT DISTINCT index_id FROM there
        """)
        person = {
            "records": fetch(
                duck,
                "SELECT index_id AS record_key, family_name, NULL::VARCHAR AS phone FROM shown_children SEMI JOIN ids USING (index_id)",
            ),
            "names": fetch(
                duck, "SELECT index_id AS record_key, family_name FROM shown_names SEMI JOIN ids USING (index_id)"
            ),
            "carers": fetch(
                duck, "SELECT index_id AS record_key, name, contact FROM shown_carers SEMI JOIN ids USING (index_id)"
            ),
        }
        duck.register("ties", tie_tokens(person, person["records"]["record_key"].combine_chunks()))
        return fetch(
            duck, "SELECT DISTINCT index_id FROM there JOIN ties ON record_key = index_id AND token = known_by"
        )


def _counted_in(folder: Path, known: Known, kept: pa.Table) -> Counted:
    """As `_shown_in`: each child once, for the first of what it is hidden, stands at a firewall, or is shown at a hidden place."""
    newest = known.latest
    tables: dict[str, pa.Table | Path] = {
        name: newest.folder / "identities" / f"{name}.parquet" for name in ("visibility", "index_ids")
    }
    shown = {f"shown_{name}": folder / f"{name}.parquet" for name in ("children", "record_links", "addresses")}
    places = known_places(known.entries, known.places, shown["shown_addresses"])
    others = {
        "identities": identities_of(newest.folder), "walls": walls_in(newest.folder), "at_walls": known.at_walls,
        "stays_hidden": known.hidden, "for_own_sake": hidden_for_own_sake(known), "named": _named_in(folder, known, kept), "places": places, "tied": _family_in(folder, places),
    }  # fmt: skip
    with connect(tables | shown | others) as duck:
        (numbers,) = duck.execute(f"""
            WITH known AS (  -- by whichever reference the version shows a record
                SELECT record_ref, record_key, index_id FROM identities
                UNION ALL SELECT wall_ref, record_key, index_id FROM identities WHERE wall_ref IS NOT NULL
            ),
            across AS (
                SELECT DISTINCT l.index_id FROM shown_record_links l JOIN known USING (record_ref)
                JOIN walls w USING (record_key) GROUP BY l.index_id, wall_a, wall_b HAVING count(DISTINCT side) > 1
            ),
            unwalled AS (  -- one that knew of the wall shows a record at it by another reference
                SELECT index_id FROM shown_record_links SEMI JOIN (FROM identities WHERE wall_ref IS NOT NULL) USING (record_ref)
            ),
            reached AS (  -- one that did not know of it shows an id that a side has by now, or that leads to it
                SELECT index_id FROM shown_children SEMI JOIN at_walls USING (index_id)
                ANTI JOIN (SELECT l.index_id FROM shown_record_links l JOIN identities i ON i.wall_ref = l.record_ref) USING (index_id)
            ),
            hidden AS (SELECT index_id FROM visibility WHERE shielded OR withheld),
            lived AS (
                SELECT DISTINCT a.index_id, lower(c.family_name) AS family, coalesce(a.uprn, concat_ws(' ', a.postcode, a.address)) AS place
                FROM shown_addresses a JOIN shown_children c USING (index_id) JOIN places p ON a.uprn IS NOT DISTINCT FROM p.uprn
                    AND a.postcode IS NOT DISTINCT FROM p.postcode AND a.address IS NOT DISTINCT FROM p.address
            ),
            crowded AS (  -- a hostel is nobody's
                SELECT place FROM lived GROUP BY place
                HAVING count(DISTINCT index_id) > {COMMUNAL_CHILDREN} AND count(DISTINCT family) > {COMMUNAL_FAMILIES}
            ),
            homes AS (  -- but of a hidden child's family
                SELECT index_id FROM lived WHERE place NOT IN (FROM crowded) OR index_id IN (FROM tied)
            ),
            meant AS (
                FROM hidden
                UNION FROM homes
                UNION SELECT index_id FROM stays_hidden WHERE index_id IS NOT NULL
                UNION SELECT l.index_id FROM shown_record_links l JOIN stays_hidden USING (record_ref)
                UNION SELECT index_id FROM index_ids WHERE redirects_to IN (FROM hidden)
                UNION SELECT l.index_id FROM shown_record_links l JOIN known k USING (record_ref)
                WHERE k.index_id IN (FROM hidden)
                UNION FROM across UNION FROM unwalled UNION FROM reached UNION FROM named
            ),
            own AS (  -- the rest of them are so for a firewall, or as the family of one of these
                FROM hidden
                UNION SELECT index_id FROM for_own_sake WHERE index_id IS NOT NULL
                UNION SELECT l.index_id FROM shown_record_links l JOIN for_own_sake USING (record_ref)
                UNION SELECT index_id FROM index_ids WHERE redirects_to IN (FROM hidden)
                UNION SELECT l.index_id FROM shown_record_links l JOIN known k USING (record_ref)
                WHERE k.index_id IN (FROM hidden)
                UNION FROM named
            ),
            told AS (
                SELECT index_id IN (FROM own) AS own, index_id NOT IN (FROM homes) OR index_id IN (FROM across)
                    OR index_id IN (FROM unwalled) OR index_id IN (FROM reached) AS walled
                FROM shown_children WHERE NOT (shielded OR withheld) AND index_id IN (FROM meant)
            )
            SELECT count(*) FILTER (own), count(*) FILTER (NOT own AND walled), count(*) FILTER (NOT own AND NOT walled) FROM told
        """).fetchall()
    return Counted(*map(int, numbers))


def _let_copies_go(deployment: Deployment, authority: str) -> None:
    """Remove what attempts that are held or failed would have published: the pages say why, and nothing builds on them."""
    for path in (deployment.home.root / "nights" / authority).glob("*/attempts/*/snapshot"):
        let_snapshot_go(path.parent)


def _versions(newest: Attempt) -> list[str]:
    """Names each version that is kept."""
    return [_named(("version", name)) for name in versions_there(newest.night.home, newest.night.authority)]


def _meant(newest: Attempt) -> list[str]:
    """Names each thing that may mean that somebody must be hidden: none of them new, and no version (`_versions`), nothing to do."""
    night, asked, decision = newest.night, db.protection_request.c, db.decision.c
    with night.engine.connect() as connection:
        asking = connection.execute(
            select(asked.delivery_id, asked.content_sha256).where(asked.authority == night.authority)
        ).all()
        shields = connection.scalars(
            select(decision.decision_id).where(
                decision.authority == night.authority,
                decision.kind.in_(["shield", "firewall"]),
                decision.undone_at.is_(None),
            )
        ).all()
    each = _attempts(newest)
    each += [("asking", *row) for row in asking]
    each += [("shield", number) for number in shields]
    return sorted(map(_named, each))


def _attempts(newest: Attempt) -> list[tuple[object, ...]]:
    """The latest attempt in force, and those that were held or failed."""
    held = [
        ("held", each.night.business_date.isoformat(), each.number) for each in attempts_not_published(newest.night)
    ]
    return [("attempt", newest.digest), *held]


def _named(one: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(one).encode()).hexdigest()[:16]
