"""Mangled deliveries: a run of a fixed seed, inputs that Hypothesis puts together, and that the promises would be found broken.

Belongs here: what of `make fuzz` every run of the tests does. The many inputs are `python -m tests.fuzz`.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.bases import base_of
from tests.fuzz.invariants import broken, kept_of
from tests.fuzz.mangling import FORMS, MUTATORS, mangled
from tests.fuzz.run import applicable, case, one, rounds
from tests.fuzz.taken_in import Place, take_in

SEED, INPUTS = "of the tests", 96


@pytest.fixture(scope="module")
def place():
    made = Place()
    yield made
    made.close()


@pytest.mark.in_full
@pytest.mark.slow
def test_a_run_of_a_fixed_seed_breaks_no_promise():
    tally = rounds(SEED, inputs=INPUTS, until=time.monotonic() + 300)
    assert [str(each) for each in tally.findings] == []
    assert tally.inputs == INPUTS
    assert {form for _, form, _ in tally.ends} == set(FORMS)
    assert {end for _, _, end in tally.ends} >= {"whole", "partly", "refused"}


@pytest.mark.slow
@settings(max_examples=12, derandomize=True)
@given(st.data())
def test_whatever_mutators_meet_no_promise_is_broken(place, data):
    base = base_of(SEED, data.draw(st.integers(4, 255)))
    names = data.draw(st.lists(st.sampled_from(applicable(base.form)), min_size=1, max_size=3, unique=True))
    names.sort(key=lambda name: MUTATORS[name][0].__module__ != "tests.fuzz.mutate_cells")
    spoilt = mangled(base, names, random.Random(data.draw(st.integers(0, 10**6))))
    assert one(spoilt, place) == [], spoilt.names


def test_a_case_is_the_same_every_time():
    for slot in range(12):
        assert case(SEED, 3, slot) == case(SEED, 3, slot)


def test_every_mutator_does_something_to_every_form_it_is_for():
    idle = []
    bases = [base_of(SEED, number) for number in range(64)]
    for name, (_, forms) in MUTATORS.items():
        for form in forms:
            own = [base for base in bases if base.form == form]
            tries = (mangled(base, [name], random.Random(n)) for base in own for n in range(2))
            idle += [] if any(each.names for each in tries) else [(name, form)]
    assert idle == []


def _sound(agency: int):
    """A sound delivery in which somebody asks, if anybody of its agency does."""
    found = (base_of(SEED, number) for number in range(12 + agency, 128, 4))
    return next(
        base for base in found if base.mode == "full" and base.form != "parquet" and (agency % 3 or base.asks())
    )


def test_the_promises_are_found_broken(place):
    """What each of them is for: planted, it is found."""
    given_ = mangled(_sound(0), (), random.Random(0))
    [seen] = take_in(place, [given_])
    sound = kept_of(seen)

    def promises(**changes):
        return {promise for promise, _ in broken(given_, replace(seen, **changes), sound, place)}

    assert promises() == set()
    assert promises(fault=ValueError("x")) == {"no crash"}
    assert promises(seconds=1e6) == {"no hang"}
    assert promises(accepted=seen.accepted.slice(1)) == {"nothing good lost"}
    other = seen.accepted.set_column(
        seen.accepted.column_names.index("outcome"), "outcome", pa.array(["queried"] * seen.accepted.num_rows)
    )
    assert promises(accepted=other) == {"nothing good lost"}
    assert promises(receipt=replace(seen.receipt, asking=None)) == {"every mark heard"}
    assert promises(receipt=replace(seen.receipt, asking=seen.receipt.asking.slice(0, 0))) == {"every mark heard"}
    counts = {**seen.entries[0].counts, "rows_read": 1}
    assert promises(entries=[replace(seen.entries[0], counts=counts)]) == {"counts"}
    name = f"{given_.base.rows[0]['given_name']} {given_.base.rows[0]['family_name']}"
    assert promises(told=[f"could not read {name!r}"]) == {"nothing leaks"}
    assert promises(fault=ValueError(name)) == {"no crash", "nothing leaks"}
