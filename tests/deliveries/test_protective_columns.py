"""Protective columns: whatever is done to a mark, its record asks or the delivery is refused."""

import json
import string

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.deliveries.readers.protective import meant
from tests.deliveries.protective_files import (
    CHILD,
    HEALTH,
    PATIENTS,
    SOCIAL_CARE,
    asking,
    codes,
    csv_of,
    element,
    jsonl_of,
    patient,
    read,
    xml_of,
)

REFUSED = "PROTECTION_UNREADABLE"
SHIELD = {"requested": True, "by": "A Manager", "reason_code": "other"}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(
            (name, "shield")
            for name in ("Shield", "SHIELD", "Sheild", "shields", "sheld", "shielt", "sh ield", "s_hield")
        ),
        *((name, "shield") for name in ("shield\u200b", "\uff53hield", "\u0455hield", "shield.requested", "shieldBy")),
        *((name, "withdrawn") for name in ("Withdrawn", "with drawn", "withdraw", "witdhrawn")),
        *(
            (name, "confidentiality")
            for name in ("Confidentiality", "confidentialty", "CONFIDENTIALITY ", "confident-iality")
        ),
        *((name, None) for name in ("field", "yield", "child", "shielding_officer", "withdrawal", "drawn", "", "?")),
        *((name, None) for name in ("confidential_notes", "confidence", "confidential", "confidentiality_notes")),
        *((name, None) for name in ("shield", "withdrawn", "confidentiality")),
    ],
)
def test_a_name_was_meant_to_be_a_protective_column_s_or_is_a_foreign_one(name, column):
    found = meant(name, [*SOCIAL_CARE.protective, *HEALTH.protective])
    assert (found.name if found else None) == column


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        (list(HEALTH.column_names), False),
        ([*HEALTH.column_names, "confidential_notes", "field"], False),
        ([*HEALTH.column_names, "confidentiality_notes"], False),
        ([name for name in HEALTH.column_names if name != "confidentiality"], True),
        ([*HEALTH.column_names, "Confidentiality"], True),
        ([*HEALTH.column_names, "confidentiality"], True),
        ([name.replace("confidentiality", "Confidentiality") for name in HEALTH.column_names], True),
        ([name.replace("confidentiality", "confidentialty") for name in HEALTH.column_names], True),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_without_its_protective_columns_is_refused_by_name(tmp_path, kind, header, refused):
    cells = [patient().get(name, "") for name in header]
    if kind == "csv":
        result = read(tmp_path, f"{','.join(header)}\n{','.join(cells)}\n", HEALTH)
    else:
        result = read(tmp_path, pa.Table.from_arrays([pa.array([each]) for each in cells], names=header), HEALTH)
    assert (REFUSED in codes(result)) is refused
    if refused:
        (finding,) = (each for each in result.findings if each.code == REFUSED)
        assert finding.severity == "refuse"
        assert "confidentiality" in finding.message
        assert not {"COLUMNS_MISSING", "COLUMNS_REPEATED"} & codes(result)


@pytest.mark.parametrize("header", ["Confidentiality", "confidentialty", "confidential", "confidentiality_mark"])
def test_a_refused_file_still_tells_who_asks_in_what_was_meant_to_be_the_column(tmp_path, header):
    rows = [patient(1), patient(2, confidentiality="S"), patient(3, confidentiality=" ")]
    text = csv_of(rows).replace("confidentiality", header, 1)
    table = pa.Table.from_pylist(rows)
    renamed = table.rename_columns([header if name == "confidentiality" else name for name in table.column_names])
    for content in (text, renamed):
        result = read(tmp_path, content, HEALTH)
        assert REFUSED in codes(result)
        assert asking(result) == {2: ("confidentiality", False)}


def test_a_file_refused_for_another_column_still_tells_who_asks(tmp_path):
    header = [name for name in HEALTH.column_names if name != "family_name"]
    result = read(tmp_path, csv_of([patient(1), patient(2, confidentiality="S")], header), HEALTH)
    assert {each.code: each.severity for each in result.findings} == {"COLUMNS_MISSING": "refuse"}
    assert asking(result) == {2: ("confidentiality", True)}


