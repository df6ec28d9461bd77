"""Who bears the family names of both sides of a wall, and more of them, stands between though nobody is linked with it."""

from datetime import date

import pytest

from pipelines.protection.bearing_both import bearing_both
from pipelines.seams.matching import WALLS
from pipelines.seams.protection import BORNE
from tests.protection.test_borne import STANDING, WALL, X, night, stand
from tests.protection.test_firewall import BIRTH, NEW
from tests.publishing.conftest import person

BORN = {"birth_date": date(2016, 5, 17)}
SIDES = [BIRTH | BORN, NEW | BORN]
FORMER = [{"kind": "former", "family_name": "Quillerby", "given_names": "Rowena"}]
HOME = [{"address": "212 Brackenholt Ln", "postcode": "B11 1AB"}]
DOUBLE = {"family_name": "Thistlewick-Quillerby"}


def third(**cells):
    """A record that has both names and the given name, and of the sides nothing else."""
    called = {"record_key": X, "family_name": "Thistlewick", "given_names": "Rowena", "birth_date": date(2011, 2, 2)}
    return called | ({} if "family_name" in cells else {"names": FORMER}) | cells


def between(record, sides=SIDES, walls=STANDING, before=None):
    records = [*sides, record]
    borne, _ = night(records, walls, before)
    return bearing_both(person(records), walls, borne).to_pylist()


@pytest.mark.others_in_full
@pytest.mark.parametrize(
    "more",
    [{"birth_date": date(2016, 5, 18)}, {"birth_date": date(2016, 1, 17)}, {"birth_date": date(2011, 5, 17)}, {"addresses": HOME},
     {"addresses": [{"address": "9 Elsewhere Road", "postcode": "b111ab"}]}, {"carers": [{"name": "QUILLERBY, Mrs Maud"}]}],
)  # fmt: skip
@pytest.mark.parametrize(
    "names",
    [{}, {"names": [{**FORMER[0], "kind": "alias"}]}, {"names": [{**FORMER[0], "kind": "current"}]}, DOUBLE,
     {"family_name": "QuillerbyThistlewick"}, {"family_name": "Quillerby Thistlewick"}, {"family_name": "Thistlewick née Quill\u0435rby"},
     {"given_names": "Ann Rowena"}],
)  # fmt: skip
def test_both_names_however_they_are_told_a_given_name_and_one_thing_more(names, more):
    nobody = dict.fromkeys(("family", "person"))
    assert between(third(**names, **more)) == [{**WALL, "side": "between", "record_key": X, **nobody}]


@pytest.mark.parametrize(
    "stranger",
    [third(), third(**DOUBLE),  # by chance
     third(addresses=[{"address": "9 Elsewhere Road", "postcode": "B1 9ZZ"}], carers=[{"name": "Ann Zedd"}]),
     third(given_names="Oswald", names=[{**FORMER[0], "given_names": "Oswald"}], addresses=HOME),  # a brother
     third(names=[], addresses=HOME), third(family_name="Quillerby", addresses=HOME), third(family_name=None, names=[], addresses=HOME),
     third(birth_date=date(2016, 6, 18)), third(family_name="Thistlewickson", addresses=HOME)],
)  # fmt: skip
def test_a_stranger_is_not_touched(stranger):
    assert between(stranger) == []


def test_a_name_that_both_sides_have_borne_is_one_name():
    """The adoptive record tells the birth name as former: whoever is called so bears a name of either, and only one."""
    sides = [SIDES[0], {**SIDES[1], "names": FORMER}]
    assert between(third(family_name="Quillerby", addresses=HOME), sides) == []
    assert between(third(addresses=HOME), sides) != []


def test_what_is_away_is_remembered():
    _, first = night(SIDES, STANDING)
    _, second = night([SIDES[1]], STANDING, first)
    assert between(third(carers=[{"name": "Maud Quillerby"}]), [SIDES[1]], before=second) != []
    _, last = night([], STANDING, second)  # neither is there any more
    assert between(third(birth_date=date(2016, 5, 18)), [], before=last) != []
    assert between(third(), [], before=last) == []


@pytest.mark.parametrize("side", ["a", "b", "between"])
def test_who_stands_there_already_is_let_be(side):
    places = {"a": ["health:a"], "b": ["social_care:b"]}
    places[side] = [*places.get(side, []), X]
    assert between(third(addresses=HOME), walls=stand(**places)) == []


def test_without_a_wall_nobody_is_looked_at():
    assert bearing_both({}, WALLS.empty_table(), BORNE.empty_table()).num_rows == 0
