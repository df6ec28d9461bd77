"""Flags and holds: what is done to a whole file, and what becomes of a delivery or a night, takes nobody's wish away.

Each victim asks in one delivery alone, of which nothing is in force in the end: it is refused, waits, comes late, or is corrected. All
live through the same nights: 0 everybody is open; 1 each delivery of the tables comes, and one in which nobody asks; 2 is held by a
gate; 3 fails; 4 comes without health and then night 1 is run again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from pipelines.contracts import contract_for
from pipelines.nights.take_in import take_in
from tests.attacks.attack import Scene
from tests.attacks.search import Haystack
from tests.attacks.sending import NATIVE, csv_of, jsonl_of, parquet_of, sent_and_taken_in
from tests.attacks.town import big_moves, heard, hidden_names, open_names
from tests.attacks.victims import KEYS
from tests.nights.little_nights import LittleNights, broken_in, few_keys_may_move

pytestmark = pytest.mark.in_full

_COLUMNS = [name for name in contract_for("health").column_names if name != "change"]
_AT = _COLUMNS.index("confidentiality")

Rows = list[dict[str, Any]]
Write = Callable[[Rows, dict[str, Any]], bytes]
"""Rows of the whole feed, the victim's own among them (marked), to bytes."""


@dataclass(frozen=True)
class Sent:
    """A delivery in which one victim asks: what is in its file, under which name, and what its manifest says."""

    name: str
    write: Write
    agency: str = "health"
    file: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    more_rows: int = 0
    family: str = "flags"

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


def _header(name: str, *, also: str = "") -> Write:
    def write(rows: Rows, mine: dict[str, Any]) -> bytes:
        header = [name if column == "confidentiality" else column for column in _COLUMNS]
        return csv_of(rows, [*header, also] if also else header, [*_COLUMNS, "confidentiality"] if also else _COLUMNS)

    return write


def _without(column: str) -> Write:
    return lambda rows, mine: csv_of(rows, columns=[name for name in _COLUMNS if name != column])


def _torn(change: Callable[[bytes], bytes]) -> Write:
    """The victim's row is damaged."""

    def write(rows: Rows, mine: dict[str, Any]) -> bytes:
        whole, row = csv_of(rows), csv_of([mine]).split(b"\r\n")[1]
        assert row in whole
        return whole.replace(row, change(row))

    return write


def _line(change: Callable[[str], str]) -> Write:
    """The victim's line is written otherwise."""

    def write(rows: Rows, mine: dict[str, Any]) -> bytes:
        return "".join((change(json.dumps(row)) if row is mine else json.dumps(row)) + "\n" for row in rows).encode()

    return write


def _marks(make: Callable[[list[bool]], pa.Array], name: str = "confidentiality") -> Write:
    """Parquet in which the column of the mark is of another kind or name."""

    def write(rows: Rows, mine: dict[str, Any]) -> bytes:
        return parquet_of(rows, **{"confidentiality": None, name: make([row is mine for row in rows])})

    return write