@pytest.mark.parametrize(
    "shield",
    [
        pa.array([True, None]),
        pa.array(["yes", None]),
        pa.array([[SHIELD], None]),
        pa.array([{"Requested": True}, None]),
        pa.array([{"requested": True, "sheild": 1}, None]),
        pa.array([{"requested": {"x": True}}, None]),
        pa.array([1, None], pa.timestamp("s", "Mars/X")),
        pa.array([2**62, None], pa.timestamp("us")),
    ],
    ids=lambda array: str(array.type)[:40],
)
def test_a_shield_of_another_kind_in_parquet_refuses_the_file_and_asks(tmp_path, shield):
    table = children_table(shield=shield)
    result = read(tmp_path, table, SOCIAL_CARE)
    assert REFUSED in codes(result)
    assert asking(result) == {1: ("shield", False)}


@pytest.mark.parametrize(
    ("involvement", "named"),
    [
        ({"team": "North", "sensitive": False, "consent_basis": None, "colour": "x"}, ""),
        ({"team": "North", "Sensitive": True, "consent_basis": None}, "involvements[].sensitive"),
        ({"team": "North", "sensitive": False, "sensitve": True}, "involvements[].sensitive"),
        ({"team": "North", "sensitive": False, "consent basis": "x"}, "involvements[].consent_basis"),
    ],
)
def test_protective_columns_within_a_parquet_column_are_held_to_their_names_too(tmp_path, involvement, named):
    result = read(tmp_path, children_table(involvements=pa.array([[involvement], []])), SOCIAL_CARE)
    messages = [each.message for each in result.findings if each.code == REFUSED]
    assert bool(messages) is bool(named)
    assert named in "".join(messages)


def test_a_shield_elsewhere_in_parquet_refuses_the_file(tmp_path):
    table = children_table(address=pa.array([{"postcode": "AA1 1AA", "Shield": True}, None]))
    assert REFUSED in codes(read(tmp_path, table, SOCIAL_CARE))


def test_typed_and_textual_parquet_say_the_same(tmp_path):
    typed = children_table(shield=pa.array([{"requested": False, "by": "x"}, {"requested": True, "by": "x"}]))
    textual = children_table(shield=pa.array([{"requested": "false"}, {"requested": "true"}]))
    for table in (typed, textual):
        result = read(tmp_path, table, SOCIAL_CARE)
        assert REFUSED not in codes(result)
        assert asking(result) == {2: ("shield", True)}


def test_more_than_half_of_the_records_make_a_misspelled_key_the_file_s_fault(tmp_path):
    wrong, right = CHILD | {"Shield": None}, CHILD | {"shield": None}
    assert REFUSED in codes(read(tmp_path, jsonl_of(wrong, wrong, right), SOCIAL_CARE))
    assert REFUSED not in codes(read(tmp_path, jsonl_of(wrong, wrong, right, right), SOCIAL_CARE))
    sheep = [element(patient(n), "<Confidentiality/>" if n < 3 else "<confidentiality/>") for n in range(1, 4)]
    assert REFUSED in codes(read(tmp_path, xml_of(*sheep), PATIENTS))
    assert REFUSED not in codes(read(tmp_path, xml_of(*sheep, element(patient(4))), PATIENTS))


def test_foreign_keys_ask_for_nothing(tmp_path):
    foreign = {
        "field": "x",
        "yield": True,
        "withdrawal": True,
        "confidential": "x",
        "meta": {"withdrawn": True, "child": 1},
    }
    result = read(
        tmp_path, jsonl_of(CHILD | foreign, CHILD | {"shield": SHIELD, "shielding_officer": "x"}), SOCIAL_CARE
    )
    assert asking(result) == {2: ("shield", True)}
    inside = "<Field>x</Field><ConfidentialNotes>x</ConfidentialNotes>"
    assert not asking(read(tmp_path, xml_of(element(patient(confidentiality=""), inside)), PATIENTS))


