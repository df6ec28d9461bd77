"""Who lives with a hidden child, and which words tell where: every way in which two feeds write one place."""

import pyarrow as pa
import pytest

from pipelines.protection.household import COMMUNAL_CHILDREN, COMMUNAL_FAMILIES, FURTHER_PLACES, find_household
from pipelines.protection.ties import tie_tokens
from pipelines.protection.tokens import key_tokens, tokens_of_places
from tests.publishing.conftest import person


def home(address=None, postcode=None, uprn=None):
    return [{"address": address, "postcode": postcode, "uprn": uprn, "status": "current"}]


HOME = home("14 Sidwick Lane, Birmingham", "B11 1AB")
ANNA = {
    "record_key": "health:anna", "family_name": "Reed", "given_names": "Anna", "addresses": HOME,
    "carers": [{"name": "Maud Reed", "relationship": "mother", "contact": "01632 960100"}],
}  # fmt: skip


def child(key, addresses=(), **fields):
    return {"record_key": f"police:{key}", "family_name": "Other", "given_names": key, "addresses": addresses, **fields}


def found(*rows, hidden=("health:anna",), further=None, same=None):
    """What is found of these records, each its own identity unless `same` says otherwise; Anna's is hidden."""
    ids = {row["record_key"]: (same or {}).get(row["record_key"], row["record_key"]) for row in rows}
    of_hidden = {ids[key] for key in hidden if key in ids}
    identities = pa.table({"record_key": list(ids), "index_id": list(ids.values())})
    every = sorted(set(ids.values()))
    seen = {"index_id": every, "shielded": [one in of_hidden for one in every], "withheld": [False] * len(every)}
    return find_household(person(rows), identities, pa.table(seen), further)


def withheld(*rows, **options):
    return sorted({row["record_key"].split(":")[1] for row in found(*rows, **options).addresses.to_pylist()})


def texts(*rows, **options):
    return {
        (row["record_key"].split(":")[1], row["text"])
        for row in found(*rows, **options).texts.to_pylist()
        if row["record_key"] != "health:anna"
    }


@pytest.mark.parametrize(
    ("hers", "his", "one_place"),
    [
        (HOME, HOME, True),
        (HOME, home("14 SIDWICK LANE", "b111ab"), True),
        (HOME, home("14, Sidwick Ln.", "B11 1AB"), True),
        (HOME, home("14a Sidwick Lane", "B11 1AB"), True),
        (HOME, home("Flat 3, 14 Sidwick Lane", "B11 1AB"), True),
        (HOME, home("14 Sidwick Lane, Birmingham"), True),
        (HOME, home("14 Sidwick Lane, Birmingham B11 1AB"), True),
        (HOME, home("14 Sidwick Lane", "B11 1AD"), True),  # a mistyped postcode
        (HOME, home(None, "B11 1AB"), True),
        (home(None, "B11 1AB"), HOME, True),
        (home("14 Sidwick Lane"), home("14 Sidwick Lane", "B30 2ZZ"), True),
        (home("Rose Cottage, Mill Lane"), home("ROSE COTTAGE"), True),
        (home("9 St Mary's Road"), home("9 Saint Marys Rd", "B11 1AB"), True),
        (home("14 Sidwick Lane", "B11 1AB", "100023336956"), home("The Old Barn", "B15 2TT", "0100023336956"), True),
        (home("Flat 3, 14 Sidwick Lane", "B11 1AB"), home("3/14 Sidwick Lane", "B11 1AB"), True),
        (home("Flat 3, 14 Sidwick Lane", "B11 1AB"), home("Flat 4, 14 Sidwick Lane", "B11 1AB"), False),
        (HOME, home("16 Sidwick Lane", "B11 1AB"), False),
        (HOME, home("14 Sidwick Lane", "B30 1AB"), False),
        (HOME, home("14 Mill Lane", "B11 9AB"), False),
        (home("Rose Cottage"), home("Ivy Cottage"), False),
        (home(uprn="100023336956"), home(uprn="100023336957"), False),
    ],
)
def test_one_place_is_known_however_two_agencies_write_it(hers, his, one_place):
    assert withheld({**ANNA, "addresses": hers}, child("ben", his)) == (["ben"] if one_place else [])


