"""The co-ordinating index over the 153 authorities with their real skew: a full link, a steady night, finding, and how right it is.

`make bench-network` makes 1.2 million children, SCALE (0.1) of England's; `SCALE=1` all 11.9 million. What an authority would give is made of the
records that its agencies hold, as if its own index had made no mistake but to keep one child in five hundred twice. Of the children of school age
one in twenty goes to school across a border, is placed with carers elsewhere or has moved; `person` is the truth. Each night is a process of
its own; a tenth of the children is run first, for the growth. No message is handed over: there are no indexes to take it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.england import england
from bench.measuring import measured, missed
from pipelines.deployment import open_deployment
from pipelines.network import night as nights
from pipelines.network.contributions import TABLES
from pipelines.network.find import find_by_name, find_by_number
from pipelines.network.messages import Handed
from pipelines.network.place import Network
from pipelines.privacy.secret import key_for
from pipelines.seams.network import FIREWALLS
from pipelines.seams.seam import give
from pipelines.settings import cores
from pipelines.tables import connect, fetch, read_table, write_json, write_table
from sample_feeds.people import records_of
from sample_feeds.world import World

FIRST = date(2026, 11, 18)
SEED = 12
GUESTS, TWICE = 0.05, 500  # share of those of school age; one child in so many has two index ids
GOALS = {"full link": 60.0, "steady night": 6.0}  # seconds, of 1.2 million children
MEMORY, EXPONENT, PRECISION, RECALL = 3.0, 1.05, 0.9995, 0.97
FIND_MEDIAN, FIND_MOST = 5.0, 20.0  # milliseconds: the median, 99 of 100
LOOKS = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the input, run, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1, help="which share of the children of each authority")
    parser.add_argument("--night", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.home:
        _one_night(given.home, given.night)
        return 0
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as scratch:
        small = _run(Path(scratch) / "small", given.scale / 10)
        large = _run(Path(scratch) / "large", given.scale, of_default=given.scale == 0.1)
        for title in GOALS:
            exponent = log(large[title] / small[title]) / log(10)
            print(f"growth of the {title} from a tenth: exponent {exponent:.2f}   {missed(exponent, EXPONENT, '')}")
    return 0


def _run(place: Path, scale: float, *, of_default: bool = False) -> dict[str, float]:
    """Both nights of one size; the core-seconds of each."""
    network = Network(open_deployment(place / "home", create=True, demo=True))
    begun = time.perf_counter()
    rows = _make(place, {code: max(60, round(count * scale)) for code, count in england().items()})
    print(
        f"{rows:,} children of 153 authorities, {cores()} cores; made in {time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    took: dict[str, float] = {}
    for number, (title, goal) in enumerate(GOALS.items()):
        _deliver(network, place, number)
        out = place / f"{number}.json"
        home = str(network.deployment.home.root)
        found = measured(
            [sys.executable, "-m", "bench.network", "--home", home, "--night", str(number)], out, codes=(0,)
        )
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in json.loads(out.read_text()).items())
        judged = missed(found.wall, goal, "s") if of_default else ""
        print(
            f"{title}: {found.wall:.1f} s, {found.core:.1f} core-seconds, {found.memory:.2f} GB ({told})   {judged}",
            flush=True,
        )
        if of_default:
            print(f"  memory   {missed(found.memory, MEMORY, 'GB')}")
        took[title] = found.core
    _judge(network, place / "truth.parquet")
    if of_default:
        _find(network, place / "sought.parquet")
    shutil.rmtree(place)
    return took


def _one_night(home: Path, number: int) -> None:
    """One night, in a process of its own; prints the seconds of its stages as JSON."""
    network = Network(open_deployment(home, create=False))
    day, took = FIRST + timedelta(days=number), {}
    authorities = sorted(england())
    at = time.perf_counter()

    def done(name: str) -> None:
        nonlocal at
        took[name], at = time.perf_counter() - at, time.perf_counter()

    if nights.unchanged(network, day, authorities) is not None:
        raise SystemExit("nothing is outstanding")
    done("look")
    nights.gather_children(network, day, authorities)
    done("children")
    nights.link_children(network, day)
    done("links")
    ended = nights.publish_pointers(network, day, tell=lambda network, messages: Handed(messages, {}))
    done("published")
    if ended.state != "published":
        raise SystemExit(f"{ended.state}: {' '.join(ended.failed)}")
    print(json.dumps(took))


def _make(place: Path, sizes: Mapping[str, int]) -> int:
    """What each authority gives on both nights into `place`/0 and /1, truth.parquet and sought.parquet; how many rows."""
    told, sought, guests = [], [], None
    for authority, size in sizes.items():
        world = World(authority, size, SEED, FIRST, guests)
        guests = world.depart(GUESTS, 1)
        children, names, truth, tokens, hiding = _given(world)
        told.append(truth)
        sought.append(_sought(world))
        for number, night in enumerate(_nights(children)):
            folder = place / str(number) / authority / _version(authority, number)
            there = pc.is_in(names["row_key"], night["row_key"])
            for name, table in (
                ("children", night),
                ("names", names.filter(there)),
                ("firewalls", FIREWALLS.empty_table()),
                ("tokens", tokens.filter(pc.is_in(tokens["row_key"], night["row_key"]))),
                ("hiding_tokens", hiding),
            ):
                write_table(give(table, TABLES[name]), folder / f"{name}.parquet")
            write_json({}, folder / "contribution.json")
    every = pa.concat_tables(told)
    write_table(every, place / "truth.parquet")
    write_table(pa.concat_tables(sought), place / "sought.parquet")
    return every.num_rows


def _version(authority: str, number: int) -> str:
    return f"v={(FIRST + timedelta(days=number)).isoformat()}-{authority:0>12}"


def _deliver(network: Network, place: Path, number: int) -> None:
    """Let every authority have published its version of a night."""
    for folder in sorted((place / str(number)).iterdir()):
        authority = folder.name
        shutil.copytree(folder, network.root / "contributions" / authority, dirs_exist_ok=True)
        shown = {(FIRST + timedelta(days=each)).isoformat(): _version(authority, each) for each in range(number + 1)}
        day = max(shown)
        pointer = {"version": shown[day], "business_date": day, "nights": shown}
        write_json(pointer, network.deployment.home.snapshots(authority) / "current.json")


def _given(world: World) -> tuple[pa.Table, ...]:
    """Children and names as the authority's index would give them (`pipelines.network.contributions`), the truth of each row; what children are
    known by, and what of that hides.
    """
    persons = pa.table({
        "child": pa.array([f"{world.authority}-{place:07d}" for place in world.person], pa.string()),
        "person": pa.array(list(world.person.values()), pa.string()),
    })  # fmt: skip
    with connect({"records": records_of(world), "persons": persons}) as duck:
        duck.execute("SET VARIABLE authority = ?", [world.authority])
        duck.execute("SET VARIABLE secret = ?", [key_for("numbers in the network").hex()])
        duck.execute(_IDENTITIES, [TWICE])
        return tuple(fetch(duck, each) for each in (_CHILDREN, _NAMES, _TRUTH, _TOKENS, _HIDING))


_IDENTITIES = """
    CREATE TEMP TABLE borne AS
    SELECT *, getvariable('authority') || ':' || upper(left(md5(child || if(source = 'education' AND hash(child) % ? = 0, '+', '')), 13)) AS row_key,
        list_position(['health', 'education', 'social_care', 'police'], source) AS place
    FROM records
