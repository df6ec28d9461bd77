"""Shielding fails closed, is never lifted by a feed, and does not engulf the authority."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.errors import IsindexError
from pipelines.protection.gone import LATCH
from pipelines.protection.register import Asked, entries_after, requests_of
from pipelines.protection.shielding import Apart, Lifting, naming_wish, protect
from pipelines.protection.tokens import tokens_of_records
from pipelines.seams.deliveries import ASKING
from pipelines.seams.person import NAMES, RECORDS
from pipelines.seams.protection import ENTRIES, LATCHED

TEXT = pa.string()
NIGHT, NEXT, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
OPEN, SHIELDED, WITHHELD = (False, False), (True, False), (False, True)


def records_of(rows):
    """Person records; each child has a name and a birth date of its own unless the row says otherwise."""
    whole = [
        {"record_key": key, "agency": "health", "given_names": f"Given{key}", "family_name": f"Family{key}",
         "birth_date": date(2015, 1, 1), "shielded": False, "linkable": True, "delivery_id": "d", **row}
        for key, row in sorted(rows.items())
    ]  # fmt: skip
    return pa.Table.from_pylist(whole, schema=RECORDS.schema)


def night(
    rows,
    apart=(),
    decisions=(),
    merged=None,
    *,
    before=None,
    on=NIGHT,
    lifting=(),
    anew=None,
    entries=None,
    heard=None,
    former=None,
):
    """Protection after a night; each record is an identity of its own unless `merged` says otherwise."""
    keys = sorted(rows)
    identities = pa.table({"record_key": keys, "index_id": [(merged or {}).get(key, key.upper()) for key in keys]})
    pairs = pa.table(
        {
            "record_key_a": pa.array([pair[0] for pair in apart], TEXT),
            "record_key_b": pa.array([pair[1] for pair in apart], TEXT),
            "certain": pa.array([pair[2] for pair in apart], pa.bool_()),
        }
    )
    decided = pa.table(
        {
            name: pa.array([row[i] for row in decisions], TEXT)
            for i, name in enumerate(("kind", "record_a", "record_b", "undone_at"))
        }
    )
    return protect(
        identities, records_of(rows), NAMES.empty_table(), pairs, decided,
        entries=entries if entries is not None else before.entries if before else ENTRIES.empty_table(),
        latched=before.latched if before else LATCHED.empty_table(),
        business_date=on, lifting=lifting, anew=None if anew is None else pa.array(anew, TEXT), heard=None if heard is None else pa.array(heard, TEXT),
        former=None if former is None else pa.table({
            "record_key": pa.array(list(former), TEXT), "index_id": pa.array(list(former.values()), TEXT),
        }),
    )  # fmt: skip


def seen(protected):
    return {row["index_id"]: (row["shielded"], row["withheld"]) for row in protected.visibility.to_pylist()}


def see(rows, *args, **options):
    return seen(night(rows, *args, **options))


ASKS = {"shielded": True}

# --- the closure --------------------------------------------------------------------------------------------------


def test_one_shielded_record_shields_its_whole_identity():
    assert see({"a": ASKS, "b": {}, "c": {}}, merged={"a": "X", "b": "X"}) == {"X": SHIELDED, "C": OPEN}


def test_a_record_possibly_of_a_shielded_child_is_withheld_and_so_on_along_the_chain():
    found = see({"a": ASKS, "b": {}, "c": {}, "d": {}}, [("b", "a", False), ("b", "c", False)])
    assert found == {"A": SHIELDED, "B": WITHHELD, "C": WITHHELD, "D": OPEN}


@pytest.mark.parametrize(("certain", "expected"), [(True, OPEN), (False, WITHHELD), (None, WITHHELD)])
def test_only_certainty_stops_the_closure(certain, expected):
    assert see({"a": ASKS, "b": {}}, [("a", "b", certain)])["B"] == expected


def test_what_is_certain_of_one_pair_of_records_parts_their_identities():
    rows = {"a": ASKS, "b": {}, "c": {}}
    assert see(rows, [("a", "b", False), ("a", "c", True)], merged={"b": "X", "c": "X"})["X"] == OPEN


SAME = {"given_names": "Mary Ann", "family_name": "O'Neil", "birth_date": date(2016, 5, 4)}
LIKE = {"given_names": "MARY", "family_name": "ONEIL", "birth_date": date(2016, 5, 4)}


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (SAME, LIKE),
        (SAME, {**LIKE, "given_names": "Oneil", "family_name": "Mary"}),
        ({"nhs_number": "9434765919"}, {"nhs_number_unverified": "9434765919"}),
        ({"upn": "A330400021001"}, {"former_upn": "a330 4000 21001"}),
    ],
    ids=["name and birth date", "swapped names", "a number", "a former number"],
)
def test_whoever_bears_the_number_or_the_name_and_birth_date_is_withheld_whatever_the_matcher_says(mine, other):
    rows = {"a": {**ASKS, **mine}, "b": other, "c": {}}
    assert see(rows) == {"A": SHIELDED, "B": WITHHELD, "C": OPEN}
    assert see(rows, [("a", "b", True)])["B"] == WITHHELD
    assert see(rows, decisions=[("not_the_same", "b", "a", None)])["B"] == OPEN


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("Mary Ann", "Maryann"), ("Mary-Ann", "Maryann"), ("Mary\u00a0Ann", "Mary Ann"), ("Mary\u2013Ann", "Mary-Ann"),
        ("Mary\u2011Ann", "Mary"), ("Mary.Ann", "Mary Ann"), ("Mary/Ann", "Mary"), ("Mary,Ann", "Mary"), ("Miss Mary", "Mary"),
        ("J Mary", "Mary"), ("J. Mary", "Mary"), ("Mary(Ann)", "Mary"), ("\u041cary", "Mary"), ("Mary Ann Jo", "MaryAnn Jo"),
    ],
)  # fmt: skip
def test_a_child_is_known_by_name_and_birth_date_however_its_given_names_are_written(was, now):
    for one, other in ((was, now), (now, was)):
        rows = {"a": {**ASKS, **SAME, "given_names": one}, "b": {**SAME, "given_names": other}}
        assert see(rows) == {"A": SHIELDED, "B": WITHHELD}


def test_numbers_in_digits_of_another_width_are_the_same():
    wide = "9434765919".translate({ord("0") + each: 0xFF10 + each for each in range(10)})
    rows = {"a": {**ASKS, "nhs_number_unverified": wide}, "b": {"nhs_number": "9434765919"}}
    assert see(rows) == {"A": SHIELDED, "B": WITHHELD}


def test_brothers_sisters_and_twins_with_their_own_names_are_not_meant():
    twin = {"family_name": "O'Neil", "given_names": "Maud", "birth_date": SAME["birth_date"]}
    assert see({"a": {**ASKS, **SAME}, "b": twin}, [("a", "b", True)])["B"] == OPEN


def test_placeholders_and_notes_are_no_numbers():
    for number in ("0000000000", "NOT KNOWN", "12345"):
        row = {"nhs_number_unverified": number}
        assert see({"a": {**ASKS, **row}, "b": row})["B"] == OPEN


def test_a_great_many_of_one_name_are_held_together():
    rows = {f"k{n:03}": dict(SAME) for n in range(120)} | {"a": {**ASKS, **SAME}}
    assert set(see(rows).values()) == {SHIELDED, WITHHELD}


def test_a_reviewer_settles_a_pair_until_it_is_undone():
    pair = [("a", "b", False)]
    assert see({"a": ASKS, "b": {}}, pair, [("not_the_same", "b", "a", None)])["B"] == OPEN
    assert see({"a": ASKS, "b": {}}, pair, [("not_the_same", "b", "a", "2026-03-01")])["B"] == WITHHELD


def test_a_decision_to_shield_shields():
    assert see({"a": {}, "b": {}}, decisions=[("shield", "b", None, None)]) == {"A": OPEN, "B": SHIELDED}


def test_a_missing_flag_counts_as_shielded():
    assert see({"a": {"shielded": None}})["A"] == SHIELDED


@pytest.mark.parametrize("missing", range(5))
def test_a_missing_input_is_refused(missing):
    inputs = [
        pa.table({"record_key": ["a"], "index_id": ["A"]}),
        records_of({"a": {}}),
        NAMES.empty_table(),
        pa.table({"record_key_a": ["a"], "record_key_b": ["b"], "certain": [False]}),
        pa.table({"kind": ["same"], "record_a": ["a"], "record_b": ["b"]}),
    ]
    state = {"entries": ENTRIES.empty_table(), "latched": LATCHED.empty_table(), "business_date": NIGHT}
    for instead in (None, pa.table({"other": ["a"]})):
        given = [instead if number == missing else each for number, each in enumerate(inputs)]
        with pytest.raises(IsindexError, match="SHIELDING_INPUT_MISSING"):
            protect(*given, **state)


# --- the latch ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "merged"),
    [
        ({"a": {}, "b": {}}, {"a": "X", "b": "X"}),
        ({"b": {}}, {"b": "X"}),
        ({"a": {}, "b": {}}, {}),
        ({"b": {}, "c": {}}, {"b": "Y", "c": "Y"}),
    ],
    ids=["the mark is blank", "the record is withdrawn", "the identity is split", "merged into another"],
)
def test_no_feed_opens_who_was_hidden(rows, merged):
    first = night({"a": ASKS, "b": {}, "c": {}}, merged={"a": "X", "b": "X"})
    after = see(rows, merged=merged, before=first, on=NEXT)
    assert {index_id: told for index_id, told in after.items() if index_id != "C"}
    assert all(told == SHIELDED for index_id, told in after.items() if index_id != "C")


def test_a_record_under_another_key_is_known_by_what_stays():
    first = night({"a": {**ASKS, **SAME, "nhs_number": "9434765919"}})
    assert see({"new": {"nhs_number": "9434765919"}}, before=first, on=NEXT)["NEW"] == SHIELDED
    assert see({"new": LIKE}, before=first, on=NEXT)["NEW"] == SHIELDED
    gone = night({"c": {}}, before=first, on=NEXT)
    assert see({"a": {}}, before=gone, on=THIRD)["A"] == SHIELDED


def test_who_was_withheld_stays_so_when_the_doubt_is_no_longer_told():
    first = night({"a": ASKS, "b": {}}, [("a", "b", False)])
    assert see({"a": {}, "b": {}}, before=first, on=NEXT) == {"A": SHIELDED, "B": WITHHELD}


# --- a person lifts it --------------------------------------------------------------------------------------------


def lifted(key="a"):
    return [Lifting(7, (key,), NEXT)]


def test_a_decision_opens_the_child_and_who_was_withheld_for_its_sake():
    doubt = [("a", "b", False)]
    first = night({"a": ASKS, "b": {}, "c": ASKS}, doubt)
    assert see({"a": {}, "b": {}, "c": {}}, doubt, before=first, on=NEXT, lifting=lifted()) == {
        "A": OPEN, "B": OPEN, "C": SHIELDED,
    }  # fmt: skip


def test_a_record_that_goes_on_asking_is_asked_for():
    first = night({"a": ASKS})
    again = night({"a": ASKS}, before=first, on=NEXT, lifting=lifted())
    assert seen(again) == {"A": SHIELDED}
    assert see({"a": {}}, before=again, on=THIRD) == {"A": SHIELDED}


def test_another_child_s_shield_still_holds_who_may_be_that_child():
    doubt = [("a", "b", False)]
    first = night({"a": ASKS, "b": ASKS}, doubt)
    after = see({"a": {}, "b": ASKS}, doubt, before=first, on=NEXT, lifting=lifted())
    assert after == {"A": WITHHELD, "B": SHIELDED}


def test_what_was_latched_on_the_day_of_the_decision_or_later_stays():
    """The child was found to be hidden again on the very night from which two people open it: for that they have not spoken."""
    first = night({"a": ASKS})
    again = night({"a": ASKS}, before=first, on=NEXT)
    assert see({"a": {}}, before=again, on=THIRD, lifting=[Lifting(7, ("a",), NIGHT)])["A"] == SHIELDED
    assert see({"a": {}}, before=again, on=THIRD, lifting=[Lifting(7, ("a",), THIRD)])["A"] == OPEN


NUMBER, ANOTHER = {"nhs_number": "9434765919"}, {"nhs_number": "9434765870"}


def _she_is_back(namesake, *, hers=SAME, **options):
    """A shielded child's record goes, her namesake is opened, and she comes back under another key: how both are seen then, and the namesake before."""
    first = night({"a": {**ASKS, **hers}, "b": namesake})
    gone = night({"b": namesake}, before=first, on=NEXT)
    opened = night({"b": namesake}, before=gone, on=THIRD, lifting=[Lifting(8, ("b",), THIRD)], **options)
    back = night(
        {"b": namesake, "c": {**hers, "nhs_number": None}},
        [("b", "c", True)],
        before=opened,
        on=date(2026, 3, 4),
        anew=["c"],
    )
    return seen(opened)["B"], seen(back)["C"]


