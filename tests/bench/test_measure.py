"""The figures of the matching bench, counted by hand on clusterings small enough to do so."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bench.matching.measure import candidate_recall, cluster_figures, recall_at_precision, recall_by_sources

KEYS = "abcdefgh"


def identities(groups: list[str]) -> pa.Table:
    return pa.table({
        "record_key": [key for group in groups for key in group],
        "identity": [group[0] for group in groups for _ in group],
    })  # fmt: skip


def truth(groups: list[str], **marks: list[str | None]) -> pa.Table:
    """One row per record; a mark has one value per group."""
    table = {"record_key": [key for group in groups for key in group], "entity": [g for g in groups for _ in g]}
    for name, values in marks.items():
        table[name] = [value for group, value in zip(groups, values, strict=True) for _ in group]
    return pa.table(table)


def pairs(*keys: str, weight: list[float] | None = None) -> pa.Table:
    table = {"record_key_a": [key[0] for key in keys], "record_key_b": [key[1] for key in keys]}
    return pa.table(table | ({"weight": weight} if weight else {}))


@pytest.mark.parametrize(
    ("found", "true", "expected"),
    [
        # pairwise P, R, then B-cubed P, R
        (["abc", "de", "f"], ["abc", "de", "f"], (1, 1, 1, 1)),
        (["a", "b", "c", "d"], ["abc", "d"], (1, 0, 1, (3 * 1 / 3 + 1) / 4)),
        # one identity of everything: 1 of 6 pairs and 3 of 6; each record of "abc" meets 3/4 of its own
        (["abcd"], ["abc", "d"], (3 / 6, 1, (3 * 3 / 4 + 1 / 4) / 4, 1)),
        # abc | de joined as abd | ce: right is ab of 3 + 1 joined and of 3 + 1 true
        (["abd", "ce"], ["abc", "de"], (1 / 4, 1 / 4, (2 * 2 / 3 + 1 / 3 + 2 / 2) / 5, (2 * 2 / 3 + 1 / 3 + 2 / 2) / 5)),
        # the classic example: 6 of one kind, then others
        (["abcde", "fgh"], ["abcd", "efgh"], (9 / 13, 9 / 12, (16 / 5 + 1 / 5 + 3) / 8, (4 + 1 / 4 + 9 / 4) / 8)),
    ],
)  # fmt: skip
def test_precision_and_recall_are_those_counted_by_hand(found, true, expected):
    figures = cluster_figures(identities(found), truth(true))
    got = [figures[name] for name in ("precision", "recall", "bcubed_precision", "bcubed_recall")]
    assert got == pytest.approx(expected)


def test_f1_is_the_harmonic_mean():
    figures = cluster_figures(identities(["abcd"]), truth(["abc", "d"]))
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["bcubed_f1"] == pytest.approx(2 * 0.625 / 1.625)


def test_counts_of_pairs_and_groups():
    figures = cluster_figures(identities(["abcde", "fgh"]), truth(["abcd", "efgh"]))
    assert {name: figures[name] for name in ("records", "identities", "entities")} == {
        "records": 8, "identities": 2, "entities": 2,
    }  # fmt: skip
    assert figures["joined_pairs"] == 13
    assert figures["wrong_pairs"] == 4
    assert figures["true_pairs"] == 12
    assert figures["missed_pairs"] == 3


def test_a_record_without_identity_stands_alone():
    found = pa.table({"record_key": ["a", "b"], "identity": ["x", None]})
    figures = cluster_figures(found, truth(["abc"]))
    assert figures["identities"] == 3
    assert figures["recall"] == 0


def test_an_identity_named_like_a_lone_record_is_not_that_record():
    found = pa.table({"record_key": ["a", "b"], "identity": ["c", "c"]})
    assert cluster_figures(found, truth(["ab", "c"]))["wrong_pairs"] == 0


@pytest.mark.parametrize(
    ("found", "joined", "records"),
    [
        (["ab", "cd", "ef"], 0, 0),
        (["abcd", "ef"], 1, 4),  # both records of one twin with both of the other: one pair of twins
        (["ac", "bd", "ef"], 1, 2),  # the same two twins in two identities count once
        (["abcdef"], 3, 12),  # three born together: three pairs
    ],
)
def test_twins_are_counted_as_children_and_as_records(found, joined, records):
    true = truth(["ab", "cd", "ef", "gh"], twin_set=["t", "t", "t", None], household=["h", "h", "h", "h"])
    figures = cluster_figures(identities(found), true)
    assert figures["twin_pairs"] == 3
    assert figures["twins_joined"] == joined
    assert figures["twin_records"] == records
    assert figures["siblings_joined"] == 0


def test_siblings_and_adopted_identities_are_counted_apart_from_twins():
    marks = {"household": ["h", "h", "h"], "adopted_pair": [None, "p", "p"]}
    figures = cluster_figures(identities(["abc"]), truth(["a", "b", "c"], **marks))
    assert figures["siblings_joined"] == 2
    assert (figures["adopted_pairs"], figures["adopted_joined"]) == (1, 1)


def test_strangers_who_share_no_household_are_no_siblings():
    figures = cluster_figures(identities(["ab"]), truth(["a", "b"], household=[None, None]))
    assert figures["siblings_joined"] == 0
    assert figures["wrong_pairs"] == 1


def test_records_that_cannot_be_linked_may_be_left_out():
    true = truth(["ab"]).append_column("linkable", pa.array([True, False]))
    found = identities(["a", "b"])
    assert cluster_figures(found, true)["recall"] == 0
    assert cluster_figures(found, true, linkable_only=True)["true_pairs"] == 0


def test_candidate_recall_is_the_share_of_true_pairs_compared():
    figures = candidate_recall(pairs("ab", "da", "cb"), truth(["abc", "d"]))
    assert figures == {"candidates": 3, "candidate_recall": pytest.approx(2 / 3)}


def test_recall_is_told_for_each_two_sources():
    sources = pa.array(["health", "health", "police", "school", "health", "school"])
    true = truth(["abcd", "ef"]).append_column("source", sources)
    # of a and b both health, c police, d school only a, b and c are joined; e and f are apart
    assert recall_by_sources(identities(["abc", "d", "e", "f"]), true) == {
        "health, health": 1, "health, police": 1, "health, school": 0, "police, school": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "precision", "recall"),
    [
        ([9, 8, 7, 6], 0.999, 2 / 3),  # ab, ac right, then ad wrong
        ([9, 8, 7, 6], 0.75, 1),  # three of four accepted are right
        ([9, 8, 8, 6], 0.999, 1 / 3),  # ac and ad weigh the same: neither is accepted
        ([6, 7, 9, 8], 0.999, 0),  # the heaviest is wrong
    ],
)
def test_recall_at_precision_takes_the_best_threshold(weights, precision, recall):
    scored = pairs("ab", "ac", "ad", "bc", weight=weights)
    assert recall_at_precision(scored, truth(["abc", "d"]), precision) == pytest.approx(recall)


def test_figures_of_nothing_are_no_error():
    empty = pa.table({"record_key": pa.array([], pa.string()), "identity": pa.array([], pa.string())})
    figures = cluster_figures(empty, truth(["a", "b"]))
    assert (figures["precision"], figures["recall"], figures["bcubed_f1"]) == (1, 1, 1)