"""
_DIGEST = "left(sha256(getvariable('secret') || ' {} ' || {}), 32)"
_CHILDREN = f"""
    SELECT row_key, getvariable('authority') AS authority, split_part(row_key, ':', 2) AS index_id,
        arg_min(given_names, place) AS given_names, arg_min(family_name, place) AS family_name,
        arg_min(birth_date, place) AS birth_date, arg_min(sex, place) AS sex,
        if(bool_or(shielded), NULL, {_DIGEST.format("postcode", "arg_min(upper(replace(postcode, ' ', '')), place)")}) AS postcode,
        {_DIGEST.format("nhs", "arg_min(nhs_number, place)")} AS nhs_number, NULL::VARCHAR AS previous_nhs_number,
        {_DIGEST.format("upn", "arg_min(upn, place)")} AS upn, NULL::VARCHAR AS former_upn,
        bool_or(shielded) AS protected, bool_or(shielded) AS asks, count(DISTINCT source) AS agencies, bool_or(shielded) AS marked
    FROM borne GROUP BY row_key ORDER BY row_key
"""
_NAMES = """
    SELECT DISTINCT row_key, 'alias' AS kind, family_name, given_names FROM (
        SELECT row_key, family_name, given_names FROM borne
        UNION ALL SELECT row_key, former_family_name, given_names FROM borne WHERE former_family_name IS NOT NULL
    ) WHERE family_name IS NOT NULL OR given_names IS NOT NULL ORDER BY ALL
