"""Decisions on deliveries: cases from the specification, and properties over any order of arrival."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.deliveries.codes import finding
from pipelines.deliveries.states import CONSUMING, IN_FORCE, DeliveryEntry, finish, release, rule_on

DAY = date(2026, 11, 20)


def delivery(sequence, *, mode="full", day=0, state="loaded", version="a", counts=None, codes=()):
    return DeliveryEntry(
        delivery_id=f"330/health/{day}/{sequence}-{version}",
        authority="330",
        agency="health",
        business_date=DAY + timedelta(days=day),
        sequence=sequence,
        mode=mode,
        state=state,
        counts=counts or {"rows_read": 5, "accepted": 5},
        codes=[{"code": code} for code in codes],
    )


def codes(ruling):
    return {each.code: each.severity for each in ruling.findings}


def ask(known, new, findings=(), **settings):
    return rule_on(known, new, findings, **({"rows": 5} | settings))


def test_a_first_full_delivery_may_have_any_sequence():
    assert ask([], delivery(412)).state == "verified"


def test_a_first_delta_without_a_base_is_held():
    assert ask([], delivery(412, mode="delta")).state == "held"


def test_the_same_delivery_again_is_left_alone():
    known = delivery(1)
    assert ask([known], replace(known, state="received")).known is known


def test_the_same_sequence_with_other_content_is_refused():
    ruling = ask([delivery(1)], delivery(1, version="b"))
    assert (ruling.state, set(codes(ruling))) == ("refused", {"REPEATED"})


@pytest.mark.parametrize("version", ["a", "b"])
def test_a_refused_delivery_leaves_its_sequence_free(version):
    assert ask([delivery(1, state="refused")], delivery(1, version=version)).state == "verified"


def test_whatever_refuses_a_file_refuses_the_delivery():
    assert ask([], delivery(1), [finding("CHECKSUM_MISMATCH", "f")]).state == "refused"


def test_a_gap_warns_on_a_full_delivery_and_holds_a_delta():
    assert codes(ask([delivery(1)], delivery(4, day=1))) == {"SEQUENCE_GAP": "warn"}
    ruling = ask([delivery(1)], delivery(4, day=1, mode="delta"))
    assert (ruling.state, codes(ruling)) == ("held", {"SEQUENCE_GAP": "hold"})
    assert "2 to 3" in ruling.findings[0].message


def test_a_gap_before_the_last_full_delivery_does_not_hold_a_delta():
    assert ask([delivery(1), delivery(5, day=1)], delivery(6, day=2, mode="delta")).state == "verified"


def test_waived_sequences_are_not_waited_for():
    assert ask([delivery(1)], delivery(4, day=1, mode="delta"), waived={2, 3}).state == "verified"
    assert not codes(ask([delivery(1)], delivery(4, day=1), waived={2, 3}))


def test_a_delta_after_a_held_or_refused_one_is_held():
    for state in ("held", "refused"):
        known = [delivery(1), delivery(2, day=1, mode="delta", state=state)]
        assert ask(known, delivery(3, day=2, mode="delta")).state == "held"


def test_what_corrects_a_refused_delta_keeps_its_number_and_frees_what_came_after():
    refused = delivery(2, day=1, mode="delta", state="refused")
    assert ask([delivery(1), refused], delivery(2, day=1, mode="delta", version="b")).state == "verified"
    assert ask([delivery(1), refused], delivery(3, day=1, mode="delta")).state == "held"


@pytest.mark.parametrize(("before", "state"), [(0, "verified"), (10, "verified"), (11, "held")])
def test_an_empty_full_delivery_is_held_when_the_feed_had_more_than_ten_records(before, state):
    assert ask([delivery(1)], delivery(2, day=1), rows=0, previous_live_records=before).state == state


def test_an_empty_delta_is_a_quiet_night():
    assert ask([delivery(1)], delivery(2, day=1, mode="delta"), rows=0, previous_live_records=99).state == "verified"


def test_a_correction_supersedes_what_is_in_force_for_its_date_only():
    ruling = ask([delivery(1), delivery(2, day=1)], delivery(3, day=1))
    assert ruling.supersedes == ("330/health/1/2-a",)


def test_an_older_sequence_that_comes_late_does_not_displace_a_newer_one():
    ruling = ask([delivery(1), delivery(3, day=1)], delivery(2, day=1))
    assert (ruling.state, ruling.superseded_by) == ("superseded", "330/health/1/3-a")


def test_a_delta_adds_to_a_full_delivery_of_the_same_date_and_replaces_a_delta():
    known = [delivery(1, day=1), delivery(2, day=1, mode="delta")]
    assert ask(known, delivery(3, day=1, mode="delta")).supersedes == ("330/health/1/2-a",)
    assert ask(known, delivery(3, day=1)).supersedes == ("330/health/1/1-a", "330/health/1/2-a")


def test_late_is_what_comes_when_nobody_waits_for_it_any_more():
    assert ask([delivery(2, day=1)], delivery(1), overdue=True).late
    assert not ask([delivery(1)], delivery(2), overdue=True).late
    assert not ask([], delivery(1)).late


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"rows_read": 5, "accepted": 5}, "loaded"),
        ({"rows_read": 5, "queried": 5}, "loaded"),
        ({"rows_read": 5, "accepted": 4, "rejected": 1}, "partly_loaded"),
        ({"rows_read": 4, "accepted": 4, "lost": 1}, "partly_loaded"),
        ({"rows_read": 5, "rejected": 5}, "refused"),
        ({"rows_read": 0}, "loaded"),
    ],
)
def test_the_final_state_follows_from_the_counts(counts, state):
    assert finish(ask([], delivery(1)), counts)[0] == state


def test_a_held_delta_is_released_when_the_missing_one_has_come_and_frees_the_next():
    held = [delivery(n, day=n, mode="delta", state="held", codes=["SEQUENCE_GAP"]) for n in (3, 4)]
    assert release([delivery(1), *held]) == []
    freed = release([delivery(1), delivery(2, day=2, mode="delta"), *held])
    assert [(entry.sequence, entry.state) for entry, _ in freed] == [(3, "loaded"), (4, "loaded")]
    assert all(code["code"] != "SEQUENCE_GAP" for entry, _ in freed for code in entry.codes)


def test_that_a_number_was_waived_while_it_was_missing_is_no_consent_to_what_comes_under_it():
    empty = ask([delivery(1)], delivery(2, day=1), rows=0, previous_live_records=99, waived={2})
    assert (empty.state, codes(empty)) == ("held", {"EMPTY": "hold"})
    assert ask([], delivery(9, mode="delta"), waived={9}).state == "held"


@pytest.mark.parametrize(
    "held",
    [
        delivery(2, day=1, state="held", codes=["EMPTY"], counts={"rows_read": 0}),
        delivery(2, day=-1, mode="delta", state="held", codes=["SEQUENCE_GAP"]),
    ],
    ids=["empty", "without a base"],
)
def test_a_held_delivery_is_used_as_it_is_by_consent_to_itself_only(held):
    assert release([delivery(1), held], {1, 2}) == []
    assert release([delivery(1), held], {1}, consented=1) == []
    assert release([delivery(1), held], consented=2)[0][0].state == "loaded"


arrivals = st.lists(
    st.builds(
        lambda sequence, mode, day, version, sound: (
            delivery(sequence, mode=mode, day=day, version=version),
            sound,
        ),
        st.integers(0, 8),
        st.sampled_from(["full", "delta"]),
        st.integers(0, 3),
        st.sampled_from("ab"),
        st.booleans(),
    ),
    max_size=14,
)


def play(events, waived=()):
    """The register after `events`, driven as intake drives it."""
    known = {}
    for new, sound in events:
        ruling = ask(list(known.values()), new, [] if sound else [finding("CHECKSUM_MISMATCH", "f")], waived=waived)
        if ruling.known:
            continue
        state, findings = finish(ruling, new.counts)
        known[new.delivery_id] = replace(
            new, state=state, codes=[each.as_json() for each in findings], superseded_by=ruling.superseded_by
        )
        moves = [(known[new.delivery_id], ruling)] if state in IN_FORCE else []
        for entry, made in [*moves, *release(list(known.values()), waived)]:
            known[entry.delivery_id] = entry
            for earlier in made.supersedes:
                known[earlier] = replace(known[earlier], state="superseded", superseded_by=entry.delivery_id)
    return known


@settings(max_examples=500, deadline=None)
@given(arrivals)
def test_in_any_order_of_arrival_the_register_stays_sound(events):
    known = play(events)
    consumed = [entry.sequence for entry in known.values() if entry.state in CONSUMING]
    assert len(consumed) == len(set(consumed)), "a sequence was used twice"
    assert {entry.state for entry in known.values()} <= {"loaded", "refused", "held", "superseded"}
    for day in {entry.business_date for entry in known.values()}:
        tonight = [entry for entry in known.values() if entry.business_date == day and entry.state in IN_FORCE]
        fulls = [entry.sequence for entry in tonight if entry.mode == "full"]
        deltas = [entry.sequence for entry in tonight if entry.mode == "delta"]
        assert len(fulls) <= 1
        assert len(deltas) <= 1
        assert not fulls or not deltas or deltas[0] > fulls[0]
    for entry in known.values():
        assert (entry.state == "superseded") == (entry.superseded_by is not None)
        if entry.superseded_by:
            assert known[entry.superseded_by].sequence > entry.sequence
    assert release(list(known.values())) == [], "something held could go"


@settings(max_examples=300, deadline=None)
@given(arrivals)
def test_running_everything_again_changes_nothing(events):
    sound = [(new, True) for new, _ in events]
    assert play(sound + sound) == play(sound)


@settings(max_examples=300, deadline=None)
@given(st.permutations(list(range(1, 7))))
def test_a_chain_of_deltas_ends_loaded_in_whatever_order_it_comes(order):
    chain = {1: delivery(1)} | {n: delivery(n, day=n, mode="delta") for n in range(2, 7)}
    known = play([(chain[n], True) for n in order])
    assert {entry.state for entry in known.values()} == {"loaded"}
