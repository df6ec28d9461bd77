"""Mutators of the manifest: fields that are missing, of another kind, untrue or odd, and what is no manifest.

Belongs here: the manifest alone. No record is touched, and none of its marks.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from tests.fuzz.mangling import Work, mutator

_FIELDS = ("contract", "authority", "agency", "business_date", "sequence", "mode", "created_at", "supplier", "files")
_OF_FILE = ("name", "bytes", "rows", "sha256")
_ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    2**31,
    2**64,
    10**400,
    "",
    "x",
    "0",
    [],
    {},
    [[]],
    {"a": 1},
    "\ud800",
    "x" * 5000,
    "\u0000",
    "330 ",
    "٣٣٠",
)


def _in_file(work: Work, name: str, value: Any) -> None:
    def tell(stated: dict[str, Any]) -> None:
        files = stated.get("files")
        if isinstance(files, list) and files and isinstance(files[0], dict):
            files[0][name] = value(files[0].get(name)) if callable(value) else value

    work.manifest.append(tell)


@mutator("manifest: a field missing")
def missing(work: Work) -> bool | None:
    name = work.rng.choice((*_FIELDS, *_OF_FILE))
    if name in _OF_FILE:
        work.manifest.append(
            lambda stated: (
                [file.pop(name, None) for file in stated.get("files") or [] if isinstance(file, dict)] and None
            )
        )
    else:
        work.manifest.append(lambda stated: stated.pop(name, None) and None)


@mutator("manifest: a field of another kind")
def kind(work: Work) -> bool | None:
    name, value = work.rng.choice((*_FIELDS, *_OF_FILE)), work.rng.choice(_ODD)
    if name in _OF_FILE:
        _in_file(work, name, value)
    else:
        work.manifest.append(lambda stated: stated.__setitem__(name, value))


@mutator("manifest: counts wrong")
def counts(work: Work) -> bool | None:
    by = work.rng.choice((-1, 1, 2, -3, 1000, 2**52))
    _in_file(work, work.rng.choice(("rows", "bytes")), lambda value: max(0, (value or 0) + by))


@mutator("manifest: hash wrong")
def hashes(work: Work) -> bool | None:
    how = work.rng.randrange(4)
    if how == 0:
        work.honest = False
    else:
        _in_file(
            work,
            "sha256",
            (lambda value: str(value).upper(), lambda value: str(value)[:-1], lambda value: "0" * 64)[how - 1],
        )


@mutator("manifest: odd sequence or day")
def odd(work: Work) -> bool | None:
    name, values = work.rng.choice(
        (
            ("sequence", (0, 2**31 - 1, 2**31, -1, "7", 7.0, None)),
            ("business_date", ("2026-11-30", "2026-02-30", "20261118", "2026-11-18 ", "0001-01-01", "9999-12-31")),
            ("created_at", ("yesterday", "2026-11-18", "2026-11-18T22:14:03+23:59", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "1800-01-01T00:00:00Z", "20261118T221403Z", "2026-W47-3")),
            ("mode", ("FULL", "delta", "full", "both", "")),
            ("contract", ("health/2", "education/1", "social_care/1", "nothing/1", "../x/1", "health/001", "Bramecott.Arthur/1")),
            ("authority", ("331", "999", "E08", "330\n")),
            ("agency", ("police", "education", "Health", "bramecott_arthur", "nhs_4000000000")),
        )
    )  # fmt: skip
    value = work.rng.choice(values)
    if name == "mode" and value == "delta" and work.base.mode == "full":
        work.everything(marks=False)  # no record says whether it is an upsert
    if name == "mode" and value == "full" and work.base.mode == "delta":
        work.everything(marks=False)
    work.manifest.append(lambda stated: stated.__setitem__(name, value))


@mutator("manifest: odd file names")
def names(work: Work) -> bool | None:
    own = work.base.name
    value = work.rng.choice((f"../{own}", f"/{own}", f".\\{own}", f"file://{own}", "", "manifest.json", own.upper(), f"{own} ", f"./{own}", f"{work.value()}.csv", own.replace(".", "\u202e."), "x" * 250, "~", own + "\u0000", "\ud800", f"{own}.gz", f"{own}.txt", own.rpartition(".")[0], "ack.json", "a/" * 60 + own, work.value()))  # fmt: skip
    _in_file(work, "name", value)


@mutator("a file with an odd name")
def file_named(work: Work) -> bool | None:
    end = work.base.name.rpartition(".")[2]
    work.file_name = work.rng.choice((f"{work.value()}.{end}", f"x.{end.upper()}", f"Übersicht.{end}", f"a b 'c'.{end}", "x" * 200 + f".{end}"[:0], f"{'y' * 150}.{end}"))  # fmt: skip


@mutator("manifest: files odd")
def files(work: Work) -> bool | None:
    how = work.rng.randrange(5)

    def tell(stated: dict[str, Any]) -> None:
        own = stated.get("files")
        if how == 0:
            stated["files"] = []
        elif how == 1 and isinstance(own, list):
            stated["files"] = own * 2
        elif how == 2:
            stated["files"] = own[0] if isinstance(own, list) and own else own
        elif how == 3 and isinstance(own, list) and own and isinstance(own[0], dict):
            stated["files"] = [*own, {**own[0], "name": "another.csv"}]
        else:
            stated["files"] = [None, *(own if isinstance(own, list) else [])]

    work.manifest.append(tell)


@mutator("manifest: more than is asked")
def more(work: Work) -> bool | None:
    value = work.value()
    work.manifest.append(lambda stated: stated.update({value: value, "note": {"child": value}, "supplier": value}))


@mutator("manifest: no manifest")
def raw(work: Work) -> bool | None:
    value = work.value().encode()
    work.raw.append(
        work.rng.choice(
            (
                lambda content: b"", lambda content: content[: len(content) // 2], lambda content: codecs.BOM_UTF8 + content,
                lambda content: content.decode("utf-8", "replace").encode("utf-16"), lambda content: b"\0" * 50,
                lambda content: b"[" * 100_000, lambda content: b'{"a":' * 5000, lambda content: content + content,
                lambda content: b"null", lambda content: b"[]", lambda content: content + b" " * (1 << 20),
                lambda content: content[:-1] + b', "mode": "full"}', lambda content: value, lambda content: b"\xff" + content,
                lambda content: content.replace(b":", b"="), lambda content: b'"' + value + b'"',
                lambda content: content.replace(b'"sequence": 7', b'"sequence": ' + b"7" * 5000),
                lambda content: json.dumps(content.decode("utf-8", "replace")).encode(),
            )
        )
    )  # fmt: skip