"""
_TOKENS = f"""
    SELECT DISTINCT row_key, kind, token FROM (
        SELECT row_key, 'key' AS kind, {_DIGEST.format("key", "source || ' ' || child")} AS token FROM borne
        UNION ALL SELECT row_key, 'number', {_DIGEST.format("nhs", "nhs_number")} FROM borne
        UNION ALL SELECT row_key, 'number', {_DIGEST.format("upn", "upn")} FROM borne
        UNION ALL SELECT row_key, 'person', {_DIGEST.format("person", "family_name || ' ' || given_names || ' ' || birth_date")} FROM borne
    ) WHERE token IS NOT NULL ORDER BY ALL
"""
_HIDING = f"""
    SELECT DISTINCT token FROM ({_TOKENS}) WHERE kind <> 'key' AND row_key IN (SELECT row_key FROM borne WHERE shielded) ORDER BY ALL
"""
_TRUTH = """
    SELECT DISTINCT row_key, coalesce(person, child) AS person, custom, twin_set, shielded AS protected
    FROM borne LEFT JOIN persons USING (child) ORDER BY row_key
"""


def _nights(children: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The children of two nights: on the second some have come, some are gone, and one in a thousand has moved."""
    with connect({"children": children}) as duck:
        first = fetch(duck, "FROM children WHERE hash(row_key) % 10000 <> 1 ORDER BY row_key")
        moved = f"if(hash(row_key) % 1000 = 7 AND NOT protected, {_DIGEST.format('moved', 'row_key')}, postcode)"
        duck.execute("SET VARIABLE secret = ''")
        query = (
            f"SELECT * REPLACE ({moved} AS postcode) FROM children WHERE hash(row_key) % 10000 <> 2 ORDER BY row_key"
        )
        return first, fetch(duck, query)