def test_who_is_called_like_a_hidden_child_that_is_gone_is_opened_and_the_child_stays_hidden():
    assert _she_is_back({**LIKE, **ANOTHER}, hers={**SAME, **NUMBER}) == (OPEN, SHIELDED)
    assert _she_is_back({**LIKE, "postcode": "ZZ1 1AA", "address": "1 High Street"}, hers={**SAME, **NUMBER}) == (
        OPEN,
        SHIELDED,
    )


def test_what_was_the_child_s_own_record_when_it_was_last_there_is_opened_with_it():
    assert _she_is_back({**LIKE, **ANOTHER}, former={"a": "B"}) == (OPEN, OPEN)
    assert _she_is_back({**LIKE, **ANOTHER}, former={"a": "A"}) == (OPEN, SHIELDED)


@pytest.mark.parametrize(("known", "expected"), [(True, OPEN), (False, SHIELDED)])
def test_a_number_opens_with_a_child_what_bore_it_and_is_gone_where_it_was_known_when_it_was_decided(known, expected):
    rows = {"b": {**LIKE, **NUMBER}}
    first = night({"a": {**ASKS, **SAME, **NUMBER}, "b": {**LIKE, **ANOTHER}})
    gone = night({"b": {**LIKE, **ANOTHER}}, before=first, on=NEXT)
    told = {
        token
        for kind in ("number", "person")
        for token in known_of(rows if known else {"b": {**LIKE, **ANOTHER}}, "b", kind)
    }
    opened = night(rows, before=gone, on=THIRD, lifting=[Lifting(8, ("b",), THIRD, known_by=tuple(sorted(told)))])
    assert seen(opened) == {"B": expected}