STRANGELY_WRITTEN = [
    "014 Sidwick Lane", "No.14 Sidwick Lane", "No14 Sidwick Lane", "14Sidwick Lane", "14 Sid-wick Lane", "14 Sid wick Lane",
    "14-16 Sidwick Lane", "12 & 14 Sidwick Lane", "12 to 14 Sidwick Lane", "14 The Sidwick", "14 Sidwick", "14_Sidwick Lane",
    "14 Sid\u00adwick Lane", "14 Sid\u200bwick Lane", "14 Sid\u02bcwick Lane", "１４ Sidwick Lane", "14 Ｓｉｄｗｉｃｋ Lane", "١٤ Sidwick Lane",
    "14 Sidwi\u0441k L\u0430n\u0435", "14 Sídwick Lane", "Flat 3 14 Sidwick Lane",
]  # fmt: skip


@pytest.mark.in_full
@pytest.mark.parametrize("street", STRANGELY_WRITTEN)
def test_one_place_is_known_however_strangely_its_street_is_written(street):
    far = home("1 Far Road", "B20 1AB")
    assert withheld(ANNA, child("ben", home(street))) == ["ben"]
    assert withheld({**ANNA, "addresses": home(street)}, child("ben", HOME)) == ["ben"]
    text = f"visits at {street}"
    assert texts(ANNA, child("ben", far, involvements=[{"kind": "service", "service": text}])) == {("ben", text)}


@pytest.mark.parametrize(
    ("his", "one_place"),
    [
        (home("014 Sidwick Lane", "B11 1AB"), True),
        (home("near B１１ 1AB"), True),
        (home("near B 1 1 1 A B"), True),
        (home("14 Sidwick Lane", "C11 1AB"), True),  # a slip in the first letter, and another district
        (home("16 Sidwick Lane", "C11 1AB"), False),
        (home(None, "C11 1AB"), False),
        (home("114 Sidwick Lane"), False),
        (home("140 Sidwick Lane"), False),
        (home("14 Sidmouth Lane"), False),
        (home("14 Sid"), False),
        (home("Flat 14, 3 Sidwick Lane"), False),
    ],
)
def test_a_place_is_one_by_what_is_meant_and_no_other(his, one_place):
    assert withheld(ANNA, child("ben", his)) == (["ben"] if one_place else [])


SHORTENED = [
    ("14 Mt Pleasant Close", "14 Mount Pleasant Close"), ("14 N Parade Rd", "14 North Parade Road"),
    ("14 Gt Western Rd", "14 Great Western Road"), ("14 2nd Avenue", "14 Second Avenue"), ("3, 1st Ave", "3 First Avenue"),
    ("14 Dr Johnson Ave", "14 Doctor Johnson Ave"), ("14 Dr Road", "14 Drive Road"), ("14 Upr Zentr Road", "14 Upper Zentr Road"),
    ("14 Lwr Mill St", "14 Lower Mill Street"), ("Flat 2, 14a S. Quay", "Flat 2, 14a South Quay"),
]  # fmt: skip


@pytest.mark.parametrize("pair", SHORTENED)
def test_a_street_whose_first_word_is_shortened_is_one_without_a_postcode(pair):
    for hers, his in (pair, pair[::-1]):
        anna = {**ANNA, "addresses": home(hers, "B11 1AB")}
        assert withheld(anna, child("tom", home(his))) == ["tom"]
        kept, sought = (
            tokens_of_places(pa.Table.from_pylist([row], schema=FURTHER_PLACES), sought=found)
            for row, found in (({"address": hers, "postcode": "B11 1AB"}, False), ({"address": his}, True))
        )
        assert set(kept["token"].to_pylist()) & set(sought["token"].to_pylist())


@pytest.mark.parametrize(
    ("hers", "his"),
    [
        ("14 North Parade", "14 South Parade"), ("14 Mount Road", "14 Mill Road"), ("14 2nd Avenue", "14 Third Avenue"),
        ("14 Great Road", "14 Green Road"), ("1 St Johns Road", "1 First Road"),
    ],
)  # fmt: skip
def test_a_street_with_another_first_word_is_another(hers, his):
    assert withheld({**ANNA, "addresses": home(hers, "B11 1AB")}, child("tom", home(his))) == []


