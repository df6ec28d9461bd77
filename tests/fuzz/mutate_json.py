"""Mutators of JSON lines: nesting, keys, kinds of values, and what is no line of JSON.

Belongs here: what only documents have. Another order of keys, white space and escapes of plain letters touch no record.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

from tests.fuzz.mangling import Work, mutator


def _document(work: Work) -> tuple[int, int, dict[str, Any], bytes] | None:
    """Place, number, document and line end of a record that is still one."""
    number = work.record()
    found = work.piece(number)
    if found is None:
        return None
    place, data = found
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    end = data[len(data.rstrip(b"\r\n")) :]
    return (place, number, document, end) if isinstance(document, dict) else None


def _told(work: Work, change: Any, *, marks: bool = False, touches: bool = True) -> bool:
    """Let `change` make the text of another document of a record's."""
    found = _document(work)
    if found is None:
        return False
    place, number, document, end = found
    text = change(deepcopy(document))
    if text is None:
        return False
    if touches:
        work.touched.add(number)
    if marks:
        work.unmarked.add(number)
    if touches and not all(part in text for part in _marks_of(document)):
        work.unmarked.add(number)
    work.put(place, text.encode("utf-8", "surrogatepass") + end)
    return True


def _marks_of(document: dict[str, Any]) -> list[str]:
    return [
        f"{json.dumps(name)}: {json.dumps(document[name])}" for name in ("shield", "firewall_from") if name in document
    ]


def _plain(document: Any) -> str:
    return json.dumps(document)


def _name(work: Work, document: dict[str, Any]) -> str:
    names = [name for name in document if name not in ("shield", "firewall_from")]
    return work.rng.choice(names) if names else "upn"


@mutator("nested deep", "jsonl")
def deep(work: Work) -> bool | None:
    depth = work.rng.choice((3, 60, 70, 130, 600, 1200, 5000))
    opening, closing = work.rng.choice((("[", "]"), ('{"a":', "}")))

    def change(document: dict[str, Any]) -> str:
        name = work.rng.choice((_name(work, document), "note"))
        document[name] = "DEEP"
        return _plain(document).replace('"DEEP"', opening * depth + "1" + closing * depth)

    return _told(work, change)


@mutator("a key twice", "jsonl")
def key_twice(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        name = _name(work, document)
        again = work.rng.choice((document.get(name), None, "x", {}, []))
        text = _plain(document)
        return text[:-1] + f", {json.dumps(name)}: {json.dumps(again)}}}"

    return _told(work, change)


@mutator("an array in place of lines", "jsonl")
def array(work: Work) -> bool | None:
    joint = work.rng.choice((b",", b",\n", b",\r\n"))
    begin, end = work.rng.choice(((b"[", b"]"), (b"[\n", b"\n]\n"), (b'{"records": [', b"]}"), (b"[", b"")))
    work.everything(marks=False)
    work.after.append(
        lambda data: begin + joint.join(line for line in data.replace(b"\r\n", b"\n").split(b"\n") if line) + end
    )


@mutator("pretty printed", "jsonl")
def pretty(work: Work) -> bool | None:
    found = _document(work)
    if found is None:
        return False
    place, number, document, end = found
    work.touched |= {number}
    work.put(place, json.dumps(document, indent=work.rng.choice((0, 2))).encode() + end)
    work.unmarked.add(number)  # its mark stands on lines of its own
    return None


@mutator("a huge number", "jsonl")
def huge(work: Work) -> bool | None:
    number = work.rng.choice(("1" * 30, "1" * 400, "9" * 5000, "1e400", "-1e-400", "1.7976931348623157e308", "0." + "3" * 60, "-0", "18446744073709551616", "170141183460469231731687303715884105728", "Infinity", "NaN", "00012", "+1", "0x1F", "1e5"))  # fmt: skip

    def change(document: dict[str, Any]) -> str:
        document[_name(work, document)] = "HUGE"
        return _plain(document).replace('"HUGE"', number)

    return _told(work, change)


@mutator("half a character", "jsonl")
def surrogate(work: Work) -> bool | None:
    escape = work.rng.choice(
        ("\\ud800", "\\udfff", "\\ud83d", "\\ude00\\ud83d", "\\u0000", "\\uFFFE", "\\ud83d\\ude00")
    )

    def change(document: dict[str, Any]) -> str:
        text = _plain(document)
        places = [found.end() for found in re.finditer(r'": "', text)]
        at = work.rng.choice(places) if places else 1
        return text[:at] + escape + text[at:]

    return _told(work, change)


@mutator("a value of another kind", "jsonl")
def kind(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        name = _name(work, document)
        document[name] = work.rng.choice((None, True, 0, 1.5, "", "x", [], {}, [[]], [None], {"a": 1}, [1, "a", {}], [document.get(name)], {"value": document.get(name)}))  # fmt: skip
        return _plain(document)

    return _told(work, change)


@mutator("a key renamed", "jsonl")
def renamed(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        name = _name(work, document)
        other = work.rng.choice((name.upper(), f"{name} ", name[:-1], "", work.value(), name.title(), f"{name}\u200b"))
        return _plain({other if each == name else each: value for each, value in document.items()})

    return _told(work, change)


@mutator("keys more", "jsonl")
def more_keys(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        for _ in range(work.rng.choice((1, 3, 70))):
            name = work.rng.choice(("note", work.value(), f"k{work.rng.randrange(999)}", "a.b", "$", "'", "[0]", "*"))
            value = work.rng.choice((work.value(), {work.value(): 1}, [{"note": work.value()}], None, 5))
            inside = work.rng.choice([document, *(each for each in document.values() if isinstance(each, dict) and "requested" not in each)])  # fmt: skip
            inside[name] = value
        return _plain(document)

    # content outside the contract is dropped: the record is as sound as before
    return _told(work, change, touches=False)


@mutator("keys in another order", "jsonl")
def key_order(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        names = list(document)
        work.rng.shuffle(names)
        return _plain({name: document[name] for name in names})

    return _told(work, change, touches=False)


@mutator("white space between", "jsonl")
def white(work: Work) -> bool | None:
    space = work.rng.choice((" ", "\t", "   "))
    return _told(
        work,
        lambda document: space + json.dumps(document, separators=(f"{space},", f":{space}")) + space,
        touches=False,
    )


@mutator("letters escaped", "jsonl")
def escaped(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        text = _plain(document)
        return re.sub(r"(?<!\\)[A-Za-z](?=[a-z]*\")", lambda found: f"\\u{ord(found[0]):04x}", text)

    return _told(work, change, touches=False)


@mutator("no JSON", "jsonl")
def no_json(work: Work) -> bool | None:
    def change(document: dict[str, Any]) -> str:
        text = _plain(document)
        return work.rng.choice(
            (
                text[:-1] + ",}", text.replace('"', "'"), f"{text}{text}", f"{text},", f"/* x */ {text}", f"{text} // x",
                text.replace(": ", "=", 1), text.replace(", ", " ", 1), f"[{text}]", json.dumps(text), text[1:], text[:-1],
                f'{{"record": {text}}}', f"callback({text})", text.replace("{", "{{", 1), text.replace('"', "", 1),
            )
        )  # fmt: skip

    return _told(work, change)
