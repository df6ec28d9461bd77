"""The protection register: every wish is an entry, nothing in it can be read, and nothing in it is forgotten."""

from datetime import date

import pyarrow as pa

from pipelines.protection.register import Asked, entries_after, requests_of
from pipelines.protection.tokens import key_tokens, tokens_of_asking
from pipelines.seams.deliveries import ASKING
from pipelines.seams.protection import ENTRIES

DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
SAID = {"nhs_number": "943 476 5919", "family_name": "O'Neil", "given_names": "Mary Ann", "birth_date": "04/05/2016"}


def asking(*records):
    """Records that ask, each {key, asked, understood, …values by concept}."""
    rows = [
        {
            "position": place, "line": place + 1, "key": record.get("key"), "asked": record.get("asked", "shield"),
            "understood": record.get("understood", True),
            "named": [{"concept": name, "value": value} for name, value in record.get("said", {}).items()],
        }
        for place, record in enumerate(records, 1)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=ASKING.schema)


def requests(*records, delivery="330/health/2026-03-01/1-a"):
    return requests_of(asking(*records), "health", delivery)


def register(*deliveries):
    """The register after deliveries on successive days."""
    entries = ENTRIES.empty_table()
    for day, each in zip(DAYS, deliveries, strict=False):
        entries = entries_after(entries, [Asked(f"d{day.day}", "health", day, each)])
    return entries.to_pylist()


def test_a_wish_that_is_told_again_is_one_entry_and_knows_all_that_was_ever_said():
    (entry,) = register(requests({"key": "P1", "said": SAID}), requests({"key": "P1", "said": {"family_name": "Reed"}}))
    assert (entry["first_night"], entry["last_night"], entry["delivery_id"]) == (DAYS[0], DAYS[1], "d1")
    (first,) = requests({"key": "P1", "said": SAID}).to_pylist()
    assert set(first["tokens"]) <= set(entry["tokens"])


def test_a_wish_that_is_told_again_knows_all_that_is_like_what_was_ever_said():
    likes = [["a", "b"], ["b", "c"], ["d"]]
    told = [requests({"key": "P1", "said": SAID}) for _ in likes]
    place = told[0].column_names.index("nearly")
    told = [each.set_column(place, each.schema.field(place), [[like]]) for each, like in zip(told, likes, strict=True)]
    (entry,) = register(*told)
    assert entry["nearly"] == ["a", "b", "c", "d"]


def test_a_wish_that_is_no_longer_told_stands():
    (entry,) = register(requests({"key": "P1"}), requests(), requests())
    assert (entry["last_night"], entry["lifted_by"]) == (DAYS[0], None)


def test_a_lifted_wish_that_is_told_again_stands_again():
    before = entries_after(ENTRIES.empty_table(), [Asked("d1", "health", DAYS[0], requests({"key": "P1"}))])
    lifted = before.set_column(before.column_names.index("lifted_by"), "lifted_by", pa.array([7], pa.int64()))
    assert entries_after(lifted, [])["lifted_by"].to_pylist() == [7]
    again = entries_after(lifted, [Asked("d2", "health", DAYS[1], requests({"key": "P1"}))])
    assert again["lifted_by"].to_pylist() == [None]


def test_records_without_key_are_told_apart_by_what_they_say_and_at_last_by_their_delivery():
    other = {**SAID, "nhs_number": "9434765870"}
    assert len(requests({"said": SAID}, {"said": other}, {"said": SAID}, {}, {}, {"key": "P1"})) == 5
    nothing = requests({}, delivery="330/health/2026-03-01/1-a"), requests({}, delivery="330/health/2026-03-02/2-b")
    assert len(register(*nothing)) == 2


def test_a_record_whose_place_is_not_known_is_an_entry_too():
    table = asking({}, {"said": SAID})
    unplaced = table.set_column(0, table.schema.field(0), pa.nulls(2, pa.int64()))
    assert requests_of(unplaced, "health", "330/health/2026-03-01/1-a").num_rows == 2


def test_what_is_told_in_another_manner_is_the_same_token():
    manner = {"nhs_number": "9434765919", "family_name": "ONEIL", "given_names": "mary", "birth_date": "2016-05-04"}
    one, other = (requests({"said": said}).to_pylist()[0]["tokens"] for said in (SAID, manner))
    assert len(other) == 2 and set(other) < set(one)  # who has a second given name is known by both together as well


def test_a_dwelling_names_a_child_but_beside_names_with_birth_date():
    home = {"postcode": "B1 1AA", "address_line": "12 High Street"}
    names = {name: SAID[name] for name in ("family_name", "given_names")}
    born, number = {"birth_date": "2016-05-04"}, {"nhs_number": SAID["nhs_number"]}
    for said, kind in (({**home, **born}, "born_at"), ({**home, **names}, "lives_at")):
        assert kind in naming(said) and kind in naming({**said, **number}), (
            "a number may be mistyped, or another child's"
        )
    everything = {**SAID, **home}
    assert not {"born_at", "lives_at"} & naming(everything)
    assert {"born_at", "lives_at"} <= naming(everything, "nearly"), "whom it may mean where all else is mistyped"


def naming(said, column="tokens"):
    """The kinds of tokens in that column of the wish of a record that says this of its child."""
    (wish,) = requests({"said": said}).to_pylist()
    tokens = tokens_of_asking(asking({"said": said}), "health").to_pylist()
    return {each["kind"] for each in tokens if each["token"] in wish[column]}


def test_names_of_any_length_cost_little():
    long = {"family_name": "abcdefghi" * 1_000, "given_names": "klmnopqrst" * 900, "birth_date": "2016-05-04"}
    assert tokens_of_asking(asking({"said": long}), "health").num_rows < 100


def test_not_understood_once_is_told_until_it_is_understood():
    (entry,) = register(requests({"key": "P1", "understood": False}), requests({"key": "P1"}))
    assert entry["understood"]
    (entry,) = register(requests({"key": "P1"}), requests({"key": "P1", "understood": False}))
    assert not entry["understood"]


def test_a_row_that_speaks_of_another_feeds_record_asks_for_that_record():
    (wish,) = requests(
        {"key": "A1/education/E7", "said": {"claimed_agency": " Education ", "claimed_key": "E7"}}
    ).to_pylist()
    assert set(key_tokens(["education:E7"])["token"].to_pylist()) <= set(wish["tokens"])
    (guessed,) = requests({"said": {"claimed_agency": "health", "claimed_key": ""}}).to_pylist()
    assert guessed["tokens"] == []