def test_a_uprn_is_one_in_the_digits_of_any_script():
    hers = {**ANNA, "addresses": home("14 Sidwick Lane", "B11 1AB", "100023336956")}
    assert withheld(hers, child("ben", home("The Old Barn", "B15 2TT", "１０００２３３３６９５６"))) == ["ben"]


def test_every_address_of_every_record_of_the_hidden_child_counts_and_none_of_anybody_else():
    before = {**ANNA, "record_key": "education:anna", "addresses": home("2 Former Road", "B20 1AB")}
    rows = [ANNA, before, child("ben", home("2 Former Road", "B20 1AB")), child("cat", home("3 Far Road", "B21 1AB"))]
    assert withheld(*rows, same={"education:anna": "health:anna"}) == ["ben"]
    assert withheld(*rows[2:]) == []


def test_a_place_that_only_the_register_knows_is_hidden_too():
    further = pa.Table.from_pylist([{"address": "2 Refuge Road", "postcode": "B20 1AB"}], schema=FURTHER_PLACES)
    assert withheld(child("ben", home("2 refuge rd", "B20 1AB")), child("cat", HOME), further=further) == ["ben"]


def test_a_place_is_followed_over_a_record_that_writes_it_both_ways():
    both = child("ben", home("14 Sidwick Lane", "B11 1AB", "100023336956"))
    assert withheld(ANNA, both, child("cat", home("The Old Barn", "B15 2TT", "100023336956"))) == ["ben", "cat"]


def crowd(number, families, where=HOME, **fields):
    names = "abcdefghijklmnopqrstuvwxyz"
    return [child(f"c{n:02}", where, **{"family_name": f"Name{names[n % families]}", **fields}) for n in range(number)]


def test_a_communal_place_hides_nobody_but_the_family_of_the_hidden_child():
    strangers = crowd(COMMUNAL_CHILDREN, COMMUNAL_FAMILIES)
    family = [
        child("sister", HOME, family_name="reed"),
        child("foster", HOME, carers=[{"name": "Reed, Mrs Maud", "contact": "nobody knows"}]),
        child("friend", HOME, carers=[{"name": "Another", "contact": "+44 1632 960100"}]),
    ]
    assert withheld(ANNA, *strangers, *family) == ["foster", "friend", "sister"]


@pytest.mark.parametrize("known_by", ["health:anna", "police:older", "nobody"])
def test_where_the_hidden_child_lived_among_many_its_family_there_stays_hidden(known_by):
    strangers = crowd(COMMUNAL_CHILDREN + 1, COMMUNAL_FAMILIES + 1)
    moved = {**ANNA, "addresses": home("2 Refuge Road", "B20 1AB")}
    family = [child("sister", HOME, family_name="reed"), child("foster", HOME, carers=[{"name": "Maud Reed"}])]
    place = {name: HOME[0][name] for name in ("address", "postcode", "uprn")}
    token = key_tokens([known_by])["token"][0].as_py()
    further = pa.Table.from_pylist([{**place, "known_by": token}], schema=FURTHER_PLACES)
    assert withheld(moved, *strangers, *family, further=further) == (
        ["foster", "sister"] if known_by == "health:anna" else []
    )
    assert withheld(moved, *strangers, *family, further=further.slice(0, 0)) == []


def test_where_a_child_lived_among_many_whose_record_is_gone_its_family_stays_hidden():
    strangers = crowd(COMMUNAL_CHILDREN + 1, COMMUNAL_FAMILIES + 1)
    family = [
        child("sister", HOME, family_name="Reed-Morn"), child("foster", HOME, carers=[{"name": "REED, Mrs Maud"}]),
        child("friend", HOME, phone="+44 1632 960100"),
    ]  # fmt: skip
    kept = tie_tokens(person([ANNA]), pa.array([ANNA["record_key"]]))["token"].to_pylist()
    place = {name: HOME[0][name] for name in ("address", "postcode", "uprn")}
    further = pa.Table.from_pylist([{**place, "known_by": token} for token in kept], schema=FURTHER_PLACES)
    assert withheld(*strangers, *family, further=further) == ["foster", "friend", "sister"]
    assert withheld(*strangers, *family, further=further.slice(0, 0)) == []