def children_table(**columns):
    rows = {"la_child_id": ["C1", "C2"], "names": [CHILD["names"], CHILD["names"]]}
    empty = {
        "firewall_from": pa.array([None, ""]),
        "shield": pa.array([None, {"requested": False}]),
        "withdrawn": pa.array([None, False]),
    }
    return pa.table({**rows, **empty, **columns})


# ---- whatever is done to the mark ----------------------------------------------------------------------------------

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_SIGNS = " _-.\u00a0\u200b"


@st.composite
def spelling(draw, name, signs=_SIGNS):
    """`name` in some capitals, with some signs in it, with one slip at most."""
    letters = list(draw(st.sampled_from([name, name.upper(), name.title(), name.swapcase()])))
    place = draw(st.integers(0, len(letters) - 2))
    letter = draw(st.sampled_from(string.ascii_lowercase))
    slip = draw(st.sampled_from(["none", "lost", "added", "other", "swapped"]))
    if slip == "lost":
        del letters[place]
    elif slip == "added":
        letters.insert(place, letter)
    elif slip == "other":
        letters[place] = letter
    elif slip == "swapped":
        letters[place : place + 2] = reversed(letters[place : place + 2])
    if signs and draw(st.booleans()):
        letters.insert(draw(st.integers(1, len(letters) - 1)), draw(st.sampled_from(signs)))
    return "".join(letters)


MARKS = st.sampled_from(["S", "s", " S", "X", "yes", "1", "shielded", "NULL", "S\u00a0"])
TRUTHS = st.sampled_from([True, "true", "yes", 1, "S", 0, [], [SHIELD], [True]])


@st.composite
def requests(draw):
    """A shield in some shape that is not plainly none."""
    inner = draw(st.one_of(st.just("requested"), spelling("requested")))
    said = (
        draw(st.sampled_from([True, "true", 1, "yes", "false", {}, [True]])) if inner == "requested" else draw(TRUTHS)
    )
    return draw(
        st.one_of(TRUTHS, st.just({inner: said}), st.just({inner: said, "by": None}), st.just({"by": "A Manager"}))
    )


def asks_or_refused(result, position):
    return position in asking(result) or any(each.severity == "refuse" for each in result.findings)


@pytest.mark.in_full
@SETTINGS
@given(st.data())
def test_whatever_is_done_to_a_mark_in_a_flat_file(tmp_path, data):
    kind = data.draw(st.sampled_from(["csv", "parquet"]))
    spelled = data.draw(
        st.lists(st.one_of(st.just("confidentiality"), spelling("confidentiality")), min_size=1, max_size=2)
    )
    header = [name for name in HEALTH.column_names if name != "confidentiality"]
    for name in spelled:
        header.insert(data.draw(st.integers(0, len(header))), name)
    marked = spelled[data.draw(st.integers(0, len(spelled) - 1))]
    mark = data.draw(MARKS)
    rows = [[patient(n).get(name, "") for name in header] for n in (1, 2, 3)]
    rows[1][header.index(marked)] = mark
    if kind == "csv":
        content = "\n".join([",".join(header), *(",".join(row) for row in rows)]) + "\n"
    else:
        content = pa.Table.from_arrays([pa.array(each) for each in zip(*rows, strict=True)], names=header)
    result = read(tmp_path, content, HEALTH)
    assert asks_or_refused(result, 2)
    assert set(asking(result)) <= {2}


