"""Damaged and hostile files: each is refused by a code or read in part, in a moment, and nothing beyond the delivery is ever read.

One home of eight children. Each file is taken in for night 1, then an honest delivery follows and the night is published as ever.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.nights.take_in import take_in
from tests.attacks.search import Haystack
from tests.attacks.sending import NATIVE, csv_of, folder_of, jsonl_of, manifest_of, parquet_of, send
from tests.attacks.town import big_moves, heard
from tests.nights.little_nights import LittleNights

SECRET = "ZorvelwickOutside"  # stands in a file beside the landing place
LIMIT = 30  # seconds that any of them may take
_HEADER = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_PUPIL = (
    "<Pupil><UPN>{0}</UPN><URN>167590</URN><Surname>{0}</Surname><Forename>{0}</Forename><DOB>2015-01-02</DOB></Pupil>"
)


@dataclass(frozen=True)
class Hostile:
    """A delivery, made by `make` (place, path of the secret → bytes); `prepare` changes its folder before it is taken in."""

    agency: str
    make: Callable[[LittleNights, Path], bytes]
    file: str = ""
    prepare: Callable[[Path, Path], None] = lambda folder, secret: None
    said: dict[str, Any] = field(default_factory=dict)
    rows: int = 8


def _xml(text: str, prolog: str = "") -> Callable[[LittleNights, Path], bytes]:
    def make(place: LittleNights, secret: Path) -> bytes:
        return (
            _HEADER
            + (
                prolog.replace("SECRET", secret.as_uri())
                + f"<Pupils>{text.replace('SECRET', secret.as_uri())}</Pupils>"
            ).encode()
        )

    return make


def _entity(value: str) -> Callable[[LittleNights, Path], bytes]:
    return _xml(_PUPIL.format("&x;"), f"<!DOCTYPE Pupils [<!ENTITY x {value}>]>")


def _laughs() -> str:
    levels = "".join(
        f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}{("&l" + str(n - 1) + ";") * 9 if n else ""}">'
        for n in range(10)
    )
    return f"<!DOCTYPE Pupils [{levels}]>"


def _health(change: Callable[[bytes], bytes] = lambda data: data) -> Callable[[LittleNights, Path], bytes]:
    return lambda place, secret: change(csv_of(list(place.feeds["health"].rows.values())))


def _lines(change: Callable[[bytes], bytes]) -> Callable[[LittleNights, Path], bytes]:
    return lambda place, secret: change(jsonl_of(list(place.feeds["social_care"].rows.values())))


def _instead(link: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    """In place of the file lies something else."""

    def prepare(folder: Path, secret: Path) -> None:
        (folder / "health.csv").unlink()
        link(folder / "health.csv", secret)

    return prepare


def _named(name: str) -> dict[str, Any]:
    return {"files": [{"name": name, "bytes": 1, "rows": 8, "sha256": "0" * 64}]}


def _manifest(text: Callable[[str], str]) -> Callable[[Path, Path], None]:
    def prepare(folder: Path, secret: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(text(path.read_text()))

    return prepare


def _linked_manifest(folder: Path, secret: Path) -> None:
    path = folder / "manifest.json"
    path.rename(secret.with_name("manifest.json"))
    path.symlink_to(secret.with_name("manifest.json"))


def _linked_answer(folder: Path, secret: Path) -> None:
    (folder / "ack.json").symlink_to(secret)
    (folder / "rejects.csv").symlink_to(secret)


def _zeros(size: int) -> bytes:
    return bytes(size)


def _wide_parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({f"column {number}": [1] * 8 for number in range(2_000)}), out)
    return out.getvalue()


ATTACKS: dict[str, Hostile] = {
    "a file that calls another by an entity": Hostile("education", _entity('SYSTEM "SECRET"')),
    "a public entity of a network": Hostile("education", _entity('PUBLIC "x" "http://127.0.0.1:9/x"')),
    "an entity of parameters": Hostile("education", _xml(_PUPIL.format("A"), '<!DOCTYPE Pupils [<!ENTITY % x SYSTEM "SECRET"> %x;]>')),
    "a document type elsewhere": Hostile("education", _xml(_PUPIL.format("A"), '<!DOCTYPE Pupils SYSTEM "SECRET">')),
    "entities of entities, ten levels": Hostile("education", _xml(_PUPIL.format("&l9;"), _laughs())),
    "one long entity, often": Hostile("education", _xml(_PUPIL.format("&x;" * 20_000), f'<!DOCTYPE Pupils [<!ENTITY x "{"a" * 20_000}">]>')),
    "an inclusion": Hostile("education", _xml('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="SECRET" parse="text"/>')),
    "a style sheet": Hostile("education", _xml(_PUPIL.format("A"), '<?xml-stylesheet href="SECRET"?>')),
    "elements nested a hundred thousand deep": Hostile("education", _xml("<a>" * 100_000 + "</a>" * 100_000)),
    "an attribute of ten million signs": Hostile("education", _xml(f'<Pupil x="{"a" * 10_000_000}"/>')),
    "an element never closed": Hostile("education", _xml(_PUPIL.format("A") * 7 + "<Pupil><UPN>")),
    "a zip bomb in gzip": Hostile("health", lambda place, secret: gzip.compress(_zeros(400 << 20), 9), "health.csv.gz"),
    "a zip bomb in zstd": Hostile("health", lambda place, secret: zstandard.compress(_zeros(400 << 20)), "health.csv.zst"),
    "gzip within gzip": Hostile("health", lambda place, secret: gzip.compress(gzip.compress(csv_of(list(place.feeds["health"].rows.values())))), "health.csv.gz"),
    "gzip cut off": Hostile("health", lambda place, secret: gzip.compress(csv_of(list(place.feeds["health"].rows.values())))[:-20], "health.csv.gz"),
    "gzip that is none": Hostile("health", lambda place, secret: b"\x1f\x8b" + b"x" * 100, "health.csv.gz"),
    "a zip file by the name of a CSV": Hostile("health", lambda place, secret: b"PK\x03\x04" + bytes(200)),
    "a program": Hostile("health", lambda place, secret: b"\x7fELF" + bytes(range(256)) * 20),
    "a value of ten million signs": Hostile("health", _health(lambda data: data.replace(b"Birmingham", b"x" * 10_000_000, 1))),
    "a header there twice": Hostile("health", _health(lambda data: data.replace(b"given_name", b"family_name", 1))),
    "ten thousand columns": Hostile("health", _health(lambda data: b",".join(b"c%d" % n for n in range(10_000)) + b"\n" + data)),
    "a quotation mark in every line": Hostile("health", _health(lambda data: data.replace(b",", b',"', 40))),
    "nothing but line breaks": Hostile("health", lambda place, secret: b"\n" * 1_000_000),
    "nothing at all": Hostile("health", lambda place, secret: b""),
    "lines ended in three ways": Hostile("health", _health(lambda data: data.replace(b"\r\n", b"\n", 2).replace(b"\r\n", b"\r", 1))),
    "cut off in the midst": Hostile("health", _health(lambda data: data[: len(data) // 2])),
    "a key of JSON given twice": Hostile("social_care", _lines(lambda data: data.replace(b'{"la_child_id"', b'{"la_child_id": "S1", "la_child_id"', 1))),
    "a number of ten thousand digits": Hostile("social_care", _lines(lambda data: data.replace(b'"date_of_birth": "', b'"x": ' + b"9" * 10_000 + b', "date_of_birth": "', 1))),
    "JSON nested a million deep": Hostile("social_care", _lines(lambda data: data + b"[" * 1_000_000 + b"\n")),
    "NaN and Infinity": Hostile("social_care", _lines(lambda data: data.replace(b'"sex": "F"', b'"sex": NaN, "x": -Infinity', 1))),
    "a prototype in JSON": Hostile("social_care", _lines(lambda data: data.replace(b'"sex": "F"', b'"sex": "F", "__proto__": {"x": 1}', 1))),
    "half signs in JSON": Hostile("social_care", _lines(lambda data: data.replace(b'"family": "', b'"family": "\\udfff\\ud800', 1))),
    "Parquet cut off": Hostile("health", lambda place, secret: parquet_of(list(place.feeds["health"].rows.values()))[:-30], "health.parquet"),
    "Parquet with noise in it": Hostile("health", lambda place, secret: (data := parquet_of(list(place.feeds["health"].rows.values())))[:200] + b"\xff" * 300 + data[500:], "health.parquet"),
    "Parquet with a footer of four gigabytes": Hostile("health", lambda place, secret: parquet_of(list(place.feeds["health"].rows.values()))[:-8] + b"\xff\xff\xff\x7fPAR1", "health.parquet"),
    "Parquet of two thousand columns": Hostile("health", lambda place, secret: _wide_parquet(), "health.parquet"),
    "a link to a file elsewhere": Hostile("health", _health(), prepare=_instead(lambda path, secret: path.symlink_to(secret))),
    "a link to itself": Hostile("health", _health(), prepare=_instead(lambda path, secret: path.symlink_to(path))),
    "a folder by the name of the file": Hostile("health", _health(), prepare=_instead(lambda path, secret: path.mkdir())),
    "a pipe by the name of the file": Hostile("health", _health(), prepare=_instead(lambda path, secret: os.mkfifo(path))),
    "a link to a device": Hostile("health", _health(), prepare=_instead(lambda path, secret: path.symlink_to("/dev/zero"))),
    "the answer a link to a file elsewhere": Hostile("health", _health(), prepare=_linked_answer),
    "the manifest a link": Hostile("health", _health(), prepare=_linked_manifest),
    "a path that steps up": Hostile("health", _health(), said=_named("../../../outside.csv")),
    "a path from the root": Hostile("health", _health(), said=_named("/etc/passwd")),
    "a path of another system": Hostile("health", _health(), said=_named("C:\\outside.csv")),
    "a path with a scheme": Hostile("health", _health(), said=_named("file:///etc/passwd")),
    "a path from somebody's home": Hostile("health", _health(), said=_named("~/outside.csv")),
    "a path with a zero byte": Hostile("health", _health(), said=_named("health.csv\0.gz")),
    "its own answer as a file": Hostile("health", _health(), said=_named("ack.json")),
    "a thousand files": Hostile("health", _health(), said={"files": [{"name": f"{n}.csv", "bytes": 1, "rows": 1, "sha256": "0" * 64} for n in range(1_000)]}),
    "rows beyond counting": Hostile("health", _health(), rows=2**52),
    "a manifest nested too deep": Hostile("health", _health(), prepare=_manifest(lambda text: "[" * 100_000)),
    "a manifest of two megabytes": Hostile("health", _health(), prepare=_manifest(lambda text: text + " " * (2 << 20))),
    "a manifest with a key twice": Hostile("health", _health(), prepare=_manifest(lambda text: text.replace('{"contract"', '{"authority": "301", "contract"', 1))),
    "a manifest of another authority": Hostile("health", _health(), said={"authority": "301"}),
    "a manifest with a sequence below nought": Hostile("health", _health(), said={"sequence": -1}),
    "a manifest of the year 9999": Hostile("health", _health(), said={"created_at": "9999-12-31T23:59:59-14:00"}),
}  # fmt: skip


@dataclass
class Told:
    """What came of each: the codes, the seconds it took; what was found in the end, and whether the secret is untouched."""

    codes: dict[str, set[str]]
    seconds: dict[str, float]
    found: list[str]
    state: dict[int, str]
    untouched: bool


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("hostile")
    secret = folder / "outside.csv"
    secret.write_text(SECRET)
    place = LittleNights(folder)
    codes: dict[str, set[str]] = {}
    seconds: dict[str, float] = {}
    with big_moves(), heard() as log:
        place.deliver(0)
        place.load()
        for name, attack in ATTACKS.items():
            started = time.monotonic()
            data = attack.make(place, secret)
            where = send(
                place, attack.agency, 1, {attack.file or NATIVE[attack.agency]: data}, attack.rows, **attack.said
            )
            attack.prepare(where, secret)
            with _at_most(LIMIT):
                try:
                    take_in(place.night(1), attack.agency)
                    answer = where / "ack.json"
                    codes[name] = (
                        {each["code"] for each in json.loads(answer.read_text())["codes"]}
                        if answer.is_file() and not answer.is_symlink()
                        else set()
                    )
                except Exception as fault:
                    codes[name] = {f"CRASHED: {type(fault).__name__}"}
            seconds[name] = time.monotonic() - started
        for agency in place.feeds:
            place.feeds[agency].sequence += 100
        place.deliver(1)
        state = place.load()
    haystack = Haystack.of(place.home, place.landing, place.deployment.engine, log=log.getvalue())
    return Told(codes, seconds, haystack.everywhere(SECRET), state, secret.read_text() == SECRET)


@pytest.mark.parametrize("name", ATTACKS)
def test_held(told: Told, name: str) -> None:
    assert not any(code.startswith("CRASHED") for code in told.codes[name]), told.codes[name]
    assert told.seconds[name] < LIMIT
    assert told.untouched and told.found == []


def test_the_night_is_published_as_ever(told: Told) -> None:
    assert told.state[1] == "published"


def test_the_shapes_are_those_of_real_manifests(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    assert folder_of(place, "health", 0).parent.name == "health"
    assert set(manifest_of("health", 0, 1, {"x": b""}, 0)) >= {"contract", "files", "sequence"}