_S = ["S"]
FILES = [
    Sent("the column of the mark in capitals", _header("CONFIDENTIALITY")),
    Sent("the column of the mark with a capital", _header("Confidentiality")),
    Sent("the column of the mark misspelled", _header("confidentialty")),
    Sent("the column of the mark with a space", _header("confident iality")),
    Sent("the column of the mark in other letters", _header("c\u043enfidentiality")),
    Sent("the column of the mark with an invisible sign", _header("confidentiality\u200b")),
    Sent("the column of the mark called by its beginning", _header("confidential")),
    Sent("the column of the mark there twice", _header("confidentiality", also="confidentiality")),
    Sent("the column of the mark there in two spellings", _header("confidentiality", also="Confidentiality")),
    Sent("the column of family names missing", _without("family_name")),
    Sent("the column of keys missing", _without("local_patient_id")),
    Sent("one row less than the manifest says", lambda rows, mine: csv_of(rows), more_rows=1),
    Sent("one row more than the manifest says", lambda rows, mine: csv_of(rows), more_rows=-1),
    Sent("in UTF-16", lambda rows, mine: csv_of(rows).decode().encode("utf-16")),
    Sent("in Windows-1252", lambda rows, mine: csv_of(rows).decode().replace("Birmingham", "Birmingh\u00e4m").encode("cp1252")),
    Sent("in no encoding", lambda rows, mine: csv_of(rows).replace(b"Birmingham", b"B\x81\x8d\xff\x90")),
    Sent("with lines ended as of old", lambda rows, mine: csv_of(rows).replace(b"\r\n", b"\r")),
    Sent("with a byte-order mark and blank lines", lambda rows, mine: b"\xef\xbb\xbf\r\n" + csv_of(rows).replace(b"\r\n", b"\r\n\r\n", 3)),
    Sent("the row cut off behind its mark", _torn(lambda row: b",".join(row.split(b",")[: _AT + 1]))),
    Sent("the row with a field too many", _torn(lambda row: b"x," + row)),
    Sent("the row with a quotation mark never closed", _torn(lambda row: row.replace(b",", b',"', 1))),
    Sent("the row with a zero byte", _torn(lambda row: row.replace(b"Birmingham", b"Birm\0ngham"))),
    Sent("the row with bytes that are no text", _torn(lambda row: row.replace(b"Birmingham", "Birmingh\u00e4\u00e4\u00e4m".encode() + b"\xff"))),
    Sent("every record broken", lambda rows, mine: csv_of([{**row, "birth_date": ""} for row in rows])),
    Sent("packed with gzip", lambda rows, mine: gzip.compress(csv_of(rows)), file="health.csv.gz"),
    Sent("packed with zstd", lambda rows, mine: zstandard.compress(csv_of(rows)), file="health.csv.zst"),
    Sent("as Parquet", lambda rows, mine: parquet_of(rows), file="health.parquet"),
    Sent("as Parquet, the mark a yes or no", _marks(lambda marks: pa.array(marks)), file="health.parquet"),
    Sent("as Parquet, the mark a number", _marks(lambda marks: pa.array([int(mark) or None for mark in marks])), file="health.parquet"),
    Sent("as Parquet, the mark a list", _marks(lambda marks: pa.array([_S if mark else None for mark in marks])), file="health.parquet"),
    Sent("as Parquet, the mark by a dictionary", _marks(lambda marks: pa.array([*("S" if mark else None for mark in marks)]).dictionary_encode()), file="health.parquet"),
    Sent("as Parquet, the mark in bytes", _marks(lambda marks: pa.array([b"S" if mark else None for mark in marks])), file="health.parquet"),
    Sent("as Parquet, the column of the mark in capitals", _marks(lambda marks: pa.array(["S" if mark else None for mark in marks]), "Confidentiality"), file="health.parquet"),
    Sent("as Parquet, the column of the mark misspelled", _marks(lambda marks: pa.array(["S" if mark else None for mark in marks]), "confidentialty"), file="health.parquet"),
    Sent("as Parquet, one row less than the manifest says", lambda rows, mine: parquet_of(rows), file="health.parquet", more_rows=1),
    Sent("as Parquet, the column of family names missing", lambda rows, mine: parquet_of(rows, family_name=None), file="health.parquet"),
    Sent("as Parquet, a birth date of another kind", lambda rows, mine: parquet_of(rows, birth_date=pa.array([{"day": row["birth_date"]} for row in rows])), file="health.parquet"),
    Sent("in one array instead of lines", lambda rows, mine: json.dumps(rows).encode(), "social_care"),
    Sent("a line with the mark given twice, the second open", _line(lambda line: line[:-1] + ', "shield": {"requested": false}}'), "social_care"),
    Sent("a line with requested given twice", _line(lambda line: line.replace('"requested": true', '"requested": true, "requested": false')), "social_care"),
    Sent("a line cut off", _line(lambda line: line[:-1]), "social_care"),
    Sent("a line in single quotation marks", _line(lambda line: line.replace('"', "'")), "social_care"),
    Sent("a line nested too deep", _line(lambda line: line[:-1] + ', "x": ' + "[" * 3_000 + "]" * 3_000 + "}"), "social_care"),
    Sent("a line with half a sign", _line(lambda line: line[:-1] + ', "x": "\\ud800"}'), "social_care"),
    Sent("a line with two records", _line(lambda line: line + line), "social_care"),
    Sent("lines in UTF-16", lambda rows, mine: jsonl_of(rows).decode().encode("utf-16"), "social_care"),
    Sent("lines, one less than the manifest says", lambda rows, mine: jsonl_of(rows), "social_care", more_rows=1),
]  # fmt: skip
WAITING = [
    Sent("a delta that waits for a gap", lambda rows, mine: csv_of([{**mine, "change": "upsert"}], columns=[*_COLUMNS, "change"]), said={"mode": "delta", "sequence": 900}, family="holds and gaps"),
    Sent("a delta of social care that waits for a gap", lambda rows, mine: jsonl_of([{**mine, "change": "upsert"}]), "social_care", said={"mode": "delta", "sequence": 901}, family="holds and gaps"),
    Sent("a withdrawal in a delta that waits", lambda rows, mine: csv_of([{**mine, "change": "withdraw"}], columns=[*_COLUMNS, "change"]), said={"mode": "delta", "sequence": 902}, family="holds and gaps"),
    Sent("a delta whose change nobody understands", lambda rows, mine: csv_of([{**mine, "change": "perhaps"}], columns=[*_COLUMNS, "change"]), said={"mode": "delta", "sequence": 903}, family="holds and gaps"),
    Sent("a sequence that was used", lambda rows, mine: csv_of(rows), said={"sequence": 1}, family="holds and gaps"),
    Sent("a delivery that is corrected at once", lambda rows, mine: csv_of(rows), family="holds and gaps"),
    Sent("a delivery of social care that is corrected at once", lambda rows, mine: jsonl_of(rows), "social_care", family="holds and gaps"),
]  # fmt: skip
HISTORIES = [
    "holds and gaps: a delivery for a night that is over, corrected since",
    "holds and gaps: a night that is held, and comes without the mark",
    "holds and gaps: a night that is held, at once",
    "holds and gaps: a night that fails, and comes without the mark",
    "holds and gaps: a night that fails, at once",
    "holds and gaps: a mark that is gone while the feed falls silent",
    "holds and gaps: a record that is withdrawn and comes again under another key",
    "holds and gaps: a night of before that is run again",
]
SENT = [*FILES, *WAITING]


