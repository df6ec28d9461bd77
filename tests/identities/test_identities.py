"""Identities that live: whatever happens to clusters, ids keep their promises."""

import itertools
import random
import re
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import IsindexError
from pipelines.identities.assign import assign_identities
from pipelines.identities.ledger import record_night
from pipelines.identities.mint import ALPHABET, mint, valid_index_id
from pipelines.identities.state import IdentityState
from pipelines.seams.matching import WALLS
from pipelines.settings import forget_settings
from pipelines.tables import read_table, write_table

KEYS = [f"health:{n}" for n in range(7)]
DAY = date(2026, 3, 1)


def run(partition, previous, night, frozen=None, shuffle=None, walls=None):
    """One night on {record_key: group}; the name of a cluster is its smallest record key."""
    groups = {}
    for key, group in partition.items():
        groups.setdefault(group, []).append(key)
    name = {key: min(members) for members in groups.values() for key in members}
    keys = sorted(partition)
    if shuffle is not None:
        random.Random(shuffle).shuffle(keys)
    size = len(keys)
    clusters = pa.table(
        {
            "record_key": pa.array(keys, pa.string()), "cluster": pa.array([name[key] for key in keys], pa.string()),
            "step": pa.array(["exact"] * size, pa.string()), "weight": pa.array([9.0] * size, pa.float64()),
            "reason": pa.array(["same name"] * size, pa.string()),
        }
    )  # fmt: skip
    records = pa.table(
        {
            "record_key": pa.array(keys, pa.string()), "delivery_id": pa.array(["d"] * size, pa.string()),
            "position": pa.array([KEYS.index(key) for key in keys], pa.int64()),
            "content": pa.array([1] * size, pa.int64()),
        }
    )  # fmt: skip
    day = DAY + timedelta(days=night)
    frozen_array = pa.array(frozen, pa.string()) if frozen else None
    assigned = assign_identities(
        clusters, records, previous, authority="301", business_date=day, frozen=frozen_array, walls=walls
    )
    ids = sorted(set(assigned.identities["index_id"].to_pylist()))
    visible = pa.table(
        {
            "index_id": pa.array(ids, pa.string()),
            "shielded": pa.array([False] * len(ids), pa.bool_()),
            "withheld": pa.array([False] * len(ids), pa.bool_()),
        }
    )
    return record_night(assigned, visible, previous, day)


def ids_of(state):
    return dict(zip(*(state.identities[name].to_pylist() for name in ("record_key", "index_id")), strict=True))


def kinds(events):
    return sorted(events["kind"].to_pylist())


nights = st.lists(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3)), min_size=1, max_size=6)


@pytest.mark.in_full
@settings(max_examples=60, deadline=None)
@given(nights=nights, seed=st.integers(0, 9))
def test_any_history_keeps_records_apart_ids_unique_and_replays_alike(nights, seed):
    state = None
    minted_on = {}
    for number, partition in enumerate(nights):
        before = state
        state, events = run(partition, before, number)
        again, events_again = run(partition, before, number, shuffle=seed)
        for part in ("identities", "index_ids", "history", "story"):
            assert getattr(state, part).equals(getattr(again, part)), part
        assert events.equals(events_again)
        held = ids_of(state)
        assert set(held) == set(partition)
        groups = {}
        for key, group in partition.items():
            groups.setdefault(group, set()).add(held[key])
        assert all(len(ids) == 1 for ids in groups.values())  # a cluster is one identity
        assert len(set().union(*groups.values(), set())) == len(groups)  # and no two share one
        by_id = {row["index_id"]: row for row in state.index_ids.to_pylist()}
        assert len(by_id) == state.index_ids.num_rows
        assert set(minted_on) <= set(by_id)  # nothing is forgotten, so nothing can be minted again
        for index_id, minted in minted_on.items():
            assert by_id[index_id]["minted_night"] == minted
        minted_on = {index_id: row["minted_night"] for index_id, row in by_id.items()}
        assert {index_id for index_id, row in by_id.items() if row["state"] == "live"} == set(held.values())
        for index_id, _row in by_id.items():  # redirects come to an end that redirects no further
            seen = set()
            while by_id[index_id]["state"] == "merged":
                assert index_id not in seen
                seen.add(index_id)
                index_id = by_id[index_id]["redirects_to"]


