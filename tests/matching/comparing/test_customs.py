"""Names as the customs of English schools' families have them: one child however it is written, and twins stay two."""

from __future__ import annotations

import datetime as dt

import pytest

from pipelines.matching import load_model, match
from tests.matching.conftest import table

SOURCES = {"health": "person_number", "education": "person_number"}
CHILD = {"birth_date": dt.date(2015, 3, 14), "sex": "M", "postcode": "B12 3CD", "address": "14 Mill Lane"}
FAR = {"postcode": "B30 1AA", "address": "9 Far Row"}
MODEL = load_model()

# given names and family name, as one agency has them and as another
ONE_CHILD = {
    "Muhammad, spelled otherwise": (("Mohd Atheel", "Maheen"), ("Muhammed Atheel", "Maheen")),
    "Muhammad, cut to two letters": (("Md Zarar", "Sheikh"), ("Mohammad Zarar", "Sheikh")),
    "Muhammad in front or not": (("Mohammed Hamza", "Dabir"), ("Hamza", "Dabir")),
    "Singh between the names or as the last": (("Raghav Singh", "Sandhu"), ("Raghav", "Singh")),
    "Kaur last, the clan's name between": (("Kirandeep Bains", "Kaur"), ("Kirandeep", "Bains")),
    "father's and grandfather's name, cut at two": (("Birsan Khaled", "Karimi"), ("Birsan", "Khaled")),
    "father's initial in front": (("K", "Vishal"), ("Vishal", "Kumar")),
    "father's initial behind": (("Harini", "K"), ("Krishnan", "Harini")),
    "two syllables joined": (("Na Yan", "Lau"), ("Nayan", "Lau")),
    "family name first": (("Yang", "Xuan Wing"), ("Xuan Wing", "Yang")),
    "the second family name dropped": (("Amalia Rodrigues", "Martinez"), ("Amalia", "Rodrigues")),
    "both family names, a further name on one side": (("Amalia Francisca", "Rodrigues Martinez"), ("Amalia Rodrigues", "Martinez")),
    "given names in another order, misspelled": (("Wendy Onyinye", "Faleti"), ("Onyyinye Wendy", "Faleti")),
}  # fmt: skip
TWINS = {
    "Muhammad in front of either": (("Mohammed Hassan", "Khan"), ("Mohammed Zayd", "Khan")),
    "Muhammad before one alone": (("Mohammed Hassan", "Khan"), ("Zayd", "Khan")),
    "both are Singh": (("Arjan Singh", "Sandhu"), ("Karan Singh", "Sandhu")),
    "father's and grandfather's name": (("Liban Mohamed", "Ali"), ("Idris Mohamed", "Ali")),
    "father's initial in front of either": (("K", "Vishal"), ("K", "Arun")),
    "father's initial, father's name": (("K", "Vishal"), ("Arun", "Kumar")),
    "two family names": (("Ana", "Silva Santos"), ("Lucia", "Silva Santos")),
    "one's name is the other's further name": (("Maria Ana", "Silva"), ("Ana Lucia", "Silva")),
}


def one_child(one, other, **changes):
    records = table([
        CHILD | {"record_key": key, "agency": key.split(":")[0], "given_names": given, "family_name": family} | more
        for key, (given, family), more in (("health:1", one, {}), ("education:1", other, changes))
    ])  # fmt: skip
    return match(records, model=MODEL, unique_sources=SOURCES).stats["identities"] == 1


@pytest.mark.parametrize("custom", ONE_CHILD)
def test_one_child_however_the_name_is_written(custom):
    assert one_child(*ONE_CHILD[custom])
    assert one_child(*reversed(ONE_CHILD[custom]))


@pytest.mark.parametrize("custom", TWINS)
def test_twins_stay_two(custom):
    assert not one_child(*TWINS[custom])
    assert not one_child(*reversed(TWINS[custom]))


@pytest.mark.parametrize(("one", "other"), [
    (("Anaya Kaur", "Sahota"), ("Anaya", "Kaur")), (("Anaya", "Kaur Sahota"), ("Anaya", "Kaur Gill")),
    (("Arjan Singh", "Sandhu"), ("Arjan", "Singh")), (("Hiba Begum", "Iqbal"), ("Hiba", "Begum")),
    (("Mohamed", "Mohamed"), ("Muhammed", "Arshad")), (("Ali", "Ali"), ("Ali", "Khan")),
])  # fmt: skip
def test_what_everybody_of_a_custom_bears_is_no_family_name_for_who_lives_elsewhere(one, other):
    """An adopted child keeps the given name and what everybody bears, and must not be found by them."""
    assert not one_child(one, other, **FAR)


@pytest.mark.parametrize("custom", ["father's initial in front", "family name first"])
def test_names_in_each_others_place_meet_without_an_address(custom):
    """What is a given name here and a family name there is a key of its own."""
    records = [
        CHILD | {"record_key": key, "agency": key.split(":")[0], "given_names": given, "family_name": family} | FAR
        | {"postcode": None, "address": None} for key, (given, family) in zip(("health:1", "police:1"), ONE_CHILD[custom], strict=True)
    ]  # fmt: skip
    matched = match(table(records), model=MODEL, unique_sources=SOURCES)
    assert matched.stats["identities"] == 1 or matched.possible.num_rows == 1
