"""What tells of one identity at the other side of a wall: names, addresses, carers and words, however they are written."""

import pyarrow as pa
import pytest

from pipelines.protection.firewall import find_across
from pipelines.seams.matching import WALLS
from tests.publishing.conftest import person

BIRTH = {
    "record_key": "health:a", "family_name": "Quillerby", "given_names": "Rowena",
    "addresses": [{"address": "212 Brackenholt Lane, Birmingham", "postcode": "B11 1AB", "uprn": "100023336956"}],
    "carers": [{"name": "Maud Quillerby", "relationship": "mother", "contact": "Tel:01632/960555 (mum), maud@home.example"}],
}  # fmt: skip
NEW = {
    "record_key": "social_care:b", "family_name": "Thistlewick", "given_names": "Rowena",
    "addresses": [{"address": "87 Marrowdene Road", "postcode": "B30 2ZZ"}],
    "carers": [{"name": "Greta Thistlewick", "relationship": "mother", "contact": "01632 960777"}],
    "involvements": [{"kind": "service", "service": "Early Help", "contact": "A. Worker", "phone": "01632 960002"}],
}  # fmt: skip


def across(birth=None, **cells):
    """What may not be seen of the new identity with these cells; `birth`: others of the birth identity."""
    identities = pa.table({"record_key": ["health:a", "social_care:b"], "index_id": ["A", "B"]})
    wall = {"wall_a": "health:a", "wall_b": "social_care:b"}
    sides = [{**wall, "record_key": "health:a", "side": "a"}, {**wall, "record_key": "social_care:b", "side": "b"}]
    found = find_across(
        person([{**BIRTH, **(birth or {})}, {**NEW, **cells}]),
        identities,
        pa.Table.from_pylist(sides, schema=WALLS.schema),
    )
    return {
        name: [row for row in table.to_pylist() if row.get("record_key") == "social_care:b"]
        for name, table in vars(found).items()
    }


def test_nothing_of_its_own_is_taken_out():
    assert not any(across().values())


@pytest.mark.parametrize(
    "address",
    ["0212 Brackenholt Lane", "212 Bracken-holt Lane", "212 Bracken holt Ln", "212Brackenholt Lane", "210-212 Brackenholt Lane", "No.212 Brackenholt",
     "２１２ Br\u0430ckenholt L\u200bane", "Brackenholt Lane 212", "Brackenholt Lane"],
)  # fmt: skip
def test_an_address_of_the_other_side_is_not_shown_however_it_is_written(address):
    (row,) = across(addresses=[*NEW["addresses"], {"address": address}])["addresses"]
    assert row["address"] == address
    telling = across(involvements=[{"kind": "service", "service": f"visits {address}"}])["texts"]
    assert [each["text"] for each in telling] == [f"visits {address}"]


@pytest.mark.others_in_full
@pytest.mark.parametrize(
    "text",
    ["aunt (Quillerby)", "Quill\u0435rby's", "QuillerbyFamily", "gran atB111AB", "B１１ 1AB", "UPRN 1 000 2333 6956", "01632960555", "MAUD@HOME.EXAMPLE.",
     "x@quillerby.example", "with Maud"],
)  # fmt: skip
def test_words_that_tell_of_the_other_side_are_not_shown(text):
    for cells in ({"relationship": text}, {"contact": text}):
        carers = across(carers=[*NEW["carers"], {"name": "Ann Zedd", **cells}])["carers"]
        assert [row["name"] for row in carers] == ["Ann Zedd"]
    for name in ("service", "contact", "phone"):
        assert [row["text"] for row in across(involvements=[{"kind": "service", name: text}])["texts"]] == [text]


@pytest.mark.parametrize("name", ["Mum Maud Quillerby", "MaudQuillerby", "Quillerby, Ann", "Ａnn Quillerby"])
def test_a_carer_of_the_other_side_is_not_shown(name):
    assert [row["name"] for row in across(carers=[{"name": name}])["carers"]] == [name]


ZELDA = {"carers": [{"name": "Zelda Quorthwick", "relationship": "mother"}]}
MEANT = [
    "Zelda Anne Quorthwick", "Quorthwick, Zelda", "Zelda Quorthwick (mum)", "Zelda and Tom Quorthwick", "Tom Quorthwick & Zelda", "Zelda Quorthwick-Jones",
    "Zelda Smith nee Quorthwick", "Zelda Quorthwick PR", "Z Quorthwick", "Tom Quorthwick", "Zelda Qourthwick", "Zelba Quorthwyck", "Zelda Quorthwic",
]  # fmt: skip


