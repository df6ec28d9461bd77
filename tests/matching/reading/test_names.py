"""Names come to one comparable form, and placeholders to none."""

from __future__ import annotations

import pytest

from pipelines.matching.reading.names import SEPARATOR, family_name, fold, given_name


@pytest.mark.parametrize(
    ("written", "folded"),
    [("O'Brien", "OBRIEN"), ("Łukasz", "LUKASZ"), ("  de  la Cruz ", "DE LA CRUZ"), ("Müller-Weiß", "MULLER-WEISS"),
     ("Ægir", "AEGIR"), ("Søren", "SOREN"), ("Yıldırım", "YILDIRIM"), ("王小明", "WANGXIAOMING"), ("Иван", "IVAN"), ("", "")],
)  # fmt: skip
def test_names_fold_to_plain_capitals(written, folded):
    assert fold(written) == folded


@pytest.mark.parametrize(
    "written",
    ["Baby", "BABY GIRL", "Baby Smith", "Twin 1", "twin two", "Twin A", "Unknown", "not known", "Boy", "NK", "-", "?",
     "Mother", "Son of Mary", "Child of the house"],
)  # fmt: skip
def test_a_placeholder_is_no_given_name(written):
    assert given_name(written).name is None


@pytest.mark.parametrize("written", ["A", "J", "Al", "Child", "Zoë", "Boyd", "Testa"])
def test_a_short_or_odd_name_is_still_a_name(written):
    assert given_name(written).name


def test_a_hyphenated_given_name_meets_its_parts():
    joined, first = given_name("Anne-Marie"), given_name("Anne Rose")
    assert joined.name == "ANNEMARIE"
    assert first.name in joined.tokens


def test_a_nickname_shares_a_root_with_its_name():
    assert set(given_name("Bob").roots) & set(given_name("Robert").roots)
    assert not set(given_name("Alice").roots) & set(given_name("Robert").roots)


def test_a_family_name_carries_its_former_ones_and_its_parts():
    name = family_name(SEPARATOR.join(["Smith-Jones", "Patel"]))
    assert name.name == "SMITH JONES"
    assert {"SMITH", "JONES", "SMITHJONES", "PATEL"} <= set(name.everything)


def test_particles_are_not_shared_parts():
    assert not set(family_name("de la Cruz").everything) & set(family_name("de la Torre").everything)


def test_an_alias_is_no_further_given_name():
    name = given_name(SEPARATOR.join(["Connor", "Oliver"]))
    assert name.others == ()
    assert "OLIVER" in name.tokens
