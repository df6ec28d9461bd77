"""What deliveries ask to be protected: kept before anything is decided of them, and read by the nights it concerns.

Belongs here: a file for each delivery that asks, and a row that says so. The file holds nothing that can be read
(`pipelines.protection.register`); it is kept whatever becomes of the delivery, for the register never forgets. Of a delivery that comes
again with other files under the same manifest, or an attempt that is looked at again, what it asks for then is kept beside what it asked for
before, under a name of its own (`another_of`): nothing that was asked for is overwritten, nor is what a flood asks for that does not count yet.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select

from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry, Register, Store
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.nights.attempts import Attempt
from pipelines.nights.inputs import Asking, another_of, elsewhere_of, undone_of, wish_of
from pipelines.nights.night import Night
from pipelines.nights.reorganised import successors_of, told_before
from pipelines.outages import as_coded
from pipelines.privacy.references import references
from pipelines.privacy.secret import keyed_digests
from pipelines.protection.register import HELD_NIGHT, TAKEN_BACK, Asked, order_of, requests_of
from pipelines.protection.ties import tie_tokens
from pipelines.protection.tokens import LASTING, key_tokens, nearly_tokens, tokens_of_places, tokens_of_records
from pipelines.publishing.versions import versions_in_force
from pipelines.seams import give, grown
from pipelines.seams.deliveries import ASKING
from pipelines.seams.protection import REQUESTS
from pipelines.tables import connect, fetch, file_sha256, read_table, table_sha256, write_table
from pipelines.validation.judge import key_digest_sql

__all__ = [
    "asked_for",
    "asking_positions",
    "count_flood",
    "count_kept",
    "floods_of",
    "floods_under",
    "keep_asking",
    "keep_requests",
    "keep_taken_back",
    "keep_wishes",
    "known_by",
    "records_come",
    "records_told",
    "told_so_far",
    "undone_of",
]

_log = logging.getLogger(__name__)
# what may be in the way of one record for what it says; anything else is the machine's, and the next load tries again
_OF_A_RECORD = frozenset({"MEMORY_SHORT", "STAGE_FAILED"})
_FLOOD = ".flood"
_OF_ANOTHER = elsewhere_of(
    ""
)  # begins the name of what another authority's protection asks: that one tells the successors itself
_NAMED = re.compile(r"[a-z0-9][a-z0-9+.-]*")  # what the program calls a file of these
_SAME_WISH = ["entry_id", "understood", "tokens", "nearly", "walled"]


def keep_requests(night: Night, entry: DeliveryEntry, asking: pa.Table | None, *, flood: bool = False) -> None:
    """Keep what the records of a delivery ask for (`ASKING`), if any does; of a flood it does not count yet (`count_flood`)."""
    if asking is not None and asking.num_rows:
        keep_asking(night.on(entry.business_date), entry.agency, entry.delivery_id, asking, flood=flood)


def keep_asking(
    night: Night, agency: str, delivery_id: str, asking: pa.Table, *, flood: bool = False, only_new: bool = False
) -> None:
    """Keep what records ask for (`ASKING`) under the name of what they came with; it counts from the night on, but for a flood.

    Args:
        night: from which it counts.
        agency: whose feed it is.
        delivery_id: what they came with.
        asking: the records.
        flood: they are so many that nobody can mean it.
        only_new: nothing that was kept under this name before, of the same kind, is kept and told again.
    """
    after = _newest_come(night, agency, delivery_id)
    requests = pa.concat_tables(_heard(asking, agency, delivery_id, after)).sort_by("entry_id")
    if only_new:
        known = {wish for path in _kept_of(night.home, delivery_id, flood=flood) for wish in _wishes_in(path)}
        requests = requests.filter(pa.array([wish not in known for wish in _wishes(requests)], pa.bool_()))
        if not requests.num_rows:
            return
    if flood:
        _put_flood(night.home, delivery_id, requests)
    else:
        _keep(night, agency, delivery_id, requests)


def count_flood(connection: Connection, home: Home, entry: DeliveryEntry) -> None:
    """Let count what floods ask for that came with a delivery, with whichever files, as if it were told now; nothing where there was none.

    The caller's transaction is that of the decision: neither is there without the other.
    """
    for kept in _kept_of(home, entry.delivery_id, flood=True):
        requests = grown(read_table(kept), REQUESTS)
        _count(connection, home, entry.authority, entry.agency, entry.business_date, entry.delivery_id, requests)


def floods_of(night: Night, entry: DeliveryEntry) -> int:
    """How many records ask in floods that came with a delivery and do not count."""
    kept = _kept_of(night.home, entry.delivery_id, flood=True)
    if not kept:
        return 0
    asked = db.protection_request.c
    query = select(asked.content_sha256).where(asked.authority == entry.authority, asked.agency == entry.agency)
    with night.engine.connect() as connection:
        counted = set(connection.scalars(query))
    floods = (grown(read_table(path), REQUESTS) for path in kept)
    return sum(each.num_rows for each in floods if table_sha256(each) not in counted)


def floods_under(deployment: Deployment, authority: str, agency: str, sequence: int) -> int:
    """How many records ask in floods that came under a number of a feed and do not count."""
    came = [each for each in Register(deployment.engine).known(authority, agency) if each.sequence == sequence]
    return sum(floods_of(Night(deployment, authority, each.business_date), each) for each in came)


def _put_flood(home: Home, delivery_id: str, requests: pa.Table) -> None:
    """Keep what a flood asks for, which does not count yet, beside what others under the same name ask for."""
    content = mark = table_sha256(requests)
    path = _flood_of(home, delivery_id)
    while path.is_file() and table_sha256(grown(read_table(path), REQUESTS)) != content:
        mark = hashlib.sha256(mark.encode()).hexdigest()
        path = _flood_of(home, another_of(delivery_id, mark))
    write_table(requests, path)


def _flood_of(home: Home, delivery_id: str) -> Path:
    """Where it lies what a flood asks for, which does not count yet."""
    path = home.protection(delivery_id)
    return path.with_name(f"{path.stem}{_FLOOD}{path.suffix}")


def _kept_of(home: Home, delivery_id: str, *, flood: bool) -> list[Path]:
    """The files of what a delivery asks for, also of what it did when it came with other files: of floods, or of what counts."""
    path = home.protection(delivery_id)
    first = _flood_of(home, delivery_id) if flood else path
    others = path.parent.glob(f"{another_of(path.stem, '')}*{path.suffix}")
    return [
        each
        for each in (first, *sorted(each for each in others if each.stem.endswith(_FLOOD) is flood))
        if each.is_file()
    ]


def _wishes_in(path: Path) -> list[str]:
    return _wishes(grown(read_table(path), REQUESTS))


def _wishes(requests: pa.Table) -> list[str]:
    """What each row asks for, wherever it stood and whatever had come before it."""
    return [repr(row) for row in requests.select(_SAME_WISH).to_pylist()]


def _heard(asking: pa.Table, agency: str, delivery_id: str, after: str | None, first: int = 0) -> Iterator[pa.Table]:
    """What records ask for (`requests_of`), though one of them be such that it cannot be worked out: it silences no other.

    Of that one it is kept that it asks, and its key; a person is told of it.
    """
    try:
        yield requests_of(asking, agency, delivery_id, after, first=first)
    except Exception as fault:
        size, code = asking.num_rows, as_coded(fault).code
        if code not in _OF_A_RECORD:
            raise
        if size > 1:
            for begin, end in ((0, size // 2), (size // 2, size)):
                yield from _heard(asking.slice(begin, end - begin), agency, delivery_id, after, first + begin)
        elif pc.any(pc.greater(pc.list_value_length(asking["named"]), 0)).as_py():
            _log.warning("what a record of a delivery of %s names its child by is not kept: %s", agency, code)
            nothing = pa.array([[]], ASKING.field("named").type)
            bare = asking.set_column(asking.column_names.index("named"), "named", nothing)
            bare = bare.set_column(bare.column_names.index("understood"), "understood", pa.array([False]))
            yield from _heard(bare, agency, delivery_id, after, first)
        else:
            raise


def _newest_come(night: Night, agency: str, delivery_id: str) -> str | None:
    """The newest delivery of a feed that has come, but for those that are refused or tested and the one of this name (`order_of`)."""
    come = [
        order_of(each.business_date, each.sequence or 0)
        for each in Register(night.engine).known(night.authority, agency)
        if each.state not in ("refused", "tested") and each.delivery_id != delivery_id
    ]
    return max(come, default=None)


def keep_wishes(
    attempt: Attempt, record_keys: Sequence[str], asked: Night | None = None, *, what: str = HELD_NIGHT
) -> None:
    """Keep that records must be hidden because an attempt found their children to be among those who ask, or somebody else did (`what`).

    A night that is held may never be published as it is, and one that was published may come otherwise; what it has seen of these children
    stays seen: each is known by all that names it in that attempt, and where it lives there stays hidden.

    Args:
        attempt: of a night that is held or failed, or is replaced, or that the latest night does not build on yet.
        record_keys: live records of it, of any agencies.
        asked: the night that they are asked for; none: the attempt's own.
        what: what asked: `HELD_NIGHT` or `ELSEWHERE`.
    """
    night = asked or attempt.night
    known, nearly = (_by_record(told) for told in known_by(attempt, pa.array(sorted(record_keys), pa.string())))
    for agency in sorted({key.partition(":")[0] for key in record_keys}):
        mine = sorted(key for key in record_keys if key.partition(":")[0] == agency)
        keys = pa.array(mine, pa.string())
        requests = pa.table(
            {
                "walled": pa.nulls(len(mine), REQUESTS.field("walled").type),
                "entry_id": keyed_digests(keys, f"protection {what}"),
                "record_ref": references(keys),
                "asked": [what] * len(mine),
                "understood": [True] * len(mine),
                "tokens": [known[key] for key in mine],
                "nearly": pa.array([nearly.get(key, []) for key in mine], pa.list_(pa.string())),
            }
        )
        by = wish_of(attempt.digest) if what == HELD_NIGHT else elsewhere_of(attempt.digest)
        name = f"{night.authority}/{agency}/{night.business_date.isoformat()}/{by}"
        _keep(night, agency, name, give(grown(requests.sort_by("entry_id"), REQUESTS), REQUESTS))


def known_by(attempt: Attempt, record_keys: pa.Array, *, places: bool = True) -> tuple[pa.Table, pa.Table]:
    """What records of an attempt are known by for good and where and with what family they say they live, and what may name them besides: record_key,
    token.

    Without `places` what names them alone.
    """
    person = attempt.folder / "person"
    records, names, addresses = (
        (told := read_table(person / f"{name}.parquet")).filter(pc.is_in(told["record_key"], value_set=record_keys))
        for name in ("records", "names", "addresses")
    )
    tokens = tokens_of_records(records, names)
    lasting = tokens.filter(pc.is_in(tokens["kind"].cast("string"), value_set=pa.array(LASTING)))
    views = {
        "keys": key_tokens(record_keys.to_pylist()), "lasting": lasting, "addresses": addresses if places else addresses.slice(0, 0),
        "places": tokens_of_places(addresses),
        "ties": tie_tokens({name: person / f"{name}.parquet" for name in ("records", "names", "carers")}, addresses["record_key"].combine_chunks() if places else record_keys.slice(0, 0)),
    }  # fmt: skip
    with connect(views) as duck:
        known = fetch(
            duck,
            """
            SELECT record_key, token FROM keys UNION SELECT record_key, token FROM lasting UNION SELECT record_key, token FROM ties
            UNION SELECT a.record_key, p.token FROM addresses a JOIN places p ON p.address IS NOT DISTINCT FROM a.address
                AND p.postcode IS NOT DISTINCT FROM a.postcode AND p.uprn IS NOT DISTINCT FROM a.uprn
        """,
        )
    return known, nearly_tokens(records, names, record_keys)


def _by_record(told: pa.Table) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key, token in zip(told["record_key"].to_pylist(), told["token"].to_pylist(), strict=True):
        found[key].add(token)
    return {key: sorted(tokens) for key, tokens in found.items()}


def keep_taken_back(night: Night, number: int, record_key: str, folder: Path) -> None:
    """Keep that a child was shielded by a decision that is taken back: it stays hidden until two people open it, each of its records by itself, for
    one may be another child's by then.

    Args:
        night: the night from which it counts.
        number: the decision.
        record_key: the record that it named.
        folder: of the attempt that says who the child is: it is known by all that names its records.
    """
    identities, records, names = (
        read_table(folder / part / f"{name}.parquet")
        for part, name in (("identities", "identities"), ("person", "records"), ("person", "names"))
    )
    child = identities.filter(pc.equal(identities["record_key"], record_key))["index_id"].combine_chunks()
    theirs = identities.filter(pc.is_in(identities["index_id"], value_set=child))["record_key"].combine_chunks()
    tokens = tokens_of_records(
        *(each.filter(pc.is_in(each["record_key"], value_set=theirs)) for each in (records, names))
    )
    lasting = pc.is_in(tokens["kind"].cast("string"), value_set=pa.array(LASTING))
    known = _by_record(
        pa.concat_tables(
            [
                tokens.filter(lasting).select(["record_key", "token"]),
                key_tokens([record_key]).select(["record_key", "token"]),
            ]
        )
    )
    keys = pa.array(sorted(known), pa.string())
    agency = record_key.partition(":")[0]
    requests = pa.table(
        {
            "walled": pa.nulls(len(keys), REQUESTS.field("walled").type),
            "entry_id": keyed_digests(keys, "protection taken back"),
            "record_ref": pa.nulls(len(keys), pa.string()),
            "asked": [TAKEN_BACK] * len(keys),
            "understood": [True] * len(keys),
            "tokens": [known[key] for key in keys.to_pylist()],
        }
    ).sort_by("entry_id")
    name = f"{night.authority}/{agency}/{night.business_date.isoformat()}/{undone_of(number)}"
    _keep(night, agency, name, give(grown(requests, REQUESTS), REQUESTS))


def count_kept(night: Night) -> int:
    """Let count whatever the home keeps of what was asked for and the database does not know of, as if it were told now; how many deliveries.

    It knows of all unless it was put back by itself to what it was. What was put there otherwise is told in the log and counts for nothing; a file of
    the program's own that is cut is no such thing. The caller holds the authority's lock.

    Raises:
        IsindexError: STORE_DAMAGED when a file cannot be read that has the name of one of these: somebody may have to be hidden.
    """
    kept = _kept_files(night.home, night.authority)
    query = select(db.protection_request.c.delivery_id).where(db.protection_request.c.authority == night.authority)
    with night.engine.connect() as connection:
        new = sorted(set(kept) - set(connection.scalars(query)))
    counted = 0
    for name in new:
        _, agency, day, _ = name.split("/")
        table = read_table(kept[name])
        try:
            asked = give(grown(table, REQUESTS), REQUESTS)
        except (IsindexError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            _log.warning("a table that was not kept here lies under protection of authority %s", night.authority)
            continue
        with night.engine.begin() as connection:
            _count(connection, night.home, night.authority, agency, date.fromisoformat(day), name, asked)
        counted += 1
    return counted


def _kept_files(home: Home, authority: str) -> dict[str, Path]:
    """Delivery → where what it asked for is kept, of files that are named as the program names them."""
    root = home.root / "protection" / authority
    return {
        f"{authority}/{path.relative_to(root).with_suffix('').as_posix()}": path
        for path in root.glob("*/*/*.parquet")
        if re.fullmatch(r"[a-z][a-z0-9_]*", path.parts[-3])
        and _is_day(path.parts[-2])
        and _NAMED.fullmatch(path.stem)
        and not path.stem.endswith(_FLOOD)
    }


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def _keep(night: Night, agency: str, delivery_id: str, requests: pa.Table) -> None:
    with night.engine.begin() as connection:
        _count(connection, night.home, night.authority, agency, night.business_date, delivery_id, requests)


def _count(
    connection: Connection,
    home: Home,
    authority: str,
    agency: str,
    business_date: date,
    delivery_id: str,
    requests: pa.Table,
) -> None:
    content, asked = table_sha256(requests), db.protection_request.c
    query = select(asked.content_sha256)
    name, mark = delivery_id, content
    while (kept := connection.scalar(query.where(asked.delivery_id == name))) not in (None, content):
        mark = hashlib.sha256(mark.encode()).hexdigest()
        name = another_of(delivery_id, mark)
    write_table(requests, home.protection(name))
    if kept is None:
        row = {
            "delivery_id": name, "authority": authority, "agency": agency, "business_date": business_date,
            "records": requests.num_rows, "content_sha256": content, "told": told_so_far(connection, authority) + 1,
        }  # fmt: skip
        connection.execute(insert(db.protection_request).values(row))
        if not delivery_id.rpartition("/")[2].startswith(_OF_ANOTHER):
            _count_where_taken_over(connection, home, authority, agency, delivery_id, requests)


def _count_where_taken_over(
    connection: Connection, home: Home, authority: str, agency: str, delivery_id: str, requests: pa.Table
) -> None:
    """Let count, in those that took an authority over, what is asked for in it since: from the night in force on, or from their first."""
    for each in successors_of(connection, authority):
        newest = max(versions_in_force(home, each.successor), default=each.closed + timedelta(1))
        name = f"{each.successor}/{agency}/{newest.isoformat()}/{delivery_id.rpartition('/')[2]}"
        _count(connection, home, each.successor, agency, newest, name, requests)


def told_so_far(connection: Connection, authority: str) -> int:
    """How far an authority's wishes are counted: whatever is told from now on has a greater number.

    What a night that was let go was told is in the register alone, and what decisions were confirmed with stays counted.
    """
    counted = (
        select(func.max(db.protection_request.c.told)).where(db.protection_request.c.authority == authority),
        select(func.max(db.decision.c.told)).where(db.decision.c.authority == authority),
    )
    return max(told_before(connection, authority), *(connection.scalar(query) or 0 for query in counted))


def asking_positions(home: Home, delivery_id: str) -> pa.Array:
    """Where in a delivery records ask to be protected, as far as that was kept; also where they did when it came with other files."""
    asking = [grown(read_table(each), REQUESTS)["position"] for each in _kept_of(home, delivery_id, flood=False)]
    return (
        pa.chunked_array([chunk for each in asking for chunk in each.chunks], pa.int64()).combine_chunks().drop_null()
    )


def asked_for(night: Night, asking: Iterable[Asking]) -> list[Asked]:
    """What the deliveries among a night's inputs ask for.

    Raises:
        IsindexError: REQUESTS_DAMAGED when a file is not what it was: nobody could be hidden safely.
    """
    found = []
    for each in asking:
        path = night.home.protection(each.delivery_id)
        if not path.is_file() or file_sha256(path) != each.content:
            raise IsindexError(
                "REQUESTS_DAMAGED",
                "What a delivery asks to be protected is not what was kept of it.",
                where=each.delivery_id,
                remedy="Restore the home from its backup; nothing is published before.",
            )
        requests = grown(read_table(path), REQUESTS)
        found.append(Asked(each.delivery_id, each.agency, each.business_date, requests, each.told))
    return found


def records_told(attempt: Attempt) -> dict[str, pa.Array]:
    """Delivery in force since the base → key of each record that it tells of and that was not rejected."""
    register, store = Register(attempt.night.engine), Store(attempt.night.home)
    entries = [register.needed(each.delivery_id) for each in attempt.inputs.deliveries]
    return {each.delivery_id: _keys(each.agency, store.open(each).accepted_keys) for each in entries}


def records_come(attempt: Attempt, among: pa.Array, *, replaced: bool = False) -> dict[str, pa.Array]:
    """Delivery in force since the base → those of these records that could have asked in it, whatever became of them there.

    Of a full delivery that is every record of the feed; of a delta, those whose keys stand in it or can be made out of a damaged record.

    Args:
        attempt: the attempt.
        among: keys of records that have asked before.
        replaced: also of deliveries of the same days that others have taken the place of since: a night had taken them in.
    """
    register, store = Register(attempt.night.engine), Store(attempt.night.home)
    entries = [register.needed(each.delivery_id) for each in attempt.inputs.deliveries]
    days = sorted({each.business_date for each in entries}) if replaced else []
    entries += [
        each
        for day in days
        for each in register.received(attempt.night.authority, day)
        if each.state == "superseded" and each.stored_at
    ]
    come = {}
    for entry in entries:
        theirs = among.filter(pc.starts_with(among, f"{entry.agency}:"))
        if len(theirs) and entry.mode == "delta":
            kept = store.open(entry)
            own = pa.table({"record": theirs, "key": pc.replace_substring_regex(theirs, f"^{entry.agency}:", "")})
            views = {"own": own, "accepted": pa.table({"key": kept.accepted_keys}), "rejected": kept.rejected}
            with connect(views) as duck:
                found = fetch(
                    duck,
                    f"""
                    SELECT record FROM own WHERE key IN (SELECT key FROM accepted UNION SELECT key FROM rejected WHERE key IS NOT NULL)
                        OR {key_digest_sql("key")} IN (SELECT may_be FROM rejected WHERE may_be IS NOT NULL) ORDER BY 1
                """,
                )
            theirs = found["record"].combine_chunks()
        come[entry.delivery_id] = theirs
    return come


def _keys(agency: str, keys: pa.Array) -> pa.Array:
    """The keys of records of a feed, from those that they have in it."""
    return pc.binary_join_element_wise(agency, keys.drop_null(), ":")
