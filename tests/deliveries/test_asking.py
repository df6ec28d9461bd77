"""Who asks to be protected, in every kind of file and however broken the record is, and by what the child could be told."""

import json

import pyarrow as pa
import pytest

from pipelines.deliveries.readers.result import assemble
from pipelines.seams import conform
from pipelines.seams.deliveries import ASKING
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
    named,
    patient,
    read,
    xml_of,
)

SHIELD = {"requested": True, "by": "A Manager", "reason_code": "other"}
MARKS = {"S": True, " S ": True, "s": False, "X": False, "NULL": False, "false": False, "\u00a0S": True}
BLANKS = ("", " ", "\u00a0", "\u200b")


@pytest.mark.parametrize("kind", ["csv", "xml", "parquet"])
def test_a_mark_asks_unless_it_is_blank(tmp_path, kind):
    rows = [patient(n, confidentiality=mark) for n, mark in enumerate([*MARKS, *BLANKS], start=1)]
    if kind == "xml":
        result = read(tmp_path, xml_of(*map(element, rows)), PATIENTS)
    else:
        result = read(tmp_path, csv_of(rows) if kind == "csv" else pa.Table.from_pylist(rows), HEALTH)
    assert asking(result) == {n: ("confidentiality", clear) for n, clear in enumerate(MARKS.values(), start=1)}
    conform(result.asking, ASKING)
    assert [each["key"] for each in result.asking.to_pylist()] == [f"P{n}" for n in range(1, len(MARKS) + 1)]


@pytest.mark.parametrize(
    ("shield", "said"),
    [
        *((shield, None) for shield in (None, {}, {"requested": False}, {"requested": False, "by": "x"})),
        *(
            (shield, None)
            for shield in ({"requested": None}, {"requested": None, "by": None, "reason_code": ""}, False, "")
        ),
        *((shield, True) for shield in (SHIELD, {"requested": True}, {"requested": True, "by": 5})),
        *((shield, False) for shield in (True, "yes", "false", 1, 0, [], [SHIELD], [None])),
        *(
            (shield, False)
            for shield in ({"requested": "true"}, {"requested": 1}, {"requested": "false"}, {"requested": 0})
        ),
        *((shield, False) for shield in ({"Requested": True}, {"requestd": True}, {"requested": False, "x": None})),
        *((shield, False) for shield in ({"by": "x"}, {"requested": {}}, {"requested": False, "by": ["x"]})),
    ],
    ids=str,
)
def test_a_shield_asks_unless_it_is_plainly_none(tmp_path, shield, said):
    result = read(tmp_path, jsonl_of(CHILD | {"shield": None}, CHILD | {"shield": shield}), SOCIAL_CARE)
    assert asking(result) == ({} if said is None else {2: ("shield", said)})


@pytest.mark.parametrize(
    "line",
    [
        '{"la_child_id":"C1","shield":{"requested":true,"requested":false}}',
        '{"la_child_id":"C1","shield":{"requested":false,"requested":true}}',
        '{"la_child_id":"C1","shield":null,"shield":{"requested":true}}',
        '{"la_child_id":"C1","shield":{"requested":true},"shield":null}',
        '{"la_child_id":"C1","shield":null,"Shield":{"requested":true}}',
        '{"la_child_id":"C1","shield":{"requested":false},"shields":true}',
    ],
)
def test_a_request_given_twice_asks(tmp_path, line):
    result = read(tmp_path, jsonl_of(CHILD, line), SOCIAL_CARE)
    assert asking(result) == {2: ("shield", False)}
    assert result.asking["key"].to_pylist() == ["C1"]


def test_a_request_of_the_wrong_shape_loads_and_is_read_as_neither_yes_nor_no(tmp_path):
    documents = [CHILD | {"shield": shield} for shield in (True, [SHIELD], {"Requested": True}, SHIELD)]
    result = read(tmp_path, jsonl_of(*documents), SOCIAL_CARE)
    assert [each["requested"] for each in result.records["shield"].to_pylist()] == ["?", "?", "?", "true"]
    assert result.unreadable.num_rows == 0