def _sought(world: World) -> pa.Table:
    """Some of the children, as somebody looks for them: number, family_name, given_names, birth_date."""
    those = world.children.take(np.arange(0, len(world.children), max(1, len(world.children) // 20)))
    names = {"number": those.nhs_number, "family_name": those.family, "given_names": those.given}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in names.items()})
    return table.append_column("birth_date", pa.array(those.birth)).filter(pa.array(those.born))


def _judge(network: Network, truth: Path) -> None:
    """Print precision and recall over pairs of two authorities, twins joined, protected children still shown; per custom what was missed."""
    in_force = network.in_force()
    if in_force is None:
        raise SystemExit("nothing was published")
    folder = in_force[2]
    views = {name: folder / f"{name}.parquet" for name in ("pointers", "children", "told")} | {"truth": truth}
    with connect(views) as duck:
        duck.execute(_PAIRS)
        total = "SELECT count(*) FILTER (found AND meant), count(*) FILTER (found), count(*) FILTER (meant), count(*) FILTER (found AND twins) FROM pairs"
        ((right, found, meant, twins),) = duck.execute(total).fetchall()
        precision, recall = right / max(found, 1), right / max(meant, 1)
        print(
            f"pairs of two authorities: {meant:,} true, {found:,} found; P {precision:.5f}   {missed(precision, PRECISION, '', least=True)}"
        )
        print(
            f"  R {recall:.4f}   {missed(recall, RECALL, '', least=True)}; twins joined {twins}   {missed(twins, 0, '')}"
        )
        ((shown, hidden),) = duck.execute(_SHOWN).fetchall()
        print(f"protected in one authority and shown in another: {shown} of {hidden}   {missed(shown, 0, '')}")
        rows = duck.execute(_BY_CUSTOM).fetchall()
        print(
            "  by custom: "
            + ", ".join(f"{custom} R {share:.3f} of {count:,}, {wrong} wrong" for custom, count, share, wrong in rows)
        )


_PAIRS = """
    CREATE TEMP TABLE placed AS
    SELECT row_key, c.authority, person, custom, t.twin_set, c.protected, national_id
    FROM children c JOIN truth USING (row_key) JOIN (SELECT person, max(twin_set) AS twin_set FROM truth GROUP BY person) t USING (person)
    JOIN (SELECT authority || ':' || index_id AS row_key, national_id FROM pointers WHERE to_night IS NULL) USING (row_key);
    CREATE TEMP TABLE pairs AS
    SELECT a, b, any_value(custom) AS custom, bool_or(same_id) AS found, bool_or(same_person) AS meant, bool_or(twins) AS twins FROM (
        SELECT l.row_key AS a, r.row_key AS b, l.custom, true AS same_id, l.person = r.person AS same_person,
            l.person <> r.person AND coalesce(l.twin_set = r.twin_set, false) AS twins
        FROM placed l JOIN placed r USING (national_id) WHERE l.authority < r.authority
        UNION ALL
        SELECT l.row_key, r.row_key, l.custom, l.national_id = r.national_id, true, false
        FROM placed l JOIN placed r USING (person) WHERE l.authority < r.authority
    ) GROUP BY a, b
"""
_SHOWN = """
    SELECT count(*) FILTER (NOT r.protected AND NOT EXISTS (FROM told t WHERE r.row_key = t.authority || ':' || t.index_id)), count(*)
    FROM placed l JOIN placed r USING (person) WHERE l.authority <> r.authority AND l.protected
"""
_BY_CUSTOM = """
    SELECT custom, count(*) FILTER (meant), coalesce(count(*) FILTER (found AND meant) / nullif(count(*) FILTER (meant), 0), 1), count(*) FILTER (found AND NOT meant)
    FROM pairs GROUP BY custom ORDER BY custom
"""


def _find(network: Network, sought: Path) -> None:
    """Print what a look takes, by number and by names with the birth date in turn; no index is there that could have hidden a child since."""
    for pointer in network.deployment.home.root.glob("snapshots/*/current.json"):
        pointer.unlink()
    took = []
    rows = read_table(sought).to_pylist()[:LOOKS]
    for place, row in enumerate(rows):
        since = time.perf_counter()
        if place % 2:
            find_by_number(network, row["number"], why="bench")
        else:
            find_by_name(network, row["family_name"], row["given_names"], row["birth_date"], why="bench")
        took.append((time.perf_counter() - since) * 1000)
    median, most = np.quantile(took, (0.5, 0.99))
    print(
        f"find: {median:.1f} ms   {missed(median, FIND_MEDIAN, 'ms')}; 99 of 100 below {most:.1f} ms   {missed(most, FIND_MOST, 'ms')}"
    )


if __name__ == "__main__":
    sys.exit(main())