@pytest.mark.parametrize(
    ("hers", "his", "family"),
    [("Kuzdek", "Kuzdek-Morn", True), ("Morn-Kuzdek", "Kuzdek", True), ("Morn-Zelp", "Zelp-Morn", True), ("El Sayedik", "Sayedik", True),
     ("McDonnel", "Mc Donnel", True), ("Robert", "Roberts", True), ("Kuzdek", "Kuzdik", True), ("Kuzdek", "Zelp", False)],
)  # fmt: skip
def test_at_a_communal_place_a_family_is_one_by_a_part_of_its_name(hers, his, family):
    strangers = crowd(COMMUNAL_CHILDREN, COMMUNAL_FAMILIES)
    told = withheld(ANNA | {"family_name": hers}, *strangers, child("brother", HOME, family_name=his))
    assert told == (["brother"] if family else [])


@pytest.mark.parametrize(
    ("where", "fields", "hidden"),
    [
        (home("114 Sidwick Lane", "B11 1AB"), {"carers": [{"name": "Mrs Maud Reed"}]}, True),
        (home("114 Sidwick Lane", "B11 1AB"), {"carers": [{"name": "Maud Anne Reed"}]}, True),
        (home("114 Sidwick Lane", "b111ab"), {"phone": "+44 1632 960100"}, True),
        (home("41 Other Lane", "B11 1AB"), {"carers": [{"name": "M", "contact": "01632/960100"}]}, True),
        (home("114 Sidwick Lane", "B11 1AB"), {"family_name": "Reed"}, False),  # a family name alone is many a neighbour's
        (home("114 Sidwick Lane", "B11 1AB"), {"carers": [{"name": "Maud Green"}]}, False),
        (home("114 Sidwick Lane", "B11 1AD"), {"carers": [{"name": "Maud Reed"}]}, False),
        (home("114 Sidwick Lane"), {"carers": [{"name": "Maud Reed"}]}, False),
    ],
)  # fmt: skip
def test_another_house_number_in_the_postcode_is_the_home_for_who_shares_a_carer_or_telephone(where, fields, hidden):
    sister = child("sister", where + home("9 Quarry Hill", "EX4 4QJ"), **fields)
    told = [row["address"] for row in found(ANNA, sister).addresses.to_pylist()]
    assert told == (sorted([where[0]["address"], "9 Quarry Hill"]) if hidden else [])


def test_where_the_hidden_childs_sister_goes_nobody_reads_and_a_neighbour_stays():
    elsewhere = home("9 Quarry Hill", "EX4 4QJ")
    sister = child("sister", HOME + elsewhere, family_name="reed")
    neighbour = child("neighbour", HOME + elsewhere, family_name="Moss")
    told = [(row["record_key"], row["address"]) for row in found(ANNA, sister, neighbour).addresses.to_pylist()]
    here, there = HOME[0]["address"], elsewhere[0]["address"]
    assert told == [("police:neighbour", here), ("police:sister", here), ("police:sister", there)]


@pytest.mark.parametrize(
    ("line", "shown"),
    [("c/o Maud Reed", False), ("c/o REED, Maud", False), ("c/o Reed", True), ("Maud", True), ("with Anna Reed", False), ("Maud's", True),
     ("(lodging with Mrs Maud Reed)", False), ("The Reed Family", False), ("Reed household", False), ("Maudreed House", True)],
)  # fmt: skip
def test_a_line_of_an_address_that_names_a_hidden_child_or_its_carer_is_not_shown(line, shown):
    there = home(f"{line}, 40 Bracken Row", "EX4 4QJ")
    told = texts(ANNA, child("other", there, family_name="Moss"))
    assert told == (set() if shown else {("other", there[0]["address"])})


@pytest.mark.in_full
def test_a_line_names_also_with_the_street_between_or_grown_together():
    for lines in (
        "c/o Maud, 40 Bracken Row, Reed",
        "c.o. Maud, 40 Bracken Row, Reed",
        "C - O Maud, 40 Bracken Row, Reed",
        "stays at Maud, 40 Bracken Row, Reed",
        "c/o MaudReed, 40 Bracken Row",
        "c/o Anna, 40 Bracken Row, Reed",
    ):
        there = home(lines, "EX4 4QJ")
        assert texts(ANNA, child("other", there, family_name="Moss")) == {("other", there[0]["address"])}
    stays = home("Maud Cottage, 40 Bracken Row, Reed", "EX4 4QJ")
    assert texts(ANNA, child("other", stays, family_name="Moss")) == set()