@pytest.mark.others_in_full
@pytest.mark.parametrize("name", MEANT)
def test_a_carer_of_another_family_name_is_not_shown_at_the_other_side_however_the_name_is_written(name):
    found = across(ZELDA, carers=[*NEW["carers"], {"name": name, "relationship": "aunt"}])["carers"]
    assert [row["name"] for row in found] == [name]
    turned = across({"carers": [{"name": name}]}, carers=[*NEW["carers"], *ZELDA["carers"]])["carers"]
    assert [row["name"] for row in turned] == ["Zelda Quorthwick"]


@pytest.mark.parametrize(
    "name",
    [
        "Zelda Thistlewick",
        "Zelma Thistlewick",
        "Zelda Brown",
        "Ann Quorn",
        "Quorthwickham, Ann",
        "Tom and Ann Thistlewick",
        "Mum",
        "Foster carer",
    ],
)
def test_a_carer_who_has_less_in_common_with_one_of_the_other_side_is_shown(name):
    assert across(ZELDA, carers=[*NEW["carers"], {"name": name, "relationship": "aunt"}])["carers"] == []


@pytest.mark.parametrize("said", [{"name": "Hermia", "relationship": "birth mother"}, {"name": "Hermia (biological mum)"}, {"name": "Hermia", "relationship": "Natural Father"},
                                  {"name": "Hermia Oddwell", "relationship": "BIRTHMOTHER"}])  # fmt: skip
def test_a_carer_who_is_said_to_be_of_the_family_of_birth_is_never_shown_whoever_it_is(said):
    assert [row["name"] for row in across(carers=[*NEW["carers"], said])["carers"]] == [said["name"]]


def test_a_text_with_a_given_name_that_the_other_side_alone_bears_is_not_shown():
    other, text = {"given_names": "Pugdokrim"}, "formerly Pugdokrim"
    service, aunt = {"kind": "service", "service": text}, {"name": "Ann Zedd", "relationship": "calls her Pugdokrim"}
    found = across(other, involvements=[service], carers=[*NEW["carers"], aunt])
    assert [row["text"] for row in found["texts"]] == [text] and [row["name"] for row in found["carers"]] == [
        "Ann Zedd"
    ]
    for name in ("Pugdokrim's mum", "Mum of Pugdokrim"):
        carers = across(other, carers=[*NEW["carers"], {"name": name}])["carers"]
        assert [row["name"] for row in carers] == [name]
    service = {"kind": "service", "service": "Pugdokrim's group"}
    assert [row["text"] for row in across(other, involvements=[service])["texts"]] == ["Pugdokrim's group"]
    found = across(
        involvements=[{"kind": "service", "service": "Rowena's group"}, {"kind": "service", "service": "with Rowena"}]
    )
    assert found["texts"] == []


@pytest.mark.parametrize("text", ["sees Zelba", "Letterbox Qourthwick", "gran (Quorthwicks)"])
def test_a_text_with_a_slip_in_a_carers_name_of_the_other_side_is_not_shown(text):
    assert [row["text"] for row in across(ZELDA, involvements=[{"kind": "service", "service": text}])["texts"]] == [
        text
    ]


@pytest.mark.parametrize(
    ("family", "given"),
    [("Thistlewick", "Rowena Quillerby"), ("Thistlewick-Quillerby", "Rowena"), ("QuillerbyThistlewick", "Rowena"), ("Thistlewick née Quillerby", "Rowena"),
     ("Quill\u0435rby", "Rowena"), (None, "Rowena Quillerby")],
)  # fmt: skip
def test_a_name_in_use_that_holds_the_other_sides_is_not_shown_beside_its_own(family, given):
    other = {"kind": "current", "family_name": family, "given_names": given}
    rows = across(names=[other])["names"]
    assert [(row["family_name"], row["given_names"]) for row in rows] == [(family, given)]


def test_a_name_that_only_contains_the_letters_of_the_others_is_its_own():
    own = {"family_name": "Quillerbyson", "carers": [{"name": "Ann Quillerbyson"}]}
    assert across(**own)["names"] == [] and across(**own)["in_use"] == []