@pytest.mark.in_full
@SETTINGS
@given(st.data())
def test_whatever_is_done_to_a_shield_in_json_lines(tmp_path, data):
    request = data.draw(requests())
    places = data.draw(st.lists(st.one_of(st.just("shield"), spelling("shield")), min_size=1, max_size=2))
    pairs = [(key, value) for key, value in CHILD.items()]
    for number, name in enumerate(places):
        value = request if number == 0 else data.draw(st.sampled_from([None, {}, {"requested": False}, request]))
        where = data.draw(st.sampled_from(["top", "meta", "address" if number == 0 else "top"]))
        if where == "meta":
            pairs.append((f"meta{number}", [{"deep": {name: value}}]))
        elif where == "address":
            pairs = [(k, v | {name: value} if k == "address" else v) for k, v in pairs]
        else:
            pairs.insert(data.draw(st.integers(0, len(pairs))), (name, value))
    document = "{" + ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}"
    document = document[: len(document) - data.draw(st.sampled_from([0, 0, 1]))]  # broken at its end now and then
    result = read(tmp_path, jsonl_of(CHILD, document, CHILD | {"shield": None}), SOCIAL_CARE)
    assert asks_or_refused(result, 2)
    assert set(asking(result)) <= {2}


@pytest.mark.in_full
@SETTINGS
@given(st.data())
def test_whatever_is_done_to_a_mark_in_xml(tmp_path, data):
    name = data.draw(st.one_of(st.just("confidentiality"), spelling("confidentiality")))
    mark = data.draw(MARKS)
    inside = data.draw(
        st.sampled_from([
            "<{0}>{1}</{0}>", "<{0}><v>{1}</v></{0}>", "<{0} value='{1}'/>", "<{0}>{1}</{0}><{0}></{0}>", "<{0}/><{0}>{1}</{0}>",
            "<more><{0}>{1}</{0}></more>", "<more {0}='{1}'/>", "<n:{0} xmlns:n='urn:n'>{1}</n:{0}>", "<{0}>{1}", "<n:{0}>{1}</n:{0}>",
        ])
    ).format(name, mark)  # fmt: skip
    result = read(tmp_path, xml_of(element(patient(1)), element(patient(2), inside), element(patient(3))), PATIENTS)
    assert asks_or_refused(result, 2)
    assert set(asking(result)) <= {2}


# ---- sensitive services --------------------------------------------------------------------------------------------

OPEN = {"team": "North", "sensitive": False, "consent_basis": None}


@pytest.mark.parametrize(
    ("involvement", "mark", "basis"),
    [
        (OPEN, "false", None),
        (OPEN | {"sensitive": True, "consent_basis": "explicit_consent"}, "true", "explicit_consent"),
        ({"team": "North", "consent_basis": "explicit_consent"}, None, "explicit_consent"),
        (OPEN | {"sensitive": None}, None, None),
        *((OPEN | {"sensitive": mark}, "?", None) for mark in ("true", "false", 1, 0, "yes", "", [False], {})),
        (OPEN | {"Sensitive": False}, "?", None),
        (OPEN | {"sensitve": True}, "?", None),
        ({"team": "North", "Sensitive": False}, "?", None),
        ('{"team":"North","sensitive":false,"sensitive":true}', "?", None),
        ('{"team":"North","sensitive":false,"sensitive":false}', "?", None),
        (OPEN | {"sensitive": True, "consent_basis": ["explicit_consent"]}, "true", None),
        (OPEN | {"sensitive": True, "consent_basis": "explicit_consent", "consent basis": None}, "true", None),
        ('{"team":"North","sensitive":true,"consent_basis":"explicit_consent","consent_basis":null}', "true", None),
        (OPEN | {"colour": "blue", "sensation": True}, "false", None),
    ],
    ids=str,
)
def test_a_service_is_plainly_not_sensitive_or_its_mark_is_unclear(tmp_path, involvement, mark, basis):
    text = involvement if isinstance(involvement, str) else json.dumps(involvement)
    document = json.dumps(CHILD | {"involvements": ["HERE", OPEN]}).replace('"HERE"', text)
    result = read(tmp_path, jsonl_of(CHILD, document), SOCIAL_CARE)
    found, other = result.records["involvements"].to_pylist()[1]
    assert (found["sensitive"], found["consent_basis"]) == (mark, basis)
    assert other["sensitive"] == "false"
    assert not asking(result)