@pytest.mark.parametrize(
    ("carer", "kin"),
    [("Maud Reed", True), ("Maud Anne Reed", True), ("Maud Reed & Tom Rixby", True), ("Mrs Maud Reed-Rixby", True), ("Maud Ashdown", False), ("Tom Rixby", False)],
)  # fmt: skip
def test_a_half_sister_is_kin_by_two_words_of_her_mothers_name(carer, kin):
    elsewhere = home("9 Quarry Hill", "EX4 4QJ")
    sister = child("sister", HOME + elsewhere, family_name="Moss", carers=[{"name": carer}])
    hidden = ANNA | {"carers": [{"name": "Maud Reed"}], "family_name": "Zelp"}
    told = [row["address"] for row in found(hidden, sister).addresses.to_pylist()]
    assert told == sorted([HOME[0]["address"], *([elsewhere[0]["address"]] if kin else [])])


def test_a_sister_is_kin_by_the_family_name_of_the_hidden_childs_mother():
    elsewhere = home("9 Quarry Hill", "EX4 4QJ")
    sister = child("sister", HOME + elsewhere, family_name="Ashdown")
    hidden = ANNA | {"carers": [{"name": "Maud Ashdown"}]}
    assert len(found(hidden, sister).addresses) == 2


@pytest.mark.parametrize(
    ("given", "shown"),
    [("Zelda and Anna", False), ("Zelda & Anna", False), ("Zelda + Anna", False), ("Zelda (Anna)", False), ("Zelda - Anna", False), ("Zelda \u2013 Anna", False), ("Zelda w Anna", False), ("Anna", True), ("Zelda Anna", True), ("Zelda and Tom", True)],
)  # fmt: skip
def test_a_name_of_two_that_names_a_hidden_child_is_not_shown(given, shown):
    sister = child("sister", home("1 Far Road", "B20 1AB"), family_name="Reed", given_names=given)
    assert texts(ANNA, sister) == (set() if shown else {("sister", given), ("sister", "Reed")})


def test_a_row_whose_columns_name_a_hidden_child_together_is_not_shown():
    far = home("1 Far Road", "B20 1AB")
    told = {"name": "Tom Reed", "relationship": "father of Anna", "contact": "01632 960777"}
    assert texts(ANNA, child("ben", far, carers=[told])) == {("ben", each) for each in told.values()}
    service = {"kind": "service", "service": "Contact Anna", "contact": "for Reed"}
    assert texts(ANNA, child("ben", far, involvements=[service])) == {("ben", "Contact Anna"), ("ben", "for Reed")}
    grown = {"name": "AnnaReed", "relationship": "friend"}
    assert texts(ANNA, child("ben", far, carers=[grown])) == {("ben", "AnnaReed")}
    other = {"name": "Tom Reed", "relationship": "father of Ben"}
    assert texts(ANNA, child("ben", far, carers=[other])) == set()


@pytest.mark.parametrize("name", ["Kim Do", "Van Le", "Son To", "Al Hassanek", "Marzy McDonalk", "Nila De Silvak"])
def test_a_name_of_what_else_joins_names_is_a_name(name):
    written = name.replace("McD", "Mc D").replace("De S", "Des")
    there = home(f"c/o {written}, 40 Bracken Row", "EX4 4QJ")
    assert texts(ANNA | {"carers": [{"name": name}]}, child("other", there)) == {("other", there[0]["address"])}


@pytest.mark.parametrize(
    ("number", "families", "hidden"),
    [(COMMUNAL_CHILDREN - 1, COMMUNAL_FAMILIES, True), (COMMUNAL_CHILDREN + 9, COMMUNAL_FAMILIES - 1, True),
     (COMMUNAL_CHILDREN, COMMUNAL_FAMILIES, False)],
)  # fmt: skip
def test_both_many_children_and_many_names_make_a_place_communal(number, families, hidden):
    assert withheld(ANNA, *crowd(number, families)) == ([f"c{n:02}" for n in range(number)] if hidden else [])