@pytest.mark.in_full
@settings(max_examples=60, deadline=None)
@given(
    partition=st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3), min_size=2), joined=st.sets(st.integers(0, 3))
)
def test_an_unmerge_gives_every_record_back_the_id_it_had(partition, joined):
    first, _ = run(partition, None, 0)
    second, _ = run({key: min(joined) if group in joined else group for key, group in partition.items()}, first, 1)
    third, _ = run(partition, second, 2)
    assert ids_of(third) == ids_of(first)


def test_a_merge_keeps_the_elder_id_and_the_other_redirects():
    first, _ = run({KEYS[5]: 1}, None, 0)
    second, _ = run({KEYS[5]: 1, KEYS[0]: 2, KEYS[1]: 2}, first, 1)
    third, events = run({KEYS[5]: 1, KEYS[0]: 1, KEYS[1]: 1}, second, 2)
    assert set(ids_of(third).values()) == {ids_of(first)[KEYS[5]]}
    (merged,) = [row for row in third.index_ids.to_pylist() if row["state"] == "merged"]
    assert (merged["index_id"], merged["redirects_to"]) == (ids_of(second)[KEYS[0]], ids_of(first)[KEYS[5]])
    assert kinds(events) == ["joined", "joined", "left", "left", "merged"]


def test_a_merge_keeps_the_elder_id_whichever_of_the_two_comes_first_in_any_other_order():
    orders = set()
    for elder, younger in itertools.permutations(KEYS[:4], 2):
        first, _ = run({elder: 1}, None, 0)
        second, _ = run({elder: 1, younger: 2, KEYS[6]: 2}, first, 1)  # the younger has more records
        third, _ = run({elder: 1, younger: 1, KEYS[6]: 1}, second, 2)
        assert set(ids_of(third).values()) == {ids_of(first)[elder]}
        orders.add((elder < younger, ids_of(first)[elder] < ids_of(second)[younger]))
    assert len(orders) == 4  # neither the keys' nor the ids' own order decides


def test_a_split_leaves_the_id_with_the_largest_claim_and_mints_for_the_rest():
    first, _ = run(dict.fromkeys(KEYS[:5], 1), None, 0)
    second, events = run({**dict.fromkeys(KEYS[:2], 1), **dict.fromkeys(KEYS[2:5], 2)}, first, 1)
    assert ids_of(second)[KEYS[3]] == ids_of(first)[KEYS[3]]
    assert ids_of(second)[KEYS[0]] != ids_of(first)[KEYS[0]]
    assert kinds(events) == ["left", "left", "minted", "split"]


def test_a_record_that_comes_back_alone_takes_back_its_id():
    first, _ = run({KEYS[0]: 1, KEYS[1]: 2}, None, 0)
    second, events = run({KEYS[1]: 2}, first, 1)
    assert kinds(events) == ["ended", "left"]
    third, events = run({KEYS[0]: 1, KEYS[1]: 2}, second, 2)
    assert ids_of(third) == ids_of(first)
    assert kinds(events) == ["restored"]


@pytest.mark.in_full
def test_those_who_come_back_as_one_child_take_back_the_elder_of_their_ids_whichever_comes_first_in_any_other_order():
    orders = set()
    for elder, younger in itertools.permutations(KEYS[:4], 2):
        first, _ = run({elder: 1, KEYS[6]: 3}, None, 0)
        second, _ = run({elder: 1, younger: 2, KEYS[6]: 3}, first, 1)
        third, _ = run({KEYS[6]: 3}, second, 2)  # both are gone, and their ids are free
        fourth, events = run({elder: 1, younger: 1, KEYS[6]: 3}, third, 3)
        assert ids_of(fourth)[elder] == ids_of(fourth)[younger] == ids_of(first)[elder]
        assert "minted" not in kinds(events)
        orders.add(ids_of(first)[elder] < ids_of(second)[younger])
    assert len(orders) == 2  # the ids' own order does not decide