@pytest.mark.parametrize(
    ("withdrawn", "said"),
    [
        (True, False),
        (False, False),
        (None, False),
        ("true", False),
        ("yes", True),
        (1, True),
        ([True], True),
        ({}, False),
    ],
)
def test_a_withdrawal_that_nobody_understands_asks(tmp_path, withdrawn, said):
    result = read(tmp_path, jsonl_of(CHILD | {"withdrawn": withdrawn}), SOCIAL_CARE)
    assert asking(result) == ({1: ("withdrawn", False)} if said else {})


def test_a_withdrawn_record_that_asks_is_told_and_so_is_a_withdrawal_in_a_delta(tmp_path):
    child = CHILD | {"shield": SHIELD, "withdrawn": True}
    assert asking(read(tmp_path, jsonl_of(child), SOCIAL_CARE)) == {1: ("shield", True)}
    for change in ("withdraw", "upsert", "nonsense"):
        documents = jsonl_of(CHILD | {"shield": SHIELD, "change": change})
        assert asking(read(tmp_path, documents, SOCIAL_CARE, delta=True)) == {1: ("shield", True)}
        row = patient(confidentiality="S") | {"change": change}
        assert asking(read(tmp_path, csv_of([row]), HEALTH, delta=True)) == {1: ("confidentiality", True)}


def test_what_names_the_child_is_handed_on_as_delivered(tmp_path):
    row = patient(
        nhs_number=" 943 476 5919",
        given_name="Ann",
        address_line_1="1 High Street",
        postcode="aa1 1aa ",
        confidentiality="S",
    )
    assert named(read(tmp_path, csv_of([row]), HEALTH), 1) == [
        ("key", "P1"), ("nhs_number", " 943 476 5919"), ("family_name", "Ham"), ("given_names", "Ann"),
        ("birth_date", "2015-01-02"), ("address_line", "1 High Street"), ("postcode", "aa1 1aa "),
    ]  # fmt: skip
    assert named(read(tmp_path, jsonl_of(CHILD | {"shield": SHIELD}), SOCIAL_CARE), 1) == [
        ("key", "C1"), ("nhs_number", "9434765919"), ("name.family", "Ham"), ("name.given", "Ann"), ("name.family", "O'Old"),
        ("birth_date", "2015-01-02"), ("address.lines", "1 High Street"), ("address.postcode", "AA1 1AA"),
    ]  # fmt: skip


# ---- damaged records -----------------------------------------------------------------------------------------------

ASKS = json.dumps(CHILD | {"shield": SHIELD})
NONE = json.dumps(CHILD | {"shield": None})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (ASKS[:-1], True),
        (ASKS[:-30], True),
        (ASKS.replace('"shield":', '"Sheild" :')[:-1], True),
        (ASKS.replace('"', "'"), True),
        (ASKS[:-1] + ',"x":"\\ud800"}', True),
        (ASKS[:-1] + ',"x":"a\\u0000"}', True),
        (ASKS[:-1] + ',"x":' + "[" * 2_000 + "]" * 2_000 + "}", True),
        (ASKS[:-1] + ',"x":"' + "a" * 1_100_000 + '"}', True),
        (ASKS[:-1] + ',"names":"Ham"}', True),
        (f"[{ASKS}]", True),
        (NONE[:-1], False),
        (NONE[:-1] + ',"names":"Ham"}', False),
        (json.dumps(CHILD | {"shield": {}})[:-1], False),
        (json.dumps(CHILD | {"shield": {"requested": False}})[:-1], False),
        (json.dumps(CHILD)[:-1], False),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_a_damaged_line_asks_when_a_request_can_be_seen_in_it(tmp_path, line, said):
    result = read(tmp_path, jsonl_of(CHILD, line), SOCIAL_CARE)
    assert result.unreadable["position"].to_pylist() == [2]
    assert list(asking(result)) == ([2] if said else [])
    if said and not line.startswith("{'"):
        told = named(result, 2)
        assert {("key", "C1"), ("nhs_number", "9434765919"), ("address.lines", "1 High Street")} <= set(told)
        assert ("name.family", "O'Old") in told or '"names":"Ham"' in line