@pytest.mark.parametrize("by", ["one that it has", "one that it had"])
def test_of_a_child_who_is_told_apart_by_any_record_of_the_opened_one_nothing_is_lifted(by):
    rows = {"b": {**LIKE, **NUMBER}}
    first = night({"a": {**ASKS, **SAME, **NUMBER}, **rows})
    gone = night(rows, before=first, on=NEXT)
    hers = tuple(known_of({"a": {}}, "a", "key"))
    apart = (Apart("b" if by == "one that it has" else "d", hers),)
    opened = night(rows, before=gone, on=THIRD, lifting=[Lifting(8, ("b",), THIRD, apart=apart)], former={"d": "B"})
    assert seen(opened) == {"B": SHIELDED}


def test_a_record_that_was_the_child_s_last_by_a_slip_is_another_child_s_where_each_has_a_number_of_its_own():
    """She was joined with the namesake on her last night, and the number that joined them was put right."""
    assert _she_is_back({**LIKE, **ANOTHER}, hers={**SAME, **NUMBER}, former={"a": "B"}) == (OPEN, SHIELDED)


HOME = {"postcode": "ZZ1 1AA", "address": "1 High Street"}


@pytest.mark.parametrize(
    "said", [False, True], ids=["people say nothing more", "two people say that it was the child's own"]
)
@pytest.mark.parametrize("hers", [{}, NUMBER], ids=["she has no number", "she has one"])
@pytest.mark.parametrize("its", [{}, ANOTHER], ids=["without a number", "with another number"])
@pytest.mark.parametrize("comes", ["beside her", "when she has gone"])
def test_who_has_her_names_birth_date_and_home_is_opened_and_what_was_kept_of_her_goes_by_two_people_s_word_alone(
    comes, its, hers, said
):
    """It may be the child, registered anew, or a twin with the same first given name."""
    other, hers = {"b": {**SAME, **HOME, **its}}, {**SAME, **HOME, **hers}
    first = night({"a": {**ASKS, **hers}, **(other if comes == "beside her" else {})}, anew=["a"])
    gone = night(other, before=first, on=NEXT, anew=["b"])
    known = {token for kind in ("key", "number", "person") for token in known_of(other, "b", kind)}
    latch = {f"{LATCH}{token}" for token in known_of({"a": {}}, "a", "key")} if said else set()
    lifting = [Lifting(8, ("b",), THIRD, known_by=tuple(sorted(known | latch)))]
    opened = night(other, before=gone, on=THIRD, lifting=lifting, former={"a": "A"})
    assert seen(opened) == {"B": OPEN}
    back = night({**other, "c": hers}, [("b", "c", True)], before=opened, on=date(2026, 3, 4), anew=["c"])
    assert seen(back)["C"] == (OPEN if said else SHIELDED)


