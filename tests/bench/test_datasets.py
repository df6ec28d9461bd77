"""What the matching bench is run on: the comparable form, and a truth row for every record."""

from __future__ import annotations

import pytest

from bench.matching.datasets import FORM, SETS, TRUTH, MissingDataError, load

KNOWN = {  # records, true pairs, as the sets' own description says
    "historical_50k": (50_578, 303_961), "historical_50k_full": (50_578, 303_961),
    "febrl3": (5_000, 6_538), "febrl3_no_id": (5_000, 6_538), "febrl4": (10_000, 5_000), "febrl4_no_id": (10_000, 5_000),
}  # fmt: skip


@pytest.fixture(params=SETS)
def dataset(request):
    try:
        return load(request.param, children=200)
    except MissingDataError as missing:
        pytest.skip(str(missing))


def test_people_and_truth_have_the_same_records_in_the_same_order(dataset):
    assert dataset.people.schema == FORM
    assert dataset.truth.schema == TRUTH
    assert dataset.people["record_key"] == dataset.truth["record_key"]
    assert len(set(dataset.people["record_key"].to_pylist())) == len(dataset.people)
    assert dataset.truth["entity"].null_count == 0


def test_the_size_is_the_published_one(dataset):
    if dataset.name not in KNOWN:
        pytest.skip("made, not published")
    sizes = dataset.truth.group_by("entity").aggregate([("record_key", "count")])["record_key_count"].to_pylist()
    assert (len(dataset.people), sum(size * (size - 1) // 2 for size in sizes)) == KNOWN[dataset.name]


def test_a_set_that_is_not_there_says_how_to_name_it(tmp_path):
    with pytest.raises(MissingDataError, match="--data"):
        load("febrl3", children=0, folder=tmp_path)


def test_the_truth_is_not_among_what_engines_are_given(dataset):
    given = {*dataset.people.column_names, *(dataset.further.column_names if dataset.further is not None else ())}
    assert not given & {"entity", "child", "cluster", "household", "twin_set", "adopted_pair", "linkable"}