def test_bytes_without_meaning_hide_no_request(tmp_path):
    text = jsonl_of(CHILD, CHILD | {"shield": SHIELD, "upn": "\u00e9\u00e9\u00e9"}, CHILD).encode()
    broken = text.replace(b"\\u00e9\\u00e9", "\u00e9\u00e9\u00e9".encode() + b"\xff")
    result = read(tmp_path, broken, SOCIAL_CARE)
    assert result.unreadable["rule"].to_pylist() == ["RECORD-ENCODING"]
    assert list(asking(result)) == [2]
    rows = csv_of([patient(1), patient(2, given_name="\u00e9\u00e9\u00e9?", confidentiality="S"), patient(3)]).encode()
    result = read(tmp_path, rows.replace(b"?", b"\xff"), HEALTH)
    assert result.unreadable["rule"].to_pylist() == ["RECORD-ENCODING"]
    assert asking(result) == {2: ("confidentiality", True)}


WIDTH = len(HEALTH.column_names)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda row: row[:-2], True),
        (lambda row: row[1:], True),
        (lambda row: [*row, "x"], True),
        (lambda row: [row[0], "x", *row[1:]], True),
        (lambda row: [*row[:3], '"Ham', *row[3:]], True),
        (lambda row: [*row[:3], "\0", *row[4:]], True),
        (lambda row: [*row, ""] if row[19:20] != ["S"] else [*row[:19], "s ", *row[20:], ""], True),
        (lambda row: [*row[:19], "X", *row[20:], ""], True),
        (lambda row: [*row[:19], "", *row[20:], ""], False),
        (lambda row: [*row[:19], "", "A Carer", "mother", "x"], False),
    ],
)
def test_a_damaged_row_asks_when_its_mark_can_be_seen(tmp_path, damage, said):
    assert HEALTH.column_names[19] == "confidentiality"
    row = [patient(2, confidentiality="S", postcode="AA1 1AA")[name] for name in HEALTH.column_names]
    text = csv_of([patient(1)]) + ",".join(damage(row)) + "\n" + csv_of([patient(3)]).split("\n")[1] + "\n"
    result = read(tmp_path, text, HEALTH)
    assert result.unreadable["position"].to_pylist() == [2]
    assert list(asking(result)) == ([2] if said else [])
    if said:
        told = named(result, 2)
        assert ("nhs_number", "943 476 5919") in told
        assert ("postcode", "AA1 1AA") in told


@pytest.mark.parametrize(
    "inside",
    [
        "<confidentiality>S</confidentialit></Patient>\n",
        "<confidentiality>S</confidentiality></Patient>\n".replace("</Patient>", ""),
        "<confidentiality>S</Patient>\n",
        "<confidentiality>S</confidentiality>&nothing;</Patient>\n",
    ],
)
def test_a_broken_element_asks_when_its_mark_can_be_seen(tmp_path, inside):
    torn = element(patient(2)).replace("</Patient>\n", inside)
    for records in ([element(patient(1)), torn, element(patient(3))], [element(patient(1)), torn]):
        result = read(tmp_path, xml_of(*records), PATIENTS)
        (row,) = result.asking.to_pylist()
        assert row["asked"] == "confidentiality"
        assert {"concept": "key", "value": "P2"} in row["named"]
        quiet = [each.replace(">S", ">") for each in records]
        assert not asking(read(tmp_path, xml_of(*quiet), PATIENTS))


def test_values_too_large_hide_no_request(tmp_path):
    result = read(tmp_path, csv_of([patient(1, given_name="x" * 20_000, confidentiality="S")]), HEALTH)
    assert result.unreadable["rule"].to_pylist() == ["RECORD-TOO-LARGE"]
    assert asking(result) == {1: ("confidentiality", True)}


def test_positions_run_on_over_the_files_of_a_delivery(tmp_path):
    from pipelines.deliveries.readers.jsonl import read_jsonl

    path = tmp_path / "file"
    path.write_text(jsonl_of(CHILD, ASKS[:-1], ASKS))
    parts = [read_jsonl(path, "file", SOCIAL_CARE, delta=False)] * 2
    result = assemble(parts, SOCIAL_CARE, delta=False, lost=0, findings=())
    assert list(asking(result)) == [2, 3, 5, 6]