def test_a_flat_is_a_home_in_a_building_of_many_flats():
    flats = [
        child(f"f{n:02}", home(f"Flat {n}, 14 Sidwick Lane", "B11 1AB"), family_name=chr(77 + n)) for n in range(20, 40)
    ]
    hers = {**ANNA, "addresses": home("Flat 23, 14 Sidwick Lane", "B11 1AB")}
    assert withheld(hers, *flats) == ["f23"]
    assert withheld(ANNA, *flats) == []  # she lives in one of them: in which, nobody is told


def test_who_has_no_name_is_not_shown_at_a_hidden_place_alone():
    nameless = {"family_name": None, "given_names": None}
    rows = [ANNA, child("x", HOME, **nameless), child("y", home("1 Far Road", "B20 1AB"), **nameless), child("z", HOME)]
    assert found(*rows).nameless["index_id"].to_pylist() == ["police:x"]


@pytest.mark.others_in_full
@pytest.mark.parametrize(
    "text",
    ["Mother, 14 Sidwick Lane", "mother at 14 sidwick ln", "Mother 14, Sidwick L.", "Maud (B11 1AB)", "Maud b111ab",
     "Maud 01632 960100", "Maud +44 (0)1632-960-100", "07700 900900 01632 960100", "UPRN 100023336956", "maud@home.example",
     "Maud 14A Sidwick Lane", "write MAUD@HOME.EXAMPLE.", "mailto:maud@home.example/x", "Ｍａｕｄ@home.example", "٠١٦٣٢ ٩٦٠١٠٠", "０1632960100",
     "01632\u200b960100", "atB111AB", "B 1 1 1 A B", "B１１ 1AB", "UPRN １０００２３３３６９５６"],
)  # fmt: skip
def test_a_text_that_tells_a_hidden_place_or_number_is_not_shown_of_anybody(text):
    hers = {**ANNA, "addresses": home("14 Sidwick Lane", "B11 1AB", "100023336956")}
    hers["carers"] = [*ANNA["carers"], {"name": "Maud Reed", "contact": "Maud@home.example"}]
    far = home("1 Far Road", "B20 1AB")
    assert texts(hers, child("ben", far, carers=[{"name": text}])) == {("ben", text)}
    assert texts(hers, child("ben", far, carers=[{"name": "M", "contact": text}])) == {("ben", text)}
    assert texts(hers, child("ben", far, involvements=[{"kind": "service", "service": text}])) == {("ben", text)}
    assert ("ben", text) in texts(hers, child("ben", far, names=[{"kind": "alias", "family_name": text}]))


@pytest.mark.parametrize(
    "text", ["Sidwick Lane", "Maud Lane", "St John", "Twin 2 Lane", "16 Sidwick Lane", "B11 9ZZ", "01632 960101", "Reed-Sidwick"]
)  # fmt: skip
def test_names_of_strangers_that_only_sound_like_a_street_stay(text):
    far = home("1 Far Road", "B20 1AB")
    assert texts(ANNA, child("ben", far, carers=[{"name": text}], family_name=text, given_names=None)) == set()


def test_the_street_alone_tells_where_the_child_itself_or_its_household_is_spoken_of():
    mother = [{"name": "Mother (Sidwick Lane)"}]
    own = found({**ANNA, "carers": mother}, child("ben", HOME, carers=mother), child("cat", carers=mother)).texts
    assert {row["record_key"] for row in own.to_pylist()} == {"health:anna", "police:ben"}
    lane = home("2 Old Lane", "B11 1AB")
    assert texts({**ANNA, "addresses": lane}, child("ben", lane, carers=[{"name": "Harold Lane"}])) == set()


def test_an_address_in_two_names_is_not_shown_and_a_name_beside_an_address_is():
    far = home("1 Far Road", "B20 1AB")
    split = texts(ANNA, child("ben", far, family_name="Sidwick Lane", given_names="14"))
    assert {("ben", "14"), ("ben", "Sidwick Lane")} <= split
    beside = texts(ANNA, child("ben", far, family_name="Reed", given_names="14 Sidwick Lane"))
    assert ("ben", "Reed") not in beside and ("ben", "14 Sidwick Lane") in beside


def test_a_number_that_many_families_are_reached_by_is_an_office():
    office = [{"name": "Duty team", "contact": "01632 960100"}]
    others = crowd(COMMUNAL_CHILDREN, COMMUNAL_FAMILIES, (), carers=office)
    assert texts(ANNA, *others[1:]) == {(row["given_names"], "01632 960100") for row in others[1:]}
    assert texts(ANNA, *others) == set()