@dataclass
class Told:
    """What came of it: scenes by the name of their row, what was found of each at its time, answers to the suppliers."""

    scenes: dict[str, Scene]
    leaks: dict[str, list[str]]
    hidden: set[str]
    answers: dict[str, str]
    states: list[dict[int, str]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    place = LittleNights(tmp_path_factory.mktemp("waiting"))
    names = [*map(str, SENT), *HISTORIES]
    scenes = {name: Scene(place, 100 + 7 * number) for number, name in enumerate(names)}
    late, held, held_now, failed, failed_now, silent, again, _replay = (scenes[name] for name in HISTORIES)
    leaks: dict[str, list[str]] = {}
    answers, states = {}, []

    def look(*those: str) -> None:
        haystack, shown = (
            Haystack.of(place.home, place.landing, place.deployment.engine, log=log.getvalue()),
            open_names(place),
        )
        for name in those:
            leaks[name] = scenes[name].leaks(haystack, shown)

    def load(**how: Any) -> None:
        states.append(place.load(**how))

    with big_moves(), heard() as log:
        for scene in scenes.values():
            scene.appear()
        place.deliver(0)
        load()
        for sent in SENT:
            answers[str(sent)] = _sent(place, sent, scenes[str(sent)])
        late.asks()
        place.deliver(0, "health")
        take_in(place.night(0), "health")
        late.quiet()
        place.deliver(0, "health")
        for scene in (silent, again):
            scene.asks()
        for agency in ("health", "social_care"):
            place.feeds[agency].sequence = 1_000
        place.deliver(1)
        load()
        look(*map(str, SENT), HISTORIES[0])

        for scene in (silent, again):
            scene.quiet()
        for scene in (held, held_now):
            scene.asks()
        keys = {name: row[KEYS["health"]] for name, row in place.feeds["health"].rows.items()}
        place.renumber()
        place.deliver(2)
        with few_keys_may_move():
            load()
            look(HISTORIES[2])
            for name, key in keys.items():
                place.feeds["health"].rows[name][KEYS["health"]] = key
            held.quiet()
            again.drop("health")
            place.deliver(2, "health")
            load()

        for scene in (failed, failed_now):
            scene.asks()
        place.deliver(3)
        load(before=broken_in("links"))
        look(HISTORIES[4])
        failed.quiet()
        again.add("health", again.victim, f"HX{again.number}", nhs_number="")
        place.deliver(3, "health")
        load()

        silent.drop("health")
        place.deliver(4, "education", "police", "social_care")
        load()
        load(asked=[1])
        look(*(name for name in names if name not in (HISTORIES[2], HISTORIES[4])))
    return Told(scenes, leaks, hidden_names(place, 4), answers, states)


def _sent(place: LittleNights, sent: Sent, scene: Scene) -> str:
    """Let the victim ask in one delivery, and take the mark away again; the state of the delivery."""
    mine = scene.row(sent.agency)
    scene.asks(sent.agency)
    rows = list(place.feeds[sent.agency].rows.values())
    data = sent.write(rows, mine)
    number = {"sequence": sent.said["sequence"]} if "sequence" in sent.said else {}
    count = 1 if sent.said.get("mode") == "delta" else len(rows)
    said = {name: value for name, value in sent.said.items() if name != "sequence"}
    answer = sent_and_taken_in(
        place, sent.agency, 1, {sent.file or NATIVE[sent.agency]: data}, count + sent.more_rows, **number, **said
    )
    scene.quiet(sent.agency)
    return f"{answer['state']} {' '.join(code['code'] for code in answer['codes'])}"


def test_nights_end_as_they_should(told: Told) -> None:
    assert [list(each.values())[-1:] for each in told.states] == [
        [state]
        for state in ("published", "published", "held", "published", "failed", "published", "published", "published")
    ]


@pytest.mark.parametrize("name", [*map(str, SENT), *HISTORIES[:-1]])
def test_held(told: Told, name: str) -> None:
    assert told.leaks[name] == [], told.answers.get(name)
    assert told.hidden & {word.casefold() for word in told.scenes[name].closed}, told.answers.get(name)


@pytest.mark.parametrize("name", HISTORIES[-1:])
def test_a_night_that_is_run_again_opens_nobody(told: Told, name: str) -> None:
    assert told.states[-1][1] == "published"
    assert [other for other, found in told.leaks.items() if other in HISTORIES and found] == []