@pytest.mark.parametrize(
    ("home", "expected"), [(HOME, OPEN), ({"postcode": "ZZ9 9ZZ", "address": "9 Low Road"}, SHIELDED)]
)
def test_a_school_that_a_child_has_left_knew_it_by_another_kind_of_number(home, expected):
    """It was the child's own record, and lives at its home: what is kept of it goes, though no number is in common."""
    gp, school = {**SAME, **HOME, **NUMBER}, {**SAME, **home, "upn": "A330400000104"}
    first = night({"a": {**ASKS, **gp}, "s": school}, merged={"a": "X", "s": "X"}, anew=["a", "s"])
    left = night({"a": gp}, merged={"a": "X"}, before=first, on=NEXT)
    opened = night(
        {"a": gp},
        merged={"a": "X"},
        before=left,
        on=THIRD,
        lifting=[Lifting(8, ("a",), THIRD)],
        former={"s": "X"},
    )
    assert seen(opened) == {"X": OPEN}
    back = night(
        {"a": gp, "t": {**SAME, "upn": "A330400000104"}},
        merged={"a": "X", "t": "T"},
        before=opened,
        on=date(2026, 3, 4),
        anew=["t"],
    )
    assert seen(back)["T"] == expected


def test_that_two_are_not_the_same_opens_nobody_and_lets_two_people_open_who_was_withheld():
    rows = {"a": {**ASKS, **SAME}, "b": LIKE}
    first = night(rows)
    assert seen(first)["B"] == WITHHELD
    decided = [("not_the_same", "a", "b", None)]
    second = night(rows, decisions=decided, before=first, on=NEXT)
    assert seen(second) == {"A": SHIELDED, "B": WITHHELD}
    third = night(rows, decisions=decided, before=second, on=THIRD, lifting=[Lifting(8, ("b",), THIRD)])
    assert seen(third) == {"A": SHIELDED, "B": OPEN}