@pytest.mark.parametrize(
    ("where", "name", "shown"),
    [(home("1 Far Road", "B20 1AB"), "REED, Mrs. Maud", False), (home("1 Far Road", "B20 1AB"), "Maud Green", True),
     (HOME, "Maud Reed", True), ((), "Maud Reed", True)],
)  # fmt: skip
def test_a_carer_whom_an_open_record_shows_with_an_address_is_not_shown_of_the_hidden_child(where, name, shown):
    result = found(ANNA, child("ben", where, carers=[{"name": name}]))
    assert result.carers.to_pylist() == ([] if shown else [{"record_key": "health:anna", "name": "Maud Reed"}])


@pytest.mark.parametrize(
    "contact", ["Tel:01632/960100 (mum)", "01632/960100", "01632 960100/07700 900900", "٠١٦٣٢ ٩٦٠١٠٠", "+44 (0)1632–960100", "01632 960100 - 5",
    "mum 01632 960100, dad 07700 900900"],
)  # fmt: skip
def test_a_hidden_childs_telephone_is_known_however_its_own_record_writes_it(contact):
    hers = {**ANNA, "carers": [{"name": "Maud Reed", "contact": contact}]}
    ben = child("ben", home("1 Far Road", "B20 1AB"), carers=[{"name": "M", "contact": "01632960100"}])
    assert texts(hers, ben) == {("ben", "01632960100")}


def test_a_hidden_childs_own_telephone_is_known_as_its_carers_is():
    ben = child("ben", home("1 Far Road", "B20 1AB"), carers=[{"name": "M", "contact": "01632960100"}])
    assert texts({**ANNA, "carers": [], "phone": "+44 1632 960100"}, ben) == {("ben", "01632960100")}


@pytest.mark.parametrize(
    "name",
    ["Mum Maud Reed", "MaudReed", "Reed-Maud", "Ｍaud Reed", "M\u0430ud Reed", "Maud\u200b Reed", "Auntie Reed, Maud"],
)
def test_a_carer_is_the_same_however_the_name_is_written(name):
    ben = child("ben", home("1 Far Road", "B20 1AB"), carers=[{"name": name}])
    assert found(ANNA, ben).carers.to_pylist() == [{"record_key": "health:anna", "name": "Maud Reed"}]
    hers = {**ANNA, "carers": [{"name": name}]}
    ben = child("ben", home("1 Far Road", "B20 1AB"), carers=[{"name": "Maud Reed"}])
    assert found(hers, ben).carers.to_pylist() == [{"record_key": "health:anna", "name": name}]


WORDS_OF_MAUD = [
    "Maud Anne Reed", "Maud Reed and John Reed", "Maud and John Reed", "Mrs Maud Reed & Mr John Smith", "Maud Reed (foster carer)", "Maud Reed birth mother",
    "Maud Reed PR", "Maud Reed nee Smith", "Maud Reed-Jones", "Reed-Jones, Maud", "Maud Smith nee Reed",
]  # fmt: skip


@pytest.mark.others_in_full
@pytest.mark.parametrize("name", WORDS_OF_MAUD)
def test_a_carer_is_the_same_by_the_words_of_the_name(name):
    far = home("1 Far Road", "B20 1AB")
    assert found(ANNA, child("ben", far, carers=[{"name": name}])).carers["name"].to_pylist() == ["Maud Reed"]
    hers = {**ANNA, "carers": [{"name": name}]}
    assert found(hers, child("ben", far, carers=[{"name": "Maud Reed"}])).carers["name"].to_pylist() == [name]


@pytest.mark.parametrize(
    ("hers", "name", "same"),
    [("Zelda Quorthwick", "Zelba Qourthwick", True), ("Zelda Quorthwick", "Zelda Quorthwyk", False), ("Zelda Quorthwick", "Tom Quorthwick", False),
     ("Zelda Quorthwick", "Zelda Brown", False), ("Maud Reed", "Maude Read", False), ("Foster carer", "Foster carer and mum", False)],
)  # fmt: skip
def test_a_carers_name_is_another_by_more_than_a_letter_or_one_word(hers, name, same):
    result = found({**ANNA, "carers": [{"name": hers}]}, child("ben", home("1 Far Road"), carers=[{"name": name}]))
    assert result.carers.num_rows == same


