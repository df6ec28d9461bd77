"""Lists and Parquet whose header is not the contract's: refused as they are, and whoever asks in them is heard by name.

Belongs here: one file of health with another header, separator or form. Not here: single rows (`test_asking`), protective columns that
alone are spelled otherwise (`test_protective_columns`), whole deliveries (`test_heard_all_the_same`).
"""

import json

import pyarrow as pa
import pytest

from tests.deliveries.protective_files import (
    CHILD,
    HEALTH,
    PERSON,
    SOCIAL_CARE,
    asking,
    codes,
    csv_of,
    jsonl_of,
    named,
    patient,
    read,
)

SEEN = {("key", "P2"), ("family_name", "Ham"), ("birth_date", "2015-01-02")}


def lines(text):
    return text.splitlines()


def under(change):
    return lambda text: "\n".join([change(lines(text)[0]), *lines(text)[1:]]) + "\n"


FORMS = {
    "capitals": under(str.upper),
    "title": under(str.title),
    "blanks": under(lambda head: head.replace("_", " ")),
    "blanks in capitals, quoted": under(lambda head: ", ".join(f'"{each}"' for each in head.replace("_", " ").upper().split(","))),
    "semicolons": lambda text: text.replace(",", ";"),
    "tabs": lambda text: text.replace(",", "\t"),
    "pipes": lambda text: text.replace(",", "|"),
    "semicolons and capitals": lambda text: under(str.upper)(text.replace(",", ";")),
    "a title before it": lambda text: "Patients of 20 November 2026, all of them\n\n" + text,
    "many empty lines before it": lambda text: "\n \n" * 30 + under(str.upper)(text),
    "a separator's line before it": lambda text: "sep=;\r\n" + text.replace(",", ";"),
    "lines quoted as a whole": lambda text: "".join(f'"{each}"\n' for each in lines(text)),
    "a stray mark before it": lambda text: '"' + text,
    "a stray mark in it": lambda text: text.replace(",gender", ',"gender', 1),
    "none": lambda text: "\n".join(lines(text)[1:]) + "\n",
    "none, and semicolons": lambda text: "\n".join(lines(text.replace(",", ";"))[1:]) + "\n",
    "other ends of lines": lambda text: text.replace("\n", "\u2028"),
    "a key under another name": under(lambda head: head.replace("local_patient_id", "Patient ID")),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_who_asks_under_another_header_is_heard_by_name_and_the_list_is_refused(tmp_path, form):
    rows = [patient(1), patient(2, confidentiality="S"), patient(3)]
    result = read(tmp_path, FORMS[form](csv_of(rows)), HEALTH)
    assert [each["asked"] for each in result.asking.to_pylist()] == ["confidentiality"]
    (row,) = result.asking.to_pylist()
    told = {(each["concept"], each["value"]) for each in row["named"]}
    assert told >= (SEEN - {("key", "P2")} if "key" in form else SEEN)
    assert result.records.num_rows == 0 or any(each.severity == "refuse" for each in result.findings)
    assert "Ham" not in str(result.findings)


@pytest.mark.parametrize("form", FORMS)
def test_nobody_asks_under_another_header_where_nobody_asks(tmp_path, form):
    rows = [patient(n, carer_name="Maud S Ham", given_name="S", gender="M") for n in range(1, 6)]
    assert not asking(read(tmp_path, FORMS[form](csv_of(rows)), HEALTH))


def test_a_mark_in_a_column_that_nobody_knows_is_heard_by_name(tmp_path):
    rows = [patient(1), patient(2, confidentiality="S"), patient(3)]
    text = csv_of(rows).replace("confidentiality", "protected")
    assert set(named(read(tmp_path, text, HEALTH), 2)) >= SEEN
    assert list(asking(read(tmp_path, text, HEALTH))) == [2]


def test_a_mark_of_which_no_name_can_be_told_is_heard(tmp_path):
    text = "P1,Ham,,2015-01-02\nP2,Ham,S,2015-01-02\nP3,Ham,,2015-01-02\n"
    for told in (text, text.replace(",", ";")):
        assert list(asking(read(tmp_path, told, HEALTH))) == [2]
        assert not asking(read(tmp_path, told.replace("S", ""), HEALTH))
        assert codes(read(tmp_path, told, HEALTH)) == {"UNREADABLE"}


def test_what_is_no_text_does_not_ask(tmp_path):
    noise = bytes(range(256)) * 20 + b",S,\n,S,\n"
    assert not asking(read(tmp_path, noise, HEALTH))


def test_rows_with_another_separator_than_the_header_are_heard_by_name(tmp_path):
    head, *rows = lines(csv_of([patient(1), patient(2, confidentiality="S"), patient(3)]))
    result = read(tmp_path, "\n".join([head, *(row.replace(",", ";") for row in rows)]) + "\n", HEALTH)
    assert list(asking(result)) == [2]
    assert set(named(result, 2)) >= SEEN
    assert result.records.num_rows == 0


@pytest.mark.parametrize("change", [str.upper, str.title, lambda name: name.replace("_", " ")])
def test_parquet_with_names_in_other_letters_is_refused_and_heard_by_name(tmp_path, change):
    rows = [patient(1), patient(2, confidentiality="S"), patient(3)]
    table = pa.Table.from_pylist([{change(name): value for name, value in row.items()} for row in rows])
    result = read(tmp_path, table, HEALTH)
    assert list(asking(result)) == [2]
    assert set(named(result, 2)) >= SEEN
    assert any(each.severity == "refuse" for each in result.findings)
    quiet = pa.Table.from_pylist([{change(name): value for name, value in patient(1).items()}])
    assert not asking(read(tmp_path, quiet, HEALTH))


# ---- JSON lines ----------------------------------------------------------------------------------------------------

SHIELD = {"requested": True, "by": "A Manager", "reason_code": "other"}
ASKS = json.dumps(CHILD | {"carers": [], "shield": SHIELD})
DOCUMENTS = {
    "first quotation mark missing": lambda text: text.replace('"shield"', 'shield"'),
    "last quotation mark missing": lambda text: text.replace('"shield"', '"shield'),
    "colon missing": lambda text: text.replace('"shield":', '"shield"'),
    "colon and blank missing": lambda text: text.replace('"shield": ', '"shield"'),
    "no quotation marks at the key": lambda text: text.replace('"shield"', "shield"),
    "no quotation marks at any key": lambda text: text.replace('": ', ": ").replace(', "', ", ").replace('{"', "{"),
    "an equals sign": lambda text: text.replace('"shield":', '"shield" ='),
    "curly": lambda text: text.replace('"', "\u201c"),
    "curly pairs": lambda text: "".join("\u201c" if each == '"' else each for each in text),
    "escaped": lambda text: text.replace('"', '\\"'),
    "a text": json.dumps,
    "a text in a text": lambda text: json.dumps(json.dumps(text)),
    "a text that is cut": lambda text: json.dumps(text)[:-2],
    "pairs": lambda text: json.dumps([[name, value] for name, value in json.loads(text).items()]),
    "names and values": lambda text: json.dumps([{"name": name, "value": value} for name, value in json.loads(text).items()]),
    "values and names": lambda text: json.dumps([{"v": value, "k": name} for name, value in json.loads(text).items()]),
    "fields": lambda text: json.dumps({"fields": [{"name": name, "value": value} for name, value in json.loads(text).items()]}),
    "capitals": lambda text: json.dumps({name.upper(): value for name, value in json.loads(text).items()}),
    "camels": lambda text: json.dumps({name.title().replace("_", ""): value for name, value in json.loads(text).items()}),
    "over lines": lambda text: json.dumps(json.loads(text), indent=1),
}  # fmt: skip


@pytest.mark.parametrize("form", DOCUMENTS)
def test_a_mark_in_a_document_of_another_form_is_heard_by_name(tmp_path, form):
    other = [] if form == "over lines" else [CHILD | {"la_child_id": "C0"}]
    result = read(tmp_path, jsonl_of(*other, DOCUMENTS[form](ASKS)), SOCIAL_CARE)
    assert [each["asked"] for each in result.asking.to_pylist()] == ["shield"]
    (row,) = result.asking.to_pylist()
    told = {(each["concept"], each["value"]) for each in row["named"]}
    assert told >= {("key", "C1"), ("nhs_number", "9434765919"), ("address.postcode", "AA1 1AA")}
    assert result.records["key"].to_pylist() == ["C0"] * len(other)


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("shield", [None, {"requested": False}, {}, "no mark at all"])
def test_a_document_of_another_form_that_does_not_ask_is_not_heard(tmp_path, form, shield):
    child = (
        CHILD
        | {"lead_professional": "see the family's shield"}
        | ({} if isinstance(shield, str) else {"shield": shield})
    )
    other = [] if form == "over lines" else [CHILD | {"la_child_id": "C0"}]
    result = read(tmp_path, jsonl_of(*other, DOCUMENTS[form](json.dumps(child))), SOCIAL_CARE)
    assert not asking(result)


@pytest.mark.parametrize(
    "text",
    [
        'the shield of the family, "requested" by nobody', "no shield", '"shield", not asked for', "shield of arms", "\u201cshield\u201d",
        "a \\\"shield\\\" was told of",
    ],
)  # fmt: skip
def test_a_word_in_a_text_does_not_ask_though_its_document_is_damaged(tmp_path, text):
    for document in (json.dumps(CHILD | {"note": text})[:-1], json.dumps(CHILD)[:-1] + f', "note": "{text}"'):
        assert not asking(read(tmp_path, jsonl_of(CHILD, document), SOCIAL_CARE))


def test_a_list_in_a_document_that_is_no_record_asks_for_nothing(tmp_path):
    lists = [
        [["a", "b"]],
        [[1, 2]],
        [{"name": "upn", "value": "shield"}],
        {"x": [["y", {"requested": True}]]},
        ["shield", True],
    ]
    assert not asking(read(tmp_path, jsonl_of(CHILD, *map(json.dumps, lists)), SOCIAL_CARE))
    assert PERSON["family_name"] == "Ham"
