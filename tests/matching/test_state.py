"""Nights loaded one by one come to what all at once would, whatever changes in between."""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.matching import MatchState, match
from pipelines.matching.pairing import candidates, follow
from pipelines.matching.pairing.groups import Limits

SOURCES = {"health": "person_number", "education": "person_number"}
NAMES = pa.schema([(name, pa.string()) for name in ("record_key", "kind", "family_name", "given_names")])


class Town:
    """Records and further names that change from night to night."""

    def __init__(self, records: pa.Table, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rows = {row["record_key"]: row for row in records.to_pylist()}
        self.away = dict(self.rng.sample(sorted(self.rows.items()), 60))
        for key in self.away:
            del self.rows[key]
        self.names: list[dict[str, str]] = []
        self.schema = records.schema

    def night(self, number: int) -> tuple[pa.Table, pa.Table]:
        """The next night: some come, some go, names and addresses change, a hostel opens and closes."""
        keys = sorted(self.rows)
        for key in self.rng.sample(sorted(self.away), 12):
            self.rows[key] = self.away.pop(key)
        for key in self.rng.sample(keys, 8):
            self.away[key] = self.rows.pop(key)
        for key in self.rng.sample(sorted(self.rows), 10):
            self.rows[key] = self.rows[key] | {"family_name": self.rng.choice(["Ashdown", "Beech", "Carr"])}
        self.names.append({"record_key": keys[number], "kind": "former", "family_name": "Quill", "given_names": "Ann"})
        hostel = {"postcode": "B1 1AA", "address": "1 Hostel Row"}
        for n, key in enumerate(sorted(self.rows)[:9]):
            moved = hostel if number % 2 else {"postcode": f"B2 {n}AA", "address": f"{n} Back Lane"}
            self.rows[key] = self.rows[key] | moved
        shuffled = self.rng.sample(sorted(self.rows), len(self.rows))
        return (
            pa.Table.from_pylist([self.rows[key] for key in shuffled], schema=self.schema),
            pa.Table.from_pylist(self.names, schema=NAMES),
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nights_one_by_one_come_to_what_all_at_once_would(town, tmp_path, seed):
    changing, state = Town(town, seed), None
    for number in range(4):
        records, names = changing.night(number)
        a, b = sorted(changing.rows)[:2]
        decisions = pa.table({"kind": ["same"], "record_a": [a], "record_b": [b]}) if number > 1 else None
        options = {"unique_sources": SOURCES, "decisions": decisions}
        stepped, rebuilt = match(records, names, previous=state, **options), match(records, names, **options)
        assert stepped.clusters == rebuilt.clusters
        assert stepped.links == rebuilt.links
        assert stepped.possible == rebuilt.possible
        if number:
            assert stepped.stats["pairs_compared"] < rebuilt.stats["pairs_compared"] / 3
        stepped.state.write(tmp_path / str(number))
        rebuilt.state.write(tmp_path / "rebuilt" / str(number))
        for path in (tmp_path / "rebuilt" / str(number)).glob("*.parquet"):
            assert (tmp_path / str(number) / path.name).read_bytes() == path.read_bytes(), path.name
        state = MatchState.read(tmp_path / str(number))


def equal_rows(count, first, **told):
    """Police contacts that are the same in all that is compared."""
    child = {"agency": "police", "given_names": "Zebedee", "family_name": "Quillerby", "birth_date": dt.date(2015, 3, 14),
             "sex": "M", "postcode": "B12 3CD", "address": "14 Mill Lane"} | told  # fmt: skip
    return {f"police:Z{n:03d}": child | {"record_key": f"police:Z{n:03d}"} for n in range(first, first + count)}


# night by night, who is there beside the town: the equal ones come, are more than a key takes, are spelled otherwise, lose
# the one that stands for them, are told apart, are few, are gone
FLOODS = [
    equal_rows(40, 100),
    equal_rows(130, 100),
    equal_rows(70, 100) | equal_rows(70, 170, family_name="Quilerby"),
    equal_rows(129, 101) | equal_rows(1, 50),
    equal_rows(180, 0) | equal_rows(130, 300, birth_date=None, postcode=None, address=None, sex=None),
    equal_rows(180, 0) | equal_rows(130, 300, birth_date=None, postcode=None, address=None, sex=None),
    equal_rows(150, 0, given_names="Twin One", address=None) | equal_rows(3, 200),
    {key: row for n in range(130) for key, row in equal_rows(1, n, address=f"{n} Back Lane").items()},
    {key: row for n in range(140) for key, row in equal_rows(1, n + 5, address=f"{n} Back Lane").items()},
    {key: row for n in range(30) for key, row in equal_rows(2, 2 * n, address=f"{n} Back Lane").items()},
    equal_rows(2, 201),
    {},
]


@pytest.mark.in_full
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_equal_records_of_several_nights_come_to_what_all_at_once_would(town, tmp_path, seed):
    rng, rows, state = random.Random(seed), {row["record_key"]: row for row in town.to_pylist()}, None
    copied = rng.sample(sorted(rows), 3)
    for number, flood in enumerate(FLOODS):
        for key in copied:  # somebody of the town is there many times, too, one night more often than a key takes
            flood = flood | {
                f"care:{key}-{n}": rows[key] | {"record_key": f"care:{key}-{n}", "agency": "care"}
                for n in range(rng.choice([0, 2, 120]))
            }
        told = pa.Table.from_pylist([*rows.values(), *flood.values()], schema=town.schema)
        decisions = pa.table(
            {"kind": ["not_the_same", "same"], "record_a": ["police:Z110"] * 2, "record_b": ["police:Z150", copied[0]]}
        )
        options = {"unique_sources": SOURCES, "decisions": decisions if number in (3, 4) else None}
        stepped, rebuilt = match(told, previous=state, **options), match(told, **options)
        assert stepped.clusters == rebuilt.clusters
        assert stepped.links == rebuilt.links
        assert stepped.possible == rebuilt.possible
        assert stepped.stats["records_equal"] == rebuilt.stats["records_equal"]
        stepped.state.write(tmp_path / "stepped")
        rebuilt.state.write(tmp_path / "rebuilt")
        for path in (tmp_path / "rebuilt").glob("*.parquet"):
            assert (tmp_path / "stepped" / path.name).read_bytes() == path.read_bytes(), (number, path.name)
        state = MatchState.read(tmp_path / "stepped")


def test_equal_records_that_come_are_joined_without_a_search_of_everything(town):
    rows = town.to_pylist()
    state = match(pa.Table.from_pylist([*rows, *FLOODS[0].values()], schema=town.schema)).state
    told = pa.Table.from_pylist([*rows, *FLOODS[1].values()], schema=town.schema)
    stepped = match(told, previous=state)
    assert stepped.stats["pairs_compared"] == 0
    assert stepped.stats["records_equal"] >= 129


def test_a_state_of_a_version_that_sought_everybody_is_none(town, tmp_path):
    match(town).state.write(tmp_path)
    file = tmp_path / "match_shared.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["sought"]), file)
    assert MatchState.read(tmp_path) is None


def test_a_night_on_which_nothing_changed_compares_nothing(town):
    first = match(town)
    second = match(town.take(np.random.default_rng(2).permutation(town.num_rows)), previous=first.state)
    assert second.stats["pairs_compared"] == 0
    assert second.clusters == first.clusters


def test_a_state_of_another_model_is_not_used(town):
    from dataclasses import replace

    first = match(town)
    other = replace(first.state, model="another")
    assert match(town, previous=other).stats["pairs_compared"] == first.stats["pairs_compared"]


def test_a_half_written_state_is_none(town, tmp_path):
    match(town).state.write(tmp_path)
    (tmp_path / "match_state.json").unlink()
    assert MatchState.read(tmp_path) is None


@pytest.mark.in_full
@pytest.mark.slow
def test_groups_too_large_to_be_paired_whole_are_followed_too(town, monkeypatch):
    """As in a city, where hundreds bear one name: a night is searched whole only when such a group comes to be or ends."""
    small = Limits(single=3, double=6, triple=40, fixed=60)
    monkeypatch.setattr(candidates, "Limits", lambda: small)
    monkeypatch.setattr(follow, "Limits", lambda: small)
    followed, pairs_of = [], follow._TwoNights.pairs
    monkeypatch.setattr(follow._TwoNights, "pairs", lambda *args: followed.append(pairs_of(*args)) or followed[-1])
    rng = random.Random(1)
    rows = {row["record_key"]: row for row in town.to_pylist()}
    khans = sorted(rng.sample(sorted(rows), 150))
    for key in khans:
        rows[key] = rows[key] | {"given_names": "Muhammad", "family_name": "Khan"}
    records = pa.Table.from_pylist(list(rows.values()), schema=town.schema)
    state, whole = match(records, unique_sources=SOURCES).state, 0
    for number in range(12):
        for key in khans[number : number + 3]:
            rows[key] = rows[key] | {"birth_date": rows[rng.choice(khans)]["birth_date"], "sex": rng.choice("MF")}
        rows[khans[100 + number]] |= {"given_names": "Quentin"}
        records = pa.Table.from_pylist(list(rows.values()), schema=town.schema)
        stepped = match(records, previous=state, unique_sources=SOURCES)
        rebuilt = match(records, unique_sources=SOURCES)
        assert stepped.clusters == rebuilt.clusters
        assert stepped.possible == rebuilt.possible
        whole += stepped.stats["pairs_compared"] == rebuilt.stats["pairs_compared"]
        state = stepped.state
    assert sum(pairs is not None and len(pairs) > 0 for pairs in followed) > 5
    assert whole < 6


_WRITE_STATE = """
import sys
from pathlib import Path
import pyarrow as pa
from pipelines.matching import match
names = ["Mary Ann", "Anne-Marie Louise", "Bob", "Katherine Jane", "Lizzie"]
records = pa.table({
    "record_key": [f"health:{n}" for n in range(40)], "source": ["health"] * 40,
    "given_names": names * 8, "family_name": ["Ashdown", "Smith-Carter"] * 20,
    "birth_date": ["2015-03-02"] * 40, "postcode": ["B1 1AA"] * 40,
})
match(records).state.write(Path(sys.argv[1]))
"""


@pytest.mark.in_full
def test_a_state_is_the_same_to_the_byte_in_every_process(tmp_path):
    """Python orders a set of texts otherwise in each."""
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        told = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", _WRITE_STATE, str(folder)], check=True, env=told)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