@pytest.mark.in_full
def test_a_carer_who_is_named_in_another_text_of_an_open_child_with_an_address_is_not_shown_of_the_hidden_child():
    aunt, service = (
        {"name": "Ann Zedd", "relationship": "sister of Zelda Quorthwick"},
        {"kind": "service", "phone": "Zelda Quorthwick"},
    )
    hidden = {**ANNA, "carers": [{"name": "Zelda Quorthwick"}]}
    for cells in ({"carers": [aunt]}, {"involvements": [service]}):
        assert found(hidden, child("ben", home("1 Far Road"), **cells)).carers.num_rows == 1
        assert found(hidden, child("ben", (), **cells)).carers.num_rows == 0


@pytest.mark.parametrize(
    ("given", "family", "shown"),
    [
        ("Maud", "Reed", False),
        ("Anne Maud", "Reed-Jones", False),
        ("Reed", "Maud", False),
        ("Maud Reed", "Brown", True),
        ("Maud", "Brown", True),
    ],
)
def test_a_carer_who_is_an_open_child_with_an_address_is_not_shown_of_the_hidden_child(given, family, shown):
    mother = {"family_name": family, "given_names": given}
    assert found(ANNA, child("maud", home("1 Far Road"), **mother)).carers.num_rows == (not shown)
    assert found(ANNA, child("maud", (), **mother)).carers.num_rows == 0


@pytest.mark.in_full
@pytest.mark.parametrize(
    "text",
    [
        "Anna Reed",
        "REED, Anna",
        "Anna Louise Reed-Jones (mum)",
        "Sibling contact with Anna Reed",
        "also mother of \u0410nna Reed",
        "Tom and Anna Reed",
        "Anna Reed's cousin",
        "Anna Reed\u2019s cousin",
    ],
)
def test_a_text_of_an_open_child_that_names_a_hidden_one_is_not_shown(text):
    far = home("1 Far Road", "B20 1AB")
    reached = {"name": text, "relationship": "mother", "contact": "01632 960777"}
    assert texts(ANNA, child("ben", far, carers=[reached])) == {("ben", text), ("ben", "01632 960777")}
    beside = {"name": "Jo Bloggs", "relationship": text}
    assert texts(ANNA, child("ben", far, carers=[beside])) == {("ben", text)}
    for name in ("service", "contact", "phone"):
        service = {"kind": "service", name: text}
        assert texts(ANNA, child("ben", far, involvements=[service])) == {("ben", text)}


@pytest.mark.parametrize("text", ["Anna Brown", "Jo Reed", "Sibling contact", "Reed", "Anna"])
def test_a_text_that_holds_one_name_of_a_hidden_child_alone_stays(text):
    ben = child("ben", home("1 Far Road"), carers=[{"name": text}], involvements=[{"kind": "service", "service": text}])
    assert texts(ANNA, ben) == set()


def test_carers_are_compared_in_any_script():
    far = home("1 Far Road", "B20 1AB")
    hers = {**ANNA, "carers": [{"name": "Олена Коваль"}]}
    assert found(hers, child("ben", far, carers=[{"name": "коваль олена"}])).carers.num_rows == 1
    assert found(hers, child("ben", far, carers=[{"name": "Марія Бондар"}])).carers.num_rows == 0


def test_where_nobody_is_hidden_nothing_is_withheld():
    result = found(ANNA, child("ben", HOME), hidden=())
    assert [table.num_rows for table in vars(result).values()] == [0, 0, 0, 0]


@pytest.mark.parametrize("anna", [{"shielded": [True]}, {"withheld": [True]}, {"index_id": ["Z"]}])
def test_shielded_withheld_and_not_known_are_hidden_alike(anna):
    identities = pa.table({"record_key": ["health:anna", "police:ben"], "index_id": ["A", "B"]})
    told = {"index_id": ["A"], "shielded": [False], "withheld": [False], **anna}
    seen = pa.table({name: [*told[name], *rest] for name, rest in zip(told, (["B"], [False], [False]), strict=True)})
    assert find_household(person([ANNA, child("ben", HOME)]), identities, seen).addresses.num_rows == 1