def test_that_two_are_not_the_same_keeps_open_who_is_open_when_the_other_asks():
    decided = [("not_the_same", "a", "b", None)]
    first = night({"a": SAME, "b": LIKE}, decisions=decided)
    assert see({"a": {**ASKS, **SAME}, "b": LIKE}, decisions=decided, before=first, on=NEXT) == {
        "A": SHIELDED, "B": OPEN,
    }  # fmt: skip


def test_opening_who_was_withheld_opens_no_other_who_is_shielded_in_its_own_right():
    first = night({"a": {**ASKS, **SAME}, "b": LIKE})
    assert seen(first) == {"A": SHIELDED, "B": WITHHELD}
    quiet = night({"a": SAME, "b": LIKE}, before=first, on=NEXT, lifting=lifted("b"))
    assert seen(quiet) == {"A": SHIELDED, "B": SHIELDED}  # the name is still that of a shielded child
    later = night({"a": SAME, "b": LIKE}, before=quiet, on=THIRD, lifting=[Lifting(9, ("a",), THIRD)])
    assert seen(later) == {"A": OPEN, "B": OPEN}


def test_who_asks_when_it_is_withheld_already_is_shielded_in_its_own_right_from_then_on():
    doubt = [("a", "b", False)]
    first = night({"a": ASKS, "b": {}}, doubt)
    second = night({"a": {}, "b": ASKS}, doubt, before=first, on=NEXT)
    assert seen(second) == {"A": SHIELDED, "B": SHIELDED}
    third = night({"a": {}, "b": {}}, doubt, before=second, on=THIRD, lifting=[Lifting(9, ("a",), THIRD)])
    assert seen(third) == {"A": WITHHELD, "B": SHIELDED}


def test_opening_a_child_leaves_the_latch_of_a_namesake_who_is_shielded_in_its_own_right_as_it_was():
    rows = {"a": SAME, "b": LIKE, "c": {}, "d": {}}
    doubt = [("b", "c", False), ("c", "d", False)]
    first = night({key: {**row, **ASKS} if key in "ab" else row for key, row in rows.items()}, doubt)
    after = night(rows, doubt, before=first, on=NEXT, lifting=lifted("a"))
    assert seen(after) == {"A": SHIELDED, "B": SHIELDED, "C": WITHHELD, "D": WITHHELD}
    keys = {key for each in "bcd" for key in known_of(rows, each, "key")}  # and of who is withheld for her sake
    was, stays = (
        {
            (row["token"], row["holder"], row["since"], row["own"])
            for row in protected.latched.to_pylist()
            if row["holder"] in keys
        }
        for protected in (first, after)
    )
    assert was <= stays and {since for *_, since, _ in was} == {NIGHT}


@pytest.mark.parametrize("decided_on", ["b", "new"])
def test_a_shielded_child_under_a_new_key_stays_hidden_when_a_namesake_is_opened(decided_on):
    first = night({"a": {**ASKS, **SAME, "nhs_number": "9434765919"}, "b": LIKE})
    rows = {"new": {**SAME, "nhs_number": "9434765919"}, "b": LIKE}
    after = see(rows, before=first, on=NEXT, lifting=lifted(decided_on))
    assert after == ({"NEW": SHIELDED, "B": SHIELDED} if decided_on == "b" else {"NEW": OPEN, "B": OPEN})


