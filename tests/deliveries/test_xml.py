"""XML files: sound, hostile and broken."""

import pytest

from pipelines.deliveries.readers.xml import read_xml


def pupil(number, **more):
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return f"<Pupil>\n<UPN>U{number}</UPN><URN>1</URN>{inner}</Pupil>\n".encode()


def pupils(*records, head=b'<?xml version="1.0" encoding="UTF-8"?>\n'):
    return head + b"<Pupils>\n" + b"".join(records) + b"</Pupils>\n"


@pytest.fixture
def read(tmp_path, education):
    def reader(content, *, delta=False):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_xml(path, "education.xml", education, delta=delta)

    return reader


def codes_of(part):
    return {each.code: each.severity for each in part.findings}


def upns(part):
    return part.records["UPN"].to_pylist()


def test_pupils_have_true_lines_and_positions(read):
    part = read(pupils(pupil(1, Surname="O'Neill &amp; Sons"), b"<!-- <Pupil> -->\n", pupil(2)))
    assert part.records["position"].to_pylist() == [1, 2]
    assert part.records["Surname"].to_pylist() == ["O'Neill & Sons", None]
    part = read(pupils(pupil(1), pupil(2)))
    assert part.records["line"].to_pylist() == [3, 5]


@pytest.mark.parametrize("prefix", ["", "c:"])
@pytest.mark.parametrize("broken", [False, True])
def test_elements_of_a_namespace_are_read_by_their_local_names_where_they_stand(read, prefix, broken):
    mark = f":{prefix[:-1]}" if prefix else ""
    tail = "" if broken else f"</{prefix}Pupils>"
    content = (
        f'<{prefix}Pupils xmlns{mark}="http://www.example.org/census"\n xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f"<{prefix}Pupil><{prefix}UPN>U1</{prefix}UPN><{prefix}URN>1</{prefix}URN></{prefix}Pupil>\n"
        f'<{prefix}Pupil><{prefix}UPN>U2</{prefix}UPN><{prefix}Surname xsi:nil="true"/></{prefix}Pupil>\n{tail}'
    )
    part = read(content.encode())
    assert upns(part) == ["U1", "U2"]
    assert part.records["line"].to_pylist() == [3, 4]
    assert part.complete is not broken


def test_elements_and_attributes_outside_the_contract_are_named_and_dropped(read):
    part = read(pupils(pupil(1, FSM="secret"), b'<Pupil sen="secret"><UPN x="secret">U2</UPN><URN>1</URN></Pupil>'))
    assert part.refused == ("FSM", "number 2", "UPN/@x") or set(part.refused) >= {"FSM", "UPN/@x"}
    assert "secret" not in str(part)
    assert upns(part) == ["U1", "U2"]


@pytest.mark.parametrize(
    "head",
    [
        b'<?xml version="1.0"?><!DOCTYPE Pupils [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        b'<!DOCTYPE Pupils SYSTEM "file:///etc/passwd">',
        b"<!doctype Pupils>",
    ],
)
def test_a_document_type_is_refused_before_it_is_parsed(read, head):
    assert codes_of(read(pupils(pupil(1), head=head))) == {"UNREADABLE": "refuse"}


def test_a_wrong_outermost_element_is_refused(read):
    assert codes_of(read(b"<Children>" + pupil(1) + b"</Children>")) == {"UNREADABLE": "refuse"}


@pytest.mark.parametrize("content", [b"not xml at all", b"<a><b></a>", b"\x00\x01\x02\x03" * 100])
def test_what_is_no_xml_is_refused(read, content):
    assert set(codes_of(read(content))) & {"UNREADABLE", "ENCODING_UNKNOWN"}


@pytest.mark.parametrize(
    ("damaged", "rule"),
    [
        (b"<Pupil><UPN>U2</UPN><URN>1</Pupil>\n", "RECORD-UNREADABLE"),
        (b"<Pupil><UPN>U2</UPN><Surname>A & B</Surname></Pupil>\n", "RECORD-UNREADABLE"),
        (b"<Pupil><UPN>U2</UPN>&bomb;</Pupil>\n", "RECORD-UNREADABLE"),
        (b"<Pupil><UPN>U2</UPN>\n", "RECORD-UNREADABLE"),
        (b"<Pupil><UPN>U\x002</UPN></Pupil>\n", "RECORD-UNREADABLE"),
        (b"<Pupil><UPN>U2</UPN><UPN>U3</UPN></Pupil>\n", "RECORD-SHAPE"),
        (b"<Pupil><UPN><b>U2</b></UPN></Pupil>\n", "RECORD-SHAPE"),
    ],
)
def test_pupils_before_and_after_a_damaged_one_load(read, damaged, rule):
    part = read(pupils(pupil(1), damaged, pupil(3), pupil(4)))
    assert upns(part) == ["U1", "U3", "U4"]
    assert part.damaged == [(2, 5, rule)]
    assert part.records["position"].to_pylist() == [1, 3, 4]
    assert part.records["line"].to_pylist() == [3, 6, 8]


def test_a_file_cut_off_in_a_pupil_loses_that_pupil_only(read):
    part = read(pupils(*(pupil(n) for n in range(5)))[:-40])
    assert upns(part) == ["U0", "U1", "U2", "U3"]
    assert not part.complete
    assert part.rows == 4


def test_many_pupils_around_many_faults_are_found(read):
    bad = b"<Pupil><UPN>broken</Pupil>"
    part = read(pupils(*(bad if n % 97 == 5 else pupil(n) for n in range(2000))))
    assert part.rows == 2000
    assert part.records.num_rows == 2000 - len(range(5, 2000, 97))


def test_a_damaged_letter_costs_its_pupil_only(read):
    part = read(pupils(pupil(1, Surname="Zoë é"), b"<Pupil><UPN>\xff</UPN></Pupil>", pupil(3)))
    assert upns(part) == ["U1", "U3"]
    assert [each[2] for each in part.damaged] == ["RECORD-ENCODING"]


def test_windows_1252_is_read_with_a_warning_whatever_the_declaration(read):
    part = read(pupils(pupil(1, Surname="Zoë")).decode().encode("cp1252"))
    assert part.records["Surname"].to_pylist() == ["Zoë"]
    assert codes_of(part) == {"ENCODING_OTHER": "warn"}


def test_change_is_read_in_a_delta_and_refused_in_a_full(read):
    content = pupils(pupil(1, change="withdraw"))
    assert read(content, delta=True).records["change"].to_pylist() == ["withdraw"]
    assert read(content).refused == ("change",)


def test_a_very_long_text_does_not_stop_the_others(read):
    part = read(pupils(pupil(1), pupil(2, Surname="x" * 11_000_000), pupil(3)))
    assert upns(part)[0] == "U1"
    assert upns(part)[-1] == "U3"
    assert part.rows == 3


@pytest.mark.parametrize("content", [b"", b"\n", pupils()])
def test_a_file_without_pupils_is_empty(read, content):
    assert read(content).rows == 0
    assert not read(content).findings


def test_the_key_of_a_damaged_record_is_made_out_where_it_stands_there_once(read):
    part = read(b"<Pupils>\n" + pupil(1) + b"<Pupil><UPN>U2</UPN><URN>7</URN><DOB></Pupil>\n<Pupil><UPN>U3</Pupil>\n" + pupil(4) + b"</Pupils>")  # fmt: skip
    assert upns(part) == ["U1", "U4"]
    assert part.keys == {2: "U2/7"}
