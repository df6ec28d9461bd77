"""What judging a delivery promises as a whole: nothing lost, nothing kept that was refused, the same answer every time."""

from __future__ import annotations

import dataclasses
import random
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import IsindexError
from pipelines.validation.judge import Judged, judge
from tests.validation.records import BASE, NIGHT, broken, contract, judged, outcome, read, record, unreadable

AGENCIES = list(BASE)
WORDS = [
    "",
    " ",
    "N/A",
    "NULL",
    "-",
    "2015-02-30",
    "31/12/2014",
    "1900-01-01",
    "2015-01-01",
    "4500000011",
    "true",
    "S",
    "é\x00",
]
TEXT = st.one_of(st.none(), st.sampled_from(WORDS), st.text(max_size=30))


def values_of(column: Any) -> st.SearchStrategy[Any]:
    """Anything that a reader could give for a column."""
    if column.logical == "object":
        return st.one_of(st.none(), st.fixed_dictionaries({item.name: values_of(item) for item in column.items}))
    if column.logical == "array":
        item = st.fixed_dictionaries({item.name: values_of(item) for item in column.items}) if column.items else TEXT
        return st.one_of(st.none(), st.lists(st.one_of(st.none(), item), max_size=3))
    return TEXT


@st.composite
def deliveries(draw: st.DrawFn, agency: str) -> list[dict[str, Any]]:
    """Sound records, each with a few places replaced by anything, and repeats of them."""
    columns = {column.name: column for column in contract(agency).columns if column.name != "change"}
    rows = []
    for number in range(draw(st.integers(1, 6))):
        row = record(agency) | {contract(agency).key_columns[-1]: draw(st.sampled_from([f"10000{number}", "100009"]))}
        for name in draw(st.lists(st.sampled_from(sorted(columns)), max_size=4, unique=True)):
            row[name] = draw(values_of(columns[name]))
        rows += [row] * draw(st.integers(1, 2))
    return rows


def told(result: Judged) -> list[Any]:
    """Outcomes by content, without places in the file."""
    rows = result.accepted.drop_columns(["position", "line"]).to_pylist()
    return sorted(repr(row) for row in rows)


