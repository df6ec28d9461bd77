"""The bench of England takes the real skew, and what all would cost follows from what some cost."""

import pytest

from bench.england import chosen, growth

pytestmark = pytest.mark.in_full


def test_the_largest_and_the_smallest_are_among_those_that_are_taken():
    england = {f"{place:03}": 1_000 * (place + 1) for place in range(153)}
    taken = chosen(england, 0.1)
    assert len(taken) == len(set(taken)) == 15
    assert {"152", "000"} <= set(taken)
    assert len(chosen(england, 1.0)) == 153 and len(chosen(england, 0.0)) == 2


@pytest.mark.parametrize(
    ("seconds", "own", "each"),
    [
        ([3, 5, 7], 1.0, 0.002),
        ([2, 4, 6], 0.0, 0.002),
        ([9, 9, 9], 9.0, 0.0),
        ([9, 8, 7], 8.0, 0.0),
        ([1, 4, 7], 0.0, 0.002143),
    ],
)
def test_an_authority_takes_something_for_itself_and_for_each_child_and_never_less_than_nothing(seconds, own, each):
    assert growth([1_000, 2_000, 3_000], seconds) == pytest.approx((own, each), rel=0.01, abs=1e-9)
