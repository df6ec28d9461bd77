"""JSON lines: sound, odd and damaged documents."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.deliveries.readers.jsonl import read_jsonl


@pytest.fixture
def read(tmp_path, social_care):
    def reader(content, *, delta=False):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_jsonl(path, "social_care.jsonl", social_care, delta=delta)

    return reader


def codes_of(part):
    return {each.code: each.severity for each in part.findings}


GOOD = b'{"id":"1","names":[{"family":"A","given":"B"}],"address":{"lines":["x","y"],"postcode":"P"},"flagged":true}\n'


def test_a_document_is_read_with_what_lies_below_it(read):
    row = read(GOOD).records.to_pylist()[0]
    assert row == {
        "position": 1, "line": 1, "id": "1", "upn": None, "names": [{"family": "A", "given": "B"}],
        "address": {"lines": ["x", "y"], "postcode": "P"}, "flagged": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("damaged", "rule"),
    [
        (b'{"id":"2",', "RECORD-UNREADABLE"),
        (b"[1]", "RECORD-UNREADABLE"),
        (b'"text"', "RECORD-UNREADABLE"),
        (b'{"id":"2","upn":"a\\u0000b"}', "RECORD-UNREADABLE"),
        (b'{"id":"2","upn":"a\x00b"}', "RECORD-UNREADABLE"),
        (b'{"id":"2","x":' + b"[" * 90_000 + b"]" * 90_000 + b"}", "RECORD-UNREADABLE"),
        (b'{"id":"2","x":' + b'{"a":' * 2_000 + b"1" + b"}" * 2_000 + b"}", "RECORD-UNREADABLE"),
        (b'{"id":"2","x":' + b"[" * 130 + b"]" * 130 + b"}", "RECORD-UNREADABLE"),
        (b'{"id":"2","x":"a","y":' + b'{"a":[' * 65 + b"1" + b"]}" * 65 + b"}", "RECORD-UNREADABLE"),
        (b'{"id":"2","x":"a\\"]]","y":' + b"[" * 70 + b"]" * 70 + b"}", "RECORD-UNREADABLE"),
        (b'{"id":"2","x":"' + b"a" * 2_000_000 + b'"}', "RECORD-TOO-LARGE"),
        (b'{"id":"2","names":"A"}', "RECORD-SHAPE"),
        (b'{"id":"2","names":{"family":"A"}}', "RECORD-SHAPE"),
        (b'{"id":"2","names":["A"]}', "RECORD-SHAPE"),
        (b'{"id":"2","names":[{"family":["A"]}]}', "RECORD-SHAPE"),
        (b'{"id":"2","address":"1 High Street"}', "RECORD-SHAPE"),
        (b'{"id":"2","address":[]}', "RECORD-SHAPE"),
        (b'{"id":"2","address":{"lines":"x"}}', "RECORD-SHAPE"),
        (b'{"id":"2","address":{"lines":[["x"]]}}', "RECORD-SHAPE"),
        (b'{"id":{"secret":1}}', "RECORD-SHAPE"),
        (b'{"id":"2","id":"3"}', "RECORD-SHAPE"),
        (b'{"id":"2","upn":"\\ud800"}', "RECORD-UNREADABLE"),
        ('{"id":"2","upn":"éé'.encode() + b'\xff"}', "RECORD-ENCODING"),
    ],
)
def test_a_damaged_document_costs_only_itself(read, damaged, rule):
    part = read(GOOD + damaged + b"\n\n" + GOOD)
    assert part.damaged == [(2, 2, rule)]
    assert part.records["position"].to_pylist() == [1, 3]
    assert part.records["line"].to_pylist() == [1, 4]
    assert "secret" not in str(part.findings)


@pytest.mark.parametrize(
    "sound",
    [
        b'{"id":"2","x":"' + b"[{" * 90 + b'"}\n',
        b'{"id":"2","x":"\\"' + b"[" * 90 + b'"}\n',
        b'{"id":"2","x":[' + b"[1]," * 200 + b"[1]]}\n",
    ],
    ids=["in a text", "after a quote in a text", "beside each other"],
)
def test_brackets_are_counted_where_they_stand_within_each_other(read, sound):
    part = read(GOOD + sound)
    assert not part.damaged and part.records.num_rows == 2


def test_scalars_are_taken_as_their_text(read):
    row = read(b'{"id":12345678901,"upn":true,"flagged":"yes","address":{"lines":[1,null,""]}}\n').records.to_pylist()[
        0
    ]
    assert (row["id"], row["upn"], row["flagged"]) == ("12345678901", "true", "yes")
    assert row["address"]["lines"] == ["1"]


def test_keys_outside_the_contract_are_named_at_every_depth_and_dropped(read):
    part = read(
        b'{"id":"1","ethnicity":"s3cret","names":[{"family":"A","religion":"s3cret"}],"address":{"uprn":"s3cret"}}\n'
        b'{"id":"2","names":[null,{"family":"B","note":{"deep":"s3cret"}}]}\n'
    )
    assert set(part.refused) == {"ethnicity", "names[].religion", "names[].note", "address.uprn"}
    assert codes_of(part) == {"COLUMNS_REFUSED": "warn"}
    assert "s3cret" not in str(part)
    assert part.records["names"].to_pylist()[1] == [{"family": "B", "given": None}]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_and_a_byte_order_mark_are_read(read, mark, end):
    part = read(mark + (GOOD + b"\n" + GOOD).replace(b"\n", end))
    assert part.records["line"].to_pylist() == [1, 3]
    assert not part.damaged


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_has_no_records(read, content):
    assert read(content).rows == 0


def test_null_and_empty_are_missing(read):
    row = read(b'{"id":null,"upn":"","names":null,"address":null,"flagged":null}\n').records.to_pylist()[0]
    assert [row[name] for name in ("id", "upn", "names", "address", "flagged")] == [None] * 5


letters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
documents = st.fixed_dictionaries(
    {"id": letters},
    optional={
        "upn": letters,
        "names": st.lists(st.fixed_dictionaries({"family": letters, "given": letters}), max_size=3),
        "address": st.fixed_dictionaries({"lines": st.lists(letters, max_size=3), "postcode": letters}),
    },
)


@pytest.mark.in_full
@settings(max_examples=150, deadline=None)
@given(st.lists(documents, max_size=5), st.booleans())
def test_whatever_is_written_as_json_is_read_back(tmp_path_factory, social_care, records, escaped):
    path = tmp_path_factory.mktemp("jsonl") / "file"
    path.write_text("".join(json.dumps(each, ensure_ascii=escaped) + "\n" for each in records), "utf-8", newline="")
    part = read_jsonl(path, "f", social_care, delta=False)
    assert not part.damaged
    for given_record, row in zip(records, part.records.to_pylist(), strict=True):
        assert row["id"] == (given_record["id"] or None)
        assert row["upn"] == (given_record.get("upn") or None)
        if "names" in given_record:
            assert [[each["family"] or "", each["given"] or ""] for each in row["names"]] == [
                [each["family"], each["given"]] for each in given_record["names"]
            ]
        if "address" in given_record:
            assert row["address"]["lines"] == [line for line in given_record["address"]["lines"] if line]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.text('{}[]":,\\idu0 ', max_size=30).map(str.encode), max_size=6))
def test_no_bytes_at_all_crash_the_reader(tmp_path_factory, social_care, lines):
    path = tmp_path_factory.mktemp("jsonl") / "file"
    path.write_bytes(GOOD + b"\n".join(lines))
    part = read_jsonl(path, "f", social_care, delta=False)
    positions = sorted([*part.records["position"].to_pylist(), *(each[0] for each in part.damaged)])
    assert positions == list(range(1, part.rows + 1))


def test_the_key_of_a_damaged_document_is_made_out_where_it_stands_there_once(read):
    part = read(GOOD + b'{"id": "2", "upn": \n' + b'{"id":"3","id":"4",\n' + b'{"id":["5"]}\n')
    assert [position for position, _, _ in part.damaged] == [2, 3, 4]
    assert part.keys == {2: "2"}
