"""One slip apart: byte rows say of every two texts what rapidfuzz's Damerau-Levenshtein distance says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from pipelines.matching.comparing.slips import Spelled

SHORT = st.text("01AB", max_size=5)
ANY = st.one_of(SHORT, st.text("01Aé", max_size=20), st.just("0123456789012345"), st.just("01234567890123456"))


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=60))
def test_one_slip_is_a_damerau_levenshtein_distance_of_one(pairs):
    pairs = [(a, b) for a, b in pairs if a != b] or [("A", "B")]
    texts = pa.array([text for pair in pairs for text in pair], pa.string())
    place = np.arange(len(pairs)) * 2
    expected = [DamerauLevenshtein.distance(a, b) == 1 for a, b in pairs]
    assert Spelled(texts).one_slip(place, place + 1).tolist() == expected