@pytest.mark.in_full
@pytest.mark.parametrize("agency", AGENCIES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_text_is_judged_and_every_record_has_one_outcome(agency: str, data: st.DataObject) -> None:
    rows = data.draw(deliveries(agency))
    result = judged(agency, *rows)
    counts = result.counts
    assert counts["rows_read"] == len(rows)
    assert counts["rows_read"] == sum(counts[name] for name in ("accepted", "queried", "rejected", "repeats"))
    rejected = {row["position"] for row in result.rejects.to_pylist() if row["outcome"] == "rejected"}
    queried = {row["position"] for row in result.rejects.to_pylist() if row["outcome"] == "queried"}
    accepted = {row["position"]: row["outcome"] for row in result.accepted.to_pylist()}
    assert not rejected & set(accepted)
    assert queried == {position for position, outcome in accepted.items() if outcome == "queried"}
    assert len(rejected) == counts["rejected"]
    assert sum(result.rules.values()) == result.rejects.num_rows
    assert all(len(row["masked"]) <= 20 for row in result.rejects.to_pylist())


@pytest.mark.in_full
@pytest.mark.parametrize("agency", AGENCIES)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_order_of_records_changes_nothing_but_which_of_one_key_comes_first(
    agency: str, data: st.DataObject
) -> None:
    rows = data.draw(deliveries(agency))
    keys = contract(agency).key_columns
    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    unique = [row for row in rows if seen.setdefault(tuple(row[key] for key in keys), row) is row and row[keys[0]]]
    unique = [row for place, row in enumerate(unique) if row not in unique[:place]]
    shuffled = list(unique)
    random.Random(1).shuffle(shuffled)
    one, other = judged(agency, *unique), judged(agency, *shuffled)
    assert one.counts == other.counts
    assert one.rules == other.rules
    assert told(one) == told(other)


def test_the_same_delivery_gives_the_same_tables() -> None:
    rows = [record("social_care", {"la_child_id": str(n % 7), "upn": "x", "sex": "MFX"[n % 3]}) for n in range(50)]
    one, other = judged("social_care", *rows), judged("social_care", *rows)
    assert one.accepted.equals(other.accepted)
    assert one.rejects.equals(other.rejects)


def test_a_delivery_without_records_is_judged() -> None:
    for agency in AGENCIES:
        result = judged(agency)
        assert result.counts["rows_read"] == 0
        assert result.accepted.num_rows == 0


def test_exact_repeats_are_counted_and_one_is_kept() -> None:
    result = judged("health", record("health"), record("health"), record("health"))
    assert result.counts == {"rows_read": 3, "accepted": 1, "queried": 0, "rejected": 0, "repeats": 2, "lost": 0}
    assert result.accepted["position"].to_pylist() == [1]


def test_repeats_are_told_nested_content_and_all() -> None:
    other = record("social_care", {"involvements[].team": "South"})
    result = judged("social_care", record("social_care"), other, record("social_care"))
    assert [outcome(result, place) for place in (1, 2, 3)] == ["queried", "rejected", "repeat"]


def test_of_one_key_with_several_contents_the_first_is_queried_and_the_others_rejected() -> None:
    result = judged("health", *(record("health", {"given_name": name}) for name in ("Ann", "Anna", "Ann", "Annie")))
    assert [outcome(result, place) for place in (1, 2, 3, 4)] == ["queried", "rejected", "repeat", "rejected"]
    assert result.counts["repeats"] == 1


def test_damaged_records_are_rejects() -> None:
    sound = read("health", [record("health")])
    result = judge(
        dataclasses.replace(sound, unreadable=unreadable(2, "RECORD-FIELD-COUNT")), contract("health"), NIGHT
    )
    assert result.counts == {"rows_read": 2, "accepted": 1, "queried": 0, "rejected": 1, "repeats": 0, "lost": 0}
    (row,) = result.rejects.to_pylist()
    assert (row["rule"], row["outcome"], row["position"], row["line"]) == ("RECORD-FIELD-COUNT", "rejected", 2, 3)
    assert row["message"]


def test_a_bad_upn_is_set_aside_and_stays_the_key() -> None:
    result = judged("education", record("education", {"UPN": "Z330910008999"}))
    (row,) = result.accepted.to_pylist()
    assert row["UPN"] is None
    assert row["key"] == "Z330910008999/100000"


def test_an_identifier_of_another_range_is_kept_as_unverified() -> None:
    (row,) = judged("health", record("health", {"nhs_number": "999 000 0018"})).accepted.to_pylist()
    assert row["nhs_number"] == "9990000018"
    assert row["unverified"] == ["nhs_number"]


def test_one_identifier_on_two_children_is_unverified_on_both() -> None:
    result = judged(
        "health", record("health"), record("health", {"local_patient_id": "P2", "birth_date": "2014-05-05"})
    )
    assert result.accepted["unverified"].to_pylist() == [["nhs_number"], ["nhs_number"]]
    assert result.accepted["nhs_number"].to_pylist() == ["4500000011", "4500000011"]


def test_a_number_on_very_many_children_is_found_without_comparing_them_all() -> None:
    rows = [record("health", {"local_patient_id": str(n), "family_name": f"{n:b}", "given_name": chr(65 + n % 26) * 3})
            for n in range(400)]  # fmt: skip
    for row in rows:
        row["family_name"] = row["family_name"].replace("0", "o").replace("1", "i")
    assert judged("health", *rows).rules["HEALTH-NHS-004"] == 400


def test_default_practice_codes_mean_no_practice() -> None:
    result = judged("health", record("health", {"gp_practice_code": "V81997"}))
    assert outcome(result) == "accepted"
    assert result.accepted["gp_practice_code"].to_pylist() == [None]


def test_a_pseudo_postcode_is_accepted_as_it_is() -> None:
    result = judged("health", record("health", {"postcode": "zz993vz"}))
    assert outcome(result) == "accepted"
    assert result.accepted["postcode"].to_pylist() == ["ZZ99 3VZ"]


def test_a_placeholder_birth_date_is_set_aside_and_the_record_loads() -> None:
    result = judged("health", record("health", {"birth_date": "1900-01-01"}))
    assert broken(result) == {"HEALTH-BIRTH-003"}
    assert result.accepted["birth_date"].to_pylist() == [None]


def test_names_that_look_like_nothing_stay() -> None:
    (row,) = judged("health", record("health", {"family_name": "Null", "given_name": "N/A"})).accepted.to_pylist()
    assert (row["family_name"], row["given_name"], row["outcome"]) == ("Null", "N/A", "accepted")


def test_a_police_record_without_name_and_birth_date_is_accepted() -> None:
    nobody = {"surname": None, "forenames": None, "date_of_birth": None}
    assert outcome(judged("police", record("police", nobody))) == "accepted"


def test_a_sensitive_involvement_without_a_basis_is_kept_nowhere() -> None:
    secret = {"team": "Clinic\x07 Q", "worker": "Q" * 200, "contact": None, "start": "soon", "end": None,
              "sensitive": "true", "consent_basis": None}  # fmt: skip
    row = record("social_care")
    row["involvements"] = [secret, *row["involvements"]]
    result = judged("social_care", row)
    assert broken(result) == {"SOCIAL_CARE-CONSENT-003"}
    assert [each["team"] for each in result.accepted["involvements"].to_pylist()[0]] == ["North"]
    assert result.rejects["masked"].to_pylist() == [""]
    assert "Clinic" not in repr(result)


@pytest.mark.parametrize("mark", ["true", None, "?", "yes", "True", "1"])
def test_of_a_sensitive_service_only_its_period_and_its_basis_are_kept(mark: str | None) -> None:
    """A mark that is not plainly "false" makes it sensitive; a name too long or damaged is not judged either."""
    secret = {"team": "Clinic\x07 Q", "worker": "Q" * 200, "contact": "020", "start": "2020-01-01", "end": None,
              "sensitive": mark, "consent_basis": "explicit_consent"}  # fmt: skip
    row = record("social_care")
    row["involvements"] = [secret, *row["involvements"]]
    result = judged("social_care", row)
    kept, other = result.accepted["involvements"].to_pylist()[0]
    assert kept == {"team": None, "worker": None, "contact": None, "start": date(2020, 1, 1), "end": None,
                    "sensitive": True, "consent_basis": "explicit_consent"}  # fmt: skip
    assert other["team"] == "North"
    rule = {"true": set(), None: {"SOCIAL_CARE-CONSENT-004"}}.get(mark, {"SOCIAL_CARE-CONSENT-001"})
    assert broken(result) == rule


def test_a_service_without_a_mark_and_without_a_basis_is_kept_nowhere() -> None:
    row = record("social_care")
    row["involvements"] = [{**row["involvements"][0], "sensitive": None}]
    result = judged("social_care", row)
    assert broken(result) == {"SOCIAL_CARE-CONSENT-003"}
    assert result.accepted["involvements"].to_pylist() == [[]]


def test_a_shield_without_authoriser_shields_and_is_queried() -> None:
    result = judged("social_care", record("social_care", {"shield.by": None}))
    assert outcome(result) == "queried"
    assert result.accepted["shield"].to_pylist()[0]["requested"] is True


@pytest.mark.parametrize(
    ("agency", "path", "value"), [("social_care", "shield.requested", "ja"), ("health", "confidentiality", "Y")]
)
def test_an_unreadable_request_for_a_shield_counts_as_one(agency: str, path: str, value: str) -> None:
    (row,) = judged(agency, record(agency, {path: value})).accepted.to_pylist()
    assert (row["shield"]["requested"] is True) if agency == "social_care" else row["confidentiality"] == "S"


def test_a_rejected_record_that_asks_for_a_shield_says_so() -> None:
    result = judged(
        "health", record("health", {"confidentiality": "S", "birth_date": None}), record("health", {"birth_date": "x"})
    )
    assert result.rejects["asks_shield"].to_pylist() == [True, True, False, False]


def test_a_withdrawal_needs_its_key_only_and_nothing_else_of_it_is_kept() -> None:
    row = record("health", {"nhs_number": "junk", "birth_date": "x"}) | {"change": "withdraw"}
    result = judged("health", row, delta=True)
    (kept,) = result.accepted.to_pylist()
    assert (kept["outcome"], kept["change"]) == ("accepted", "withdraw")
    assert {name for name, value in kept.items() if value} <= {
        "position",
        "line",
        "key",
        "change",
        "outcome",
        "local_patient_id",
    }


def test_a_withdrawn_child_needs_its_key_only() -> None:
    result = judged("social_care", {"la_child_id": "S1", "withdrawn": "true"})
    assert outcome(result) == "accepted"


def test_a_value_breaks_one_rule_of_its_column_and_others_are_still_judged() -> None:
    result = judged("health", record("health", {"nhs_number": "123", "postcode": "XX", "birth_date": "1950-01-01"}))
    assert broken(result) == {"HEALTH-NHS-002", "HEALTH-POSTCODE-001", "HEALTH-BIRTH-005"}


def test_reject_ids_are_stable_and_differ_by_authority_record_and_rule() -> None:
    def ids(authority: str, rows: list[dict[str, Any]]) -> list[str]:
        return (
            judge(read("health", rows), contract("health"), NIGHT, authority=authority).rejects["reject_id"].to_pylist()
        )

    one, other = record("health", {"gender": "x"}), record("health", {"local_patient_id": "P2", "gender": "x"})
    assert ids("330", [one, other]) == list(reversed(ids("330", [other, one])))
    assert len({*ids("330", [one, other]), *ids("331", [one, other])}) == 4


def test_masks_show_the_shape_of_the_very_value_that_broke_the_rule() -> None:
    row = record("social_care", {"carers": [{"name": "Fine"}, {"name": "B\x07ad"}], "address.postcode": "XX 12-é"})
    masks = {each["rule"]: each["masked"] for each in judged("social_care", row).rejects.to_pylist()}
    assert masks["SOCIAL_CARE-CARER-002"] == "A?AA"
    assert masks["SOCIAL_CARE-POSTCODE-001"] == "AA 99-A"


def test_a_contract_that_would_lose_values_without_a_word_is_refused() -> None:
    sound = contract("health")
    columns = tuple(
        dataclasses.replace(column, rules=tuple(rule for rule in column.rules if rule.check != "date_real"))
        for column in sound.columns
    )
    with pytest.raises(IsindexError, match="CONTRACT_INCOMPLETE"):
        judge(read("health", []), dataclasses.replace(sound, columns=columns), NIGHT)