def test_nothing_of_those_who_ask_is_shown(tmp_path):
    result = read(tmp_path, jsonl_of(ASKS, ASKS[:-1]), SOCIAL_CARE)
    assert len(result.asking) == 2
    assert "Ham" not in repr(result)
    assert "Ham" not in str(result.findings)
    assert codes(result) == set()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda child: {"person": child},
        lambda child: {"a": {"b": [1, {"c": child}]}},
        lambda child: {"record": {**child, "shield": None, "Shield": SHIELD}},
        lambda child: {"record": child, "names": [{"family": "Other"}]},
    ],
)
def test_a_record_within_an_unknown_object_is_not_loaded_and_what_it_asks_for_names_its_child(tmp_path, wrap):
    plain = read(tmp_path, jsonl_of({**CHILD, "shield": SHIELD}), SOCIAL_CARE)
    result = read(tmp_path, jsonl_of({**CHILD, "la_child_id": "C0"}, wrap({**CHILD, "shield": SHIELD})), SOCIAL_CARE)
    assert list(asking(result)) == [2]
    assert named(result, 2) == named(plain, 1)
    assert [each["key"] for each in result.asking.to_pylist()] == ["C1"]
    assert result.records["key"].to_pylist() == ["C0"]
    assert result.unreadable["position"].to_pylist() == [2]


def test_a_record_that_has_its_key_keeps_it_whatever_is_in_an_unknown_object(tmp_path):
    inside = {**CHILD, "la_child_id": "C2", "shield": SHIELD}
    result = read(tmp_path, jsonl_of({**CHILD, "x": inside}, {"x": {**CHILD, "la_child_id": "C3"}}), SOCIAL_CARE)
    assert asking(result)[1] == ("shield", False)
    assert result.records["key"].to_pylist()[0] == "C1"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("<Patients>", "<!DOCTYPE Patients><Patients>"),
        lambda text: text.replace("Patients>", "patients>"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16") + b" ",
        lambda text: text.encode("utf-16")[:100] + text.encode("utf-16")[101:],
        lambda text: text.replace("<Patients>", '<Patients><Patient x="'),
    ],
    ids=["a document type", "another outermost element", "UTF-16", "a byte more", "a byte less", "no XML"],
)
def test_who_asks_in_xml_that_is_refused_as_a_whole_is_heard_one_by_one(tmp_path, spoil):
    rows = [element(patient(n, confidentiality="S" if n != 2 else "")) for n in (1, 2, 3)]
    result = read(tmp_path, spoil(xml_of(*rows)), PATIENTS)
    assert [each["key"] for each in result.asking.to_pylist()] == ["P1", "P3"]


def test_a_record_of_xml_whose_tag_is_cut_off_is_heard(tmp_path):
    rows = [element(patient(n, confidentiality="S" if n != 2 else "")) for n in (1, 2, 3)]
    alone = read(tmp_path, rows[2].replace("<Patient>", "") + "</Patients>", PATIENTS)
    between = read(tmp_path, xml_of(*rows[:2], rows[2].replace("<Patient>", "<Patnt>")), PATIENTS)
    hidden = read(tmp_path, xml_of(rows[1].replace("<Patient>", ""), f"<!-- {rows[2]} -->"), PATIENTS)
    assert [each["key"] for each in alone.asking.to_pylist()] == ["P3"]
    assert {each["key"] for each in between.asking.to_pylist()} == {"P1", "P3"}
    assert hidden.asking.num_rows == 0


def test_two_stray_quotation_marks_hide_no_mark_between_them(tmp_path):
    row = patient(1, confidentiality="S", carer_name="Maud")
    text = csv_of([row, patient(2), patient(3)])
    spoilt = text.replace("2015-01-02", '"2015-01-02', 1).replace("Maud", 'Maud"', 1)
    result = read(tmp_path, spoilt, HEALTH)
    assert [each["key"] for each in result.asking.to_pylist() if each["key"]] == ["P1"]
    assert result.records["key"].to_pylist() == ["P2", "P3"]