def entries_of(*rows):
    """Wishes as the register has them: (entry_id, tokens, night, told)."""
    whole = [
        {"entry_id": entry_id, "asked": "shield", "understood": True, "tokens": tokens, "agency": "health",
         "delivery_id": "d", "first_night": on, "last_night": on, "told": told}
        for entry_id, tokens, on, told in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(whole, schema=ENTRIES.schema)


def known_of(rows, key, *kinds):
    """The tokens of a record of these kinds."""
    tokens = tokens_of_records(records_of(rows), NAMES.empty_table()).to_pylist()
    return [each["token"] for each in tokens if each["record_key"] == key and each["kind"] in kinds]


def test_another_s_wish_that_names_the_child_too_is_not_lifted_with_it():
    rows = {"a": SAME, "b": LIKE}
    entries = entries_of(("wish", known_of(rows, "a", "key", "person"), NIGHT, 1))
    first = replace(night(rows), entries=entries)
    after = night(rows, before=first, on=NEXT, lifting=[Lifting(7, ("b",), NEXT, told=1)])
    assert seen(after)["A"] == SHIELDED
    assert after.entries["lifted_by"].to_pylist() == [None]
    after = night(rows, before=first, on=NEXT, lifting=[Lifting(7, ("a",), NEXT, told=1)])
    assert seen(after) == {"A": OPEN, "B": OPEN}


@pytest.mark.parametrize(("told", "expected"), [(3, OPEN), (4, SHIELDED)])
def test_a_wish_that_was_told_after_the_confirmation_stands_whatever_its_business_date(told, expected):
    rows = {"a": {}}
    first = replace(night(rows), entries=entries_of(("wish", known_of(rows, "a", "key"), NIGHT, told)))
    assert see(rows, before=first, on=NEXT, lifting=[Lifting(7, ("a",), NEXT, told=3)]) == {"A": expected}


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ({**SAME, "nhs_number": "9434765919"}, True),
        ({**SAME, "nhs_number": "4010232137"}, True),
        ({**SAME, "family_name": "Another", "nhs_number": "9434765919"}, False),
        ({"nhs_number": "4010232137"}, False),
        ({}, False),
    ],
    ids=[
        "as it was",
        "the number corrected",
        "another name, and the number as a former one may be",
        "another child's particulars",
        "another child's without a number",
    ],
)
def test_a_decision_opens_nobody_when_its_record_is_another_child_s_by_now(now, opens):
    was = {"a": {**ASKS, **SAME, "nhs_number": "9434765919"}}
    known = tuple(known_of(was, "a", "number", "person"))
    first = night(was)
    after = night({"a": now}, before=first, on=NEXT, lifting=[Lifting(7, ("a",), NEXT, known_by=known)])
    assert seen(after)["A"] == (OPEN if opens else SHIELDED)
    assert [each.number for each in after.unmet] == ([] if opens else [7])


def test_that_two_are_not_the_same_settles_nothing_of_a_number_that_one_of_them_does_not_bear():
    rows = {"a": SAME, "b": {**LIKE, "upn": "A330400021001"}, "c": {**ASKS, "upn": "A330400021001"}}
    decided = [("not_the_same", "a", "b", None)]
    with_a = {"a": "X", "c": "X"}
    assert see(rows, decisions=decided, merged=with_a) == {"X": SHIELDED, "B": WITHHELD}
    known = {**rows, "c": {"upn": "A330400021001"}}
    wish = entries_of(("wish", known_of(known, "c", "key", "number"), NIGHT, 1))
    first = replace(night(known, merged=with_a), entries=wish)
    assert see(known, decisions=decided, merged=with_a, before=first, on=NEXT) == {"X": SHIELDED, "B": SHIELDED}
    both = [*decided, ("not_the_same", "b", "c", None)]
    assert see(rows, decisions=both, merged=with_a) == {"X": SHIELDED, "B": OPEN}


@pytest.mark.parametrize(
    ("rows", "apart", "decisions", "why"),
    [
        ({"a": {}, "b": {}}, (), (), None),
        ({"a": ASKS, "b": {}}, (), (), ("asks",)),
        ({"a": {}, "b": {}}, (), [("shield", "a", None, None)], ("decided",)),
        ({"a": ASKS, "b": {}}, (), [("shield", "a", None, None)], ("asks", "decided")),
        ({"a": {}, "b": ASKS}, [("a", "b", False)], (), ("another",)),
        ({"b": {**ASKS, "nhs_number": "9434765919"}}, (), (), ("gone",)),
        ({"b": {"nhs_number": "9434765920"}}, (), (), None),
    ],
    ids=[
        "opened",
        "it asks",
        "a decision",
        "both",
        "another child",
        "the record is gone",
        "it is gone, and so is the child",
    ],
)
def test_a_decision_after_which_its_child_is_hidden_is_told_with_the_reason(rows, apart, decisions, why):
    was = {"a": {**ASKS, "nhs_number": "9434765919"}, "b": {}}
    known = tuple(known_of(was, "a", "number", "person"))
    now = {key: {"nhs_number": "9434765919", **row} if key == "a" else row for key, row in rows.items()}
    lifting = [Lifting(7, ("a",), NEXT, known_by=known)]
    after = night(now, apart, decisions, before=night(was), on=NEXT, lifting=lifting)
    assert {each.number: each.why for each in after.unmet} == ({7: why} if why else {})
    assert seen(after).get("A", OPEN) == OPEN or why