def test_a_frozen_cluster_stays_as_it_was():
    first, _ = run({KEYS[0]: 1, KEYS[1]: 1, KEYS[2]: 2}, None, 0)
    second, events = run({KEYS[0]: 1, KEYS[1]: 1, KEYS[2]: 1, KEYS[3]: 1}, first, 1, frozen=[KEYS[0]])
    assert {key: ids_of(second)[key] for key in KEYS[:3]} == ids_of(first)
    assert len(set(ids_of(second).values())) == 3
    assert "frozen" in kinds(events)


sides = st.lists(st.sampled_from(["a", "b", ""]), min_size=len(KEYS) - 2, max_size=len(KEYS) - 2)


@pytest.mark.in_full
@settings(max_examples=30, deadline=None)
@given(before=nights, between=nights, after=nights, sides=sides)
def test_no_event_leads_from_one_side_of_a_firewall_to_the_other_whatever_records_did_before_and_after(
    before, between, after, sides
):
    """Each record keeps to its side from the wall on, and those of no side to themselves; any of them may come and go.

    The wall stands in the nights `between`, is gone for those `before` once more, and stands again `after`. What a night itself joins
    beyond the wall is parted from it by the next one.
    """
    of = dict(zip(KEYS, ["a", "b", *sides], strict=True))
    told, state, stand = [], None, set(KEYS[:2])
    parted = [False] * len(before) + [True] * len(between) + [False] * len(before) + [True] * (len(after) + 1)
    for night, partition in enumerate([*before, *between, *before, *after, after[-1]]):
        walls = None
        if not parted[night]:
            stand = set(KEYS[:2])
        else:
            partition = {key: f"{of[key]}{group}" for key, group in partition.items()}
            stand |= {key for key in partition if of[key]}  # who has stood there stands there, also when it is gone
            row = {"wall_a": KEYS[0], "wall_b": KEYS[1]}
            walls = pa.Table.from_pylist(
                [row | {"side": of[key], "record_key": key} for key in sorted(stand)], WALLS.schema
            )
        state, events = run(partition, state, night, walls=walls)
        told += [
            {row["index_id"], row["other_id"], row["record_ref"], *re.findall("[0-9a-f]{32}", row["evidence"])} - {None}
            for row in events.to_pylist()
        ]
    ids = {side: {id for key, id in ids_of(state).items() if of[key] == side} for side in "ab"}
    refs = {
        side: {
            row["wall_ref"] or row["record_ref"]
            for row in state.identities.to_pylist()
            if of[row["record_key"]] == side
        }
        for side in "ab"
    }
    reached, more = set(), ids["a"] | refs["a"]
    while more:
        reached |= more
        more = set().union(*(row for row in told if row & more)) - reached
    assert not (ids["b"] | refs["b"]) & reached


def test_the_state_of_a_night_that_knew_no_firewalls_is_read_as_one_without_any(tmp_path):
    state, _ = run({KEYS[0]: 1, KEYS[1]: 1}, None, 0)
    state.write(tmp_path)
    for name, column in (("identities", "wall_ref"), ("history", "walled")):
        path = tmp_path / "identities" / f"{name}.parquet"
        write_table(read_table(path).drop_columns([column]), path)
    again = IdentityState.read(tmp_path)
    assert again.identities["wall_ref"].null_count == again.identities.num_rows == 2
    assert ids_of(run({KEYS[0]: 1, KEYS[1]: 1}, again, 1)[0]) == ids_of(state)