# --- who is only like a hidden child ------------------------------------------------------------------------------

CARA = {"family_name": "Thornbury", "given_names": "Cara", "birth_date": date(2015, 6, 1)}
SLIP = CARA | {"given_names": "Carra"}
TWIN = CARA | {"given_names": "Zelda"}


def meant(*keys, rows):
    """Two people have decided to open a child, knowing what its records are known by."""
    tokens = tokens_of_records(records_of({key: rows[key] for key in keys}), NAMES.empty_table())
    known = tuple(row["token"] for row in tokens.to_pylist() if row["kind"] in ("number", "person"))
    return [Lifting(1, keys, NEXT, known_by=known)]


@pytest.mark.in_full
def test_opening_who_is_only_like_a_hidden_child_opens_that_one_and_nobody_else():
    first = night({"c": CARA | ASKS, "z": {"family_name": "Other"}})
    second = night({"c2": SLIP, "z": TWIN}, before=first, on=NEXT, anew=["c2", "z"])
    assert seen(second) == {"C2": WITHHELD, "Z": WITHHELD}
    third = night(
        {"c2": SLIP, "z": TWIN},
        before=second,
        on=THIRD,
        anew=[],
        lifting=[replace(meant("z", rows={"z": TWIN})[0], from_night=THIRD)],
    )
    assert seen(third) == {"C2": WITHHELD, "Z": OPEN} and third.unmet == ()
    later = night(
        {"c3": SLIP | {"family_name": "Thornbry", "given_names": "Cara"}, "z": TWIN},
        before=third,
        on=date(2026, 3, 4),
        anew=["c3", "z"],
    )
    assert seen(later) == {"C3": WITHHELD, "Z": OPEN}  # the latch stays, and spares whom two people opened


def test_a_twin_is_opened_and_the_one_who_is_gone_is_known_again():
    twins = {"c": CARA | ASKS, "z": TWIN | ASKS}
    first = night(twins)
    second = night({"z": TWIN}, before=first, on=NEXT, anew=["z"], lifting=meant("z", rows=twins))
    assert seen(second) == {"Z": OPEN}
    again = night({"p": CARA | {"given_names": "Nora"}, "z": TWIN}, before=second, on=THIRD, anew=["p"])
    assert seen(again) == {"P": WITHHELD, "Z": OPEN}


def test_who_is_hidden_for_the_first_time_is_compared_with_records_that_have_not_changed():
    rows = {"c": CARA, "near": SLIP, "other": TWIN, "stranger": {}}
    assert set(see(rows).values()) == {OPEN}
    found = night({**rows, "c": CARA | ASKS}, before=night(rows), on=NEXT, anew=[])
    assert seen(found) == {"C": SHIELDED, "NEAR": WITHHELD, "OTHER": OPEN, "STRANGER": OPEN}


@pytest.mark.parametrize(
    "names", [("Master Cara", "Thornbury"), ("Thornbury", "Cara"), ("Cara", "Thornbry"), (None, "Cara Thornbury")]
)
def test_a_record_without_birth_date_is_compared_every_night(names):
    rows = {"c": CARA | ASKS, "p": {"given_names": names[0], "family_name": names[1], "birth_date": None}}
    assert see(rows, anew=["p"]) == {"C": SHIELDED, "P": WITHHELD}
    assert (
        see(
            {"c": CARA | ASKS, "p": {"given_names": "Ida", "family_name": "Thornbury", "birth_date": None}}, anew=["p"]
        )["P"]
        == OPEN
    )


def wish_of(said):
    """The register when a record without a key has asked that says this of its child."""
    named = [{"concept": name, "value": value} for name, value in said.items()]
    row = {"position": 1, "line": 2, "key": None, "asked": "shield", "understood": True, "named": named}
    asking = pa.Table.from_pylist([row], schema=ASKING.schema)
    told = Asked("d", "health", NIGHT, requests_of(asking, "health", "330/health/2026-03-01/1-a"))
    return entries_after(ENTRIES.empty_table(), [told])