def test_a_record_in_no_cluster_is_refused():
    clusters = pa.table({"record_key": ["a"], "cluster": ["a"], "step": ["new"], "weight": [0.0], "reason": [""]})
    records = pa.table({"record_key": ["a", "b"], "delivery_id": ["d"] * 2, "position": [1, 2], "content": [1, 2]})
    with pytest.raises(IsindexError, match="CLUSTERS_INCOMPLETE"):
        assign_identities(clusters, records, None, authority="301", business_date=DAY)


def test_minting_does_not_depend_on_order_and_a_taken_id_is_never_given_again():
    founders = pa.array(KEYS)
    none = pa.array([], pa.string())
    first = dict(zip(KEYS, mint(founders, none, "301").to_pylist(), strict=True))
    turned = dict(zip(KEYS[::-1], mint(founders[::-1], none, "301").to_pylist(), strict=True))
    assert first == turned
    again = mint(founders, pa.array(first.values()), "301").to_pylist()
    assert not set(again) & set(first.values())
    assert not set(mint(founders, none, "302").to_pylist()) & set(first.values())


def test_an_index_id_has_twelve_characters_that_cannot_be_misread():
    ids = mint(pa.array(KEYS), pa.array([], pa.string()), "301").to_pylist()
    assert {len(index_id) for index_id in ids} == {12}
    assert not set("".join(ids)) & set("0ILOUAE")
    assert all(valid_index_id(index_id) for index_id in ids)


def test_each_authority_mints_under_two_characters_of_its_own():
    none, founder = pa.array([], pa.string()), pa.array(["health:1"])
    minters = {mint(founder, none, str(code)).to_pylist()[0][:2] for code in range(200, 1000)}
    assert len(minters) == 800


@settings(max_examples=60, deadline=None)
@given(
    codes=st.tuples(st.integers(200, 999), st.integers(200, 999)),
    keys=st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True),
    rounds=st.integers(1, 3),
    secrets=st.tuples(
        *[st.sampled_from(["a secret of forty bytes, for tests alone", "another secret, also long enough"])] * 2
    ),
)
def test_no_two_authorities_ever_share_an_id_whatever_their_secrets(codes, keys, rounds, secrets):
    minted = []
    for code, secret in zip(codes, secrets, strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ISINDEX_SECRET", secret)
            forget_settings()
            taken = pa.array([], pa.string())
            for _ in range(rounds):  # each round finds all it would give taken, and goes a generation on
                given_now = mint(pa.array(keys, pa.string()), taken, str(code))
                assert not set(given_now.to_pylist()) & set(taken.to_pylist())
                taken = pa.concat_arrays([taken, given_now])
        forget_settings()
        assert len(set(taken.to_pylist())) == rounds * len(keys)
        minted.append(set(taken.to_pylist()))
    assert codes[0] == codes[1] or not minted[0] & minted[1]


@pytest.mark.parametrize("code", ["", "199", "000", "33", "0330", "1041", "-330", "33O", "³³0", "٣٣٠", "330 ", "330\n"])
def test_nothing_is_minted_for_what_is_no_code_of_an_authority(code):
    with pytest.raises(IsindexError, match="AUTHORITY_UNKNOWN"):
        mint(pa.array(KEYS), pa.array([], pa.string()), code)


def test_one_wrong_or_two_swapped_characters_make_an_id_invalid():
    (index_id,) = mint(pa.array(["health:1"]), pa.array([], pa.string()), "301").to_pylist()
    assert valid_index_id(index_id)
    for place in range(12):
        for character in ALPHABET:
            wrong = index_id[:place] + character + index_id[place + 1 :]
            assert valid_index_id(wrong) == (wrong == index_id)
    for first, second in itertools.combinations(range(12), 2):
        letters = list(index_id)
        letters[first], letters[second] = letters[second], letters[first]
        assert valid_index_id("".join(letters)) == ("".join(letters) == index_id)
    for wrong in (index_id.lower(), index_id[:-1], index_id + index_id[-1], ""):
        assert not valid_index_id(wrong)