@pytest.mark.in_full
def test_a_wish_that_names_nobody_withholds_whom_it_may_mean():
    entry = wish_of({"family_name": "Thornbury", "given_names": "Cara", "birth_date": "2015-06-01"})
    assert see({"near": SLIP, "z": {}}, entries=entry, heard=[]) == {"NEAR": WITHHELD, "Z": OPEN}
    heard = entry["entry_id"].to_pylist()
    assert (
        see({"near": SLIP, "z": {}}, entries=entry, heard=heard, anew=[])["NEAR"] == OPEN
    )  # compared when the wish came
    assert see({"near": SLIP, "z": {}}, entries=entry, heard=heard, anew=["near"])["NEAR"] == WITHHELD
    assert see({"near": SLIP, "c": CARA}, entries=entry, heard=[]) == {"NEAR": OPEN, "C": SHIELDED}  # it names somebody


@pytest.mark.in_full
def test_twins_of_one_first_name_are_two():
    twins = {
        "a": CARA | ASKS | {"given_names": "Cara Ida"},
        "b": CARA | ASKS | {"given_names": "Cara Ruth"},
    }
    first = night(twins)
    opened = {"a": twins["a"] | {"shielded": False}}
    second = night(opened, before=first, on=NEXT, anew=[], lifting=meant("a", rows=twins))
    assert seen(second) == {"A": OPEN}
    back = night(opened | {"b2": twins["b"] | {"shielded": False}}, before=second, on=THIRD, anew=["b2"])
    assert seen(back)["B2"] == SHIELDED


@pytest.mark.parametrize(
    "other",
    [
        {"given_names": "Cara Ida"},
        {"given_names": "Miss Cara"},
        {"family_name": "Ashe-Thornbury"},
        {"family_name": "Th\u00f3rnbury"},
    ],
)
def test_records_that_have_not_changed_are_found_by_any_word_of_the_family_name(other):
    rows = {"c": CARA, "near": CARA | other | {"birth_date": date(2015, 6, 2)}}
    found = night({**rows, "c": CARA | ASKS}, before=night(rows), on=NEXT, anew=[])
    assert seen(found) == {"C": SHIELDED, "NEAR": WITHHELD}


def test_a_wish_of_a_record_with_hundreds_of_names_fits_into_memory():
    letters = "abcdefghijklm"
    aliases = [f"Zel{one}{other}vunk" for one in letters for other in letters]
    names = pa.Table.from_pylist(
        [{"record_key": "c", "kind": "alias", "family_name": each, "given_names": each[::-1]} for each in aliases],
        schema=NAMES.schema,
    )
    records = records_of({"c": CARA, "z": {}})
    entry = wish_of({"family_name": "Thornbury", "given_names": "Cara", "birth_date": "2015-06-01"})
    mine = tokens_of_records(records, names)
    mine = sorted(set(mine.filter(pc.equal(mine["record_key"].cast(TEXT), "c"))["token"].to_pylist()))
    assert len(mine) > 25_000
    place = entry.column_names.index("tokens")
    entry = entry.set_column(place, entry.schema.field(place), pa.array([mine], entry.schema.field(place).type))
    identities = pa.table({"record_key": ["c", "z"], "index_id": ["C", "Z"]})
    none = LATCHED.empty_table()
    apart = pa.table(
        {"record_key_a": pa.array([], TEXT), "record_key_b": pa.array([], TEXT), "certain": pa.array([], pa.bool_())}
    )
    decided = pa.table({name: pa.array([], TEXT) for name in ("kind", "record_a", "record_b", "undone_at")})
    found = protect(
        identities,
        records,
        names,
        apart,
        decided,
        entries=entry,
        latched=none,
        business_date=NIGHT,
        anew=pa.array([], TEXT),
    )
    assert seen(found) == {"C": SHIELDED, "Z": OPEN}


@pytest.mark.in_full
@pytest.mark.parametrize(("told", "ends"), [(1, True), (2, False)], ids=["as people knew it", "told again since"])
def test_a_wish_of_nobody_ends_but_where_it_was_told_again_whatever_its_business_date(told, ends):
    rows = {"b": {}}
    wish = entries_of(("wish", known_of({"a": {}}, "a", "key"), NIGHT, told))
    lifting = [Lifting(8, (naming_wish(wish["entry_id"][0].as_py()),), THIRD, told=1)]
    after = night(rows, before=night(rows), entries=wish, on=THIRD, lifting=lifting)
    assert after.entries["lifted_by"].to_pylist() == [8 if ends else None]
    assert [each.why for each in after.unmet] == ([] if ends else [("wish",)])


def test_an_opening_says_that_a_wish_of_nobody_claims_the_child():
    rows = {"near": SLIP, "z": {}}
    entry = wish_of({"family_name": "Thornbury", "given_names": "Cara", "birth_date": "2015-06-01"})
    first = night(rows, entries=entry, heard=[])
    found = night(rows, before=first, on=NEXT, anew=[], lifting=meant("near", rows=rows))
    assert seen(found)["NEAR"] == WITHHELD
    assert [each.why for each in found.unmet] == [("claimed",)]
