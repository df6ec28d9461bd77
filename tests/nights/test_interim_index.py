"""An interim index from its landed rows to what is published: its links are held against the records, told, and joined by nobody's word;
they spread protection, cross no firewall, and end when it does. A home without one is as it was."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import select

from pipelines.contracts import contract_for, load_contract
from pipelines.database import schema as db
from pipelines.nights import decisions
from pipelines.nights.accreditation import decide_feed
from pipelines.privacy.references import references
from pipelines.reporting.claims import interim_codes
from pipelines.settings import forget_settings
from pipelines.tables import read_table
from pipelines.validation.checklist import checklist_of
from pipelines.validation.preflight import preflight
from tests.nights.interim import INTERIM, SCHEMAS, deliver_interim, key_of, rows_of
from tests.nights.little_authority import AUTHORITY, children, day_of
from tests.nights.little_nights import LittleNights

pytestmark = pytest.mark.one_database
NAMED = children()


@contextmanager
def registered() -> Iterator[None]:
    """The deployment knows of interim indexes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISINDEX_SCHEMAS", str(SCHEMAS))
        forget_settings()
        yield
    forget_settings()


@pytest.fixture(autouse=True)
def _registered(_settings_of_the_environment: None) -> Iterator[None]:
    with registered():
        yield


def feeds_of(place: LittleNights) -> None:
    """Nobody asks to be protected, and police know one child by another family name and nothing else but its given name."""
    for row in place.feeds["health"].rows.values():
        row["confidentiality"] = ""
    for row in place.feeds["social_care"].rows.values():
        row.pop("shield", None)
    place.feeds["police"].hold(
        NAMED[1], surname="Ravensgate", date_of_birth="", location="", postcode="", sex="", contact_name="PC One"
    )


ROWS = [
    *rows_of("A", ("health", 0), ("education", 0), ("police", 0), ("social_care", 0)),  # as the matcher has it
    *rows_of("B", ("health", 1), ("police", 1)),  # neither confirmed nor refused
    *rows_of("C", ("health", 2), ("education", 3)),  # two children, perhaps without a number in common
    *rows_of("D", ("health", 4), ("police", 4), ("health", 5)),  # two children, certainly
    *rows_of("E1", ("health", 6)),  # one child under two ids
    *rows_of("E2", ("education", 6)),
    *rows_of("F", ("health", 7), birth_date="2001-02-03", given_names="Zebedee"),  # another child than it names
    *rows_of("G1", ("education", 7)),  # one record under two ids
    *rows_of("G2", ("education", 7)),
    {"person_id": "H", "source_agency": "health", "source_key": "P0"},  # nobody's record
]
TOLD = {
    "INTERIM_LINK_REFUSED": 3,
    "INTERIM_ID_CONFLICT": 1,
    "INTERIM_LINK_UNSURE": 1,
    "INTERIM_HELD_APART": 1,
    "INTERIM_RECORD_UNKNOWN": 1,
    "INTERIM_ROW_DIFFERS": 1,
    "INTERIM_RECORD_TWICE": 2,
}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """A night of the four feeds, in a deployment that knows of no interim index."""
    place = LittleNights(tmp_path_factory.mktemp("without"))
    feeds_of(place)
    place.deliver(0)
    assert place.load() == {0: "published"}
    return place


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """The same night with an interim index that says all kinds of things."""
    with registered():
        place = LittleNights(tmp_path_factory.mktemp("known"))
        feeds_of(place)
        place.deliver(0)
        deliver_interim(place.landing, 0, ROWS, sequence=1)
        assert place.load() == {0: "published"}
    return place


@pytest.fixture(scope="module")
def unheard(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    """The same night in a deployment that knows of interim indexes, in which none has delivered."""
    with registered():
        place = LittleNights(tmp_path_factory.mktemp("unheard"))
        feeds_of(place)
        place.deliver(0)
        assert place.load() == {0: "published"}
    return place


@pytest.fixture
def place(known: LittleNights, tmp_path: Path) -> LittleNights:
    return known.copied_to(tmp_path)


@pytest.fixture
def bare(unheard: LittleNights, tmp_path: Path) -> LittleNights:
    return unheard.copied_to(tmp_path)


def interim(place: LittleNights, night: int, rows: Iterable[dict[str, str]], sequence: int = 2) -> Path:
    return deliver_interim(place.landing, night, rows, sequence=sequence)


def act(place: LittleNights, verb: str, **more: Any) -> None:
    given = {"actor": "A. First", "reason": "agreement 7", "at": datetime.now(UTC), **more}
    decide_feed(place.deployment, AUTHORITY, INTERIM, verb, **given)


def decided(place: LittleNights, kind: str, one: str, other: str) -> None:
    given = {"actor": "R. Eviewer", "reason": "looked up", "at": datetime.now(UTC)}
    decisions.decide(place.deployment, AUTHORITY, kind, one, other, **given)


def found(place: LittleNights, night: int) -> list[dict[str, str]]:
    """What is told of the interim index in the night's report; nothing where no interim index delivers."""
    path = place.home / "reports" / day_of(night).isoformat() / AUTHORITY / "claims.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())) if path.is_file() else []


def codes(place: LittleNights, night: int) -> dict[str, int]:
    told = [each["code"] for each in found(place, night)]
    return {code: told.count(code) for code in dict.fromkeys(told)}


def review(place: LittleNights, night: int) -> set[frozenset[str]]:
    """The pairs on the night's review list that have an interim index behind them, by reference."""
    table = read_table(place.in_force(night).folder / "review.parquet")
    table = table.filter(pc.starts_with(table["reason"], "An interim index takes them for one child: "))
    pairs = zip(table["record_ref_a"].to_pylist(), table["record_ref_b"].to_pylist(), strict=True)
    return {frozenset(pair) for pair in pairs}


def pair(*records: tuple[str, int]) -> frozenset[str]:
    keys = [f"{agency}:{key_of(agency, number)}" for agency, number in records]
    return frozenset(references(pa.array(keys)).to_pylist())


def identities(place: LittleNights, night: int) -> dict[str, str]:
    table = read_table(place.in_force(night).folder / "identities" / "identities.parquet")
    return dict(zip(table["record_key"].to_pylist(), table["index_id"].to_pylist(), strict=True))


def hidden(place: LittleNights, night: int) -> set[str]:
    """Family names of the children who are hidden in the night's version."""
    table = place.published(night)
    return set(table.filter(pc.or_(table["shielded"], table["withheld"]))["family_name"].to_pylist())


def tables(place: LittleNights, night: int) -> dict[str, bytes]:
    """The published tables of a night, byte for byte."""
    version = place.night(night).version()
    assert version is not None
    folder = place.home / "snapshots" / AUTHORITY / version
    return {each.name: each.read_bytes() for each in sorted(folder.glob("*.parquet"))}


# ---- what becomes of its links ------------------------------------------------------------------------------------


def test_every_row_that_the_records_do_not_bear_out_is_told_with_its_code_and_place(known: LittleNights) -> None:
    assert codes(known, 0) == TOLD
    assert [*TOLD] == [code for code in interim_codes() if code in TOLD]  # as they are shown, gravest first
    assert {each["source"] for each in found(known, 0)} == {INTERIM}
    (unknown,) = [each for each in found(known, 0) if each["code"] == "INTERIM_RECORD_UNKNOWN"]
    assert (unknown["position"], unknown["record_ref"]) == (str(len(ROWS)), "")
    refused = {
        frozenset((each["position"], each["other_position"]))
        for each in found(known, 0)
        if each["outcome"] == "refused"
    }
    assert refused == {frozenset("78"), frozenset(("9", "11")), frozenset(("10", "11"))}
    page = known.home / "reports" / day_of(0).isoformat() / AUTHORITY / "matching.html"
    assert "INTERIM_ID_CONFLICT" in page.read_text(encoding="utf-8")


def test_nothing_that_is_told_holds_a_key_or_a_value(known: LittleNights) -> None:
    told = json.dumps(found(known, 0)) + (
        known.home / "reports" / day_of(0).isoformat() / AUTHORITY / "matching.html"
    ).read_text(encoding="utf-8")
    for child in children():
        for value in (child.family, child.nhs, child.upn, f"C{child.number:04}"):
            assert value not in told


def test_a_link_that_is_neither_confirmed_nor_refused_is_asked_of_a_person_and_joins_nothing(
    known: LittleNights,
) -> None:
    assert review(known, 0) == {pair(("health", 1), ("police", 1))}
    by_record = identities(known, 0)
    assert by_record[f"health:{key_of('health', 1)}"] != by_record[f"police:{key_of('police', 1)}"]


def test_its_word_joins_and_parts_nobody_and_it_is_no_service_that_knows_a_child(
    known: LittleNights, without: LittleNights
) -> None:
    assert identities(known, 0) == identities(without, 0)
    with_it, before = tables(known, 0), tables(without, 0)
    assert with_it == before
    assert all(INTERIM.encode() not in each for each in with_it.values())


def test_what_a_reviewer_says_of_its_link_is_done_and_the_link_confirmed_by_that(place: LittleNights) -> None:
    ours = [f"{agency}:{key_of(agency, 1)}" for agency in ("health", "police")]
    decided(place, "same", *ours)
    assert place.load() == {0: "published"}
    assert len({identities(place, 0)[each] for each in ours}) == 1
    assert review(place, 0) == set()
    assert "INTERIM_LINK_UNSURE" not in codes(place, 0)


@pytest.mark.in_full
def test_two_records_that_people_said_are_two_children_are_refused_to_it(place: LittleNights) -> None:
    decided(place, "not_the_same", *[f"{agency}:{key_of(agency, 1)}" for agency in ("health", "police")])
    assert place.load() == {0: "published"}
    assert review(place, 0) == set()
    assert codes(place, 0)["INTERIM_LINK_REFUSED"] == TOLD["INTERIM_LINK_REFUSED"] + 1


@pytest.mark.in_full
def test_an_id_with_records_of_two_children_is_used_for_nothing(bare: LittleNights) -> None:
    interim(bare, 0, rows_of("M", ("health", 1), ("police", 1), ("health", 3)), 1)
    assert bare.load() == {0: "published"}
    assert codes(bare, 0) == {"INTERIM_LINK_REFUSED": 1, "INTERIM_ID_CONFLICT": 1}
    assert review(bare, 0) == set()


def test_at_a_firewall_nobody_is_told_of_its_links(bare: LittleNights) -> None:
    one, other = (f"health:{key_of('health', number)}" for number in (6, 7))
    decided(bare, "firewall", one, other)
    across = rows_of("W", ("health", 6), ("health", 7), ("police", 1))
    beside = [*rows_of("E1", ("education", 6)), *rows_of("E2", ("police", 6)), *rows_of("A", ("health", 0))]
    interim(bare, 0, [*across, *beside], 1)
    assert bare.load() == {0: "published"}
    assert found(bare, 0) == []
    assert review(bare, 0) == set()
    assert identities(bare, 0)[one] != identities(bare, 0)[other]


# ---- protection ---------------------------------------------------------------------------------------------------


def test_its_links_spread_protection_as_possible_links_do_unless_it_is_certain_that_there_are_two(
    bare: LittleNights,
) -> None:
    ask_for(bare, 1, 2, 4)
    interim(bare, 1, ROWS, 1)
    assert bare.load() == {1: "published"}
    # unsure: whom police call otherwise; refused without a number in common: the third child; certainly two: the sixth is open
    assert hidden(bare, 1) == {"Ravensgate", *(NAMED[number].family for number in (1, 2, 3, 4))}


def test_that_two_records_of_a_hidden_child_are_joined_is_not_told_to_who_holds_them_apart(bare: LittleNights) -> None:
    apart = [*rows_of("E1", ("health", 6), confidentiality="S"), *rows_of("E2", ("education", 6))]
    interim(bare, 0, [*apart, *rows_of("F1", ("health", 7)), *rows_of("F2", ("education", 7))], 1)
    assert bare.load() == {0: "published"}
    assert hidden(bare, 0) == {NAMED[6].family}
    (told,) = found(bare, 0)
    assert (told["code"], told["other_position"], told["position"]) == ("INTERIM_HELD_APART", "3", "4")


@pytest.mark.in_full
def test_only_its_links_had_hidden_them_and_nobody_is_opened_by_what_it_no_longer_says(bare: LittleNights) -> None:
    ask_for(bare, 1, 2, 4)
    assert bare.load() == {1: "published"}
    assert hidden(bare, 1) == {NAMED[number].family for number in (1, 2, 4)}
    interim(bare, 1, ROWS, 1)
    assert bare.load() == {1: "published"}
    every = hidden(bare, 1)
    assert len(every) == 5
    interim(bare, 2, rows_of("A", ("health", 0), ("education", 0)))
    assert bare.load() == {2: "published"}
    assert hidden(bare, 2) == every


def ask_for(place: LittleNights, *numbers: int) -> None:
    """Health asks for these children to be protected, on the second night."""
    for number in numbers:
        place.feeds["health"].hold(NAMED[number], confidentiality="S")
    place.deliver(1, "health")


def test_a_mark_in_its_row_hides_the_child_of_the_record_that_it_names(bare: LittleNights) -> None:
    interim(bare, 0, [*rows_of("A", ("police", 3), confidentiality="S"), *rows_of("B", ("health", 0))], 1)
    assert bare.load() == {0: "published"}
    assert hidden(bare, 0) == {NAMED[3].family}


@pytest.mark.in_full
def test_whom_its_mark_has_hidden_stays_so_when_the_mark_is_gone(bare: LittleNights) -> None:
    interim(bare, 0, [*rows_of("A", ("police", 3), confidentiality="S"), *rows_of("B", ("health", 0))], 1)
    assert bare.load() == {0: "published"}
    interim(bare, 1, [*rows_of("A", ("police", 3)), *rows_of("B", ("health", 0))], 2)
    assert bare.load() == {1: "published"}
    assert hidden(bare, 1) == {NAMED[3].family}


@pytest.mark.in_full
def test_a_mark_is_heard_in_a_delivery_that_is_refused_too(bare: LittleNights) -> None:
    act(bare, "pause")
    folder = interim(bare, 0, rows_of("A", ("police", 3), confidentiality="S"), 1)
    assert bare.load()[0] == "published"
    assert {each["code"] for each in json.loads((folder / "ack.json").read_text())["codes"]} == {"FEED_PAUSED"}
    assert hidden(bare, 0) == {NAMED[3].family}


# ---- when it ends -------------------------------------------------------------------------------------------------


def test_of_one_that_is_paused_the_links_are_evidence_no_more_and_every_id_stays(place: LittleNights) -> None:
    before = identities(place, 0)
    act(place, "pause")
    assert place.planned()[0].why == (f"The standing of {INTERIM} is another: whether its links are evidence.",)
    assert place.load() == {0: "published"}
    assert (review(place, 0), found(place, 0)) == (set(), [])
    assert identities(place, 0) == before


@pytest.mark.in_full
def test_of_one_that_is_resumed_they_are_evidence_again_with_its_next_delivery(place: LittleNights) -> None:
    before, asked = identities(place, 0), review(place, 0)
    act(place, "pause")
    place.deliver(1)
    interim(place, 1, ROWS)
    assert place.load() == {0: "published", 1: "published"}
    assert review(place, 1) == set()
    act(place, "resume")
    place.deliver(2)
    interim(place, 2, ROWS, 3)
    assert place.load()[2] == "published"
    assert review(place, 2) == asked
    assert identities(place, 2) == before


@pytest.mark.in_full
def test_of_one_that_stops_they_end_after_the_days_of_its_contract(place: LittleNights) -> None:
    last = contract_for(INTERIM).evidence_days
    for night in (last, last + 1):
        place.deliver(night)
        assert place.load() == {night: "published"}
        assert bool(review(place, night)) == (night == last)
    assert identities(place, last + 1) == identities(place, 0)


@pytest.mark.in_full
def test_a_link_that_a_full_delivery_no_longer_has_is_no_evidence(place: LittleNights) -> None:
    interim(place, 1, rows_of("A", ("health", 0), ("education", 0)))
    assert place.load() == {1: "published"}
    assert (review(place, 1), codes(place, 1)) == (set(), {})
    assert identities(place, 1) == identities(place, 0)


# ---- like any feed ------------------------------------------------------------------------------------------------


@pytest.mark.in_full
def test_it_is_accredited_like_any_feed(bare: LittleNights, setting: Callable[[str, object], None]) -> None:
    setting("ISINDEX_ACCREDITED_ONLY", 1)
    setting("ISINDEX_ACCREDITATION_NIGHTS", 1)
    for agency in ("health", "education", "police", "social_care"):
        decide_feed(
            bare.deployment, AUTHORITY, agency, "grant", actor="A", reason="b", at=datetime.now(UTC), despite=True
        )
    act(bare, "test")
    bare.deliver(1)
    folder = interim(bare, 1, ROWS, 1)
    assert bare.load()[1] == "published"
    assert json.loads((folder / "ack.json").read_text())["state"] == "tested"
    assert codes(bare, 1) == {}
    checklist = checklist_of(bare.deployment.engine, AUTHORITY, INTERIM)
    assert set(checklist.unmet) <= {"punctual"}
    act(bare, "grant", despite=True)
    bare.deliver(2)
    interim(bare, 2, ROWS)
    assert bare.load()[2] == "published"
    assert codes(bare, 2) == TOLD


def test_a_row_without_what_it_must_have_is_rejected_and_answered(bare: LittleNights) -> None:
    folder = interim(
        bare, 0, [*rows_of("A", ("health", 0)), {"person_id": "B", "source_agency": "Health", "source_key": "1"}], 1
    )
    assert bare.load() == {0: "published"}
    ack = json.loads((folder / "ack.json").read_text())
    assert (ack["counts"]["accepted"], ack["counts"]["rejected"]) == (1, 1)
    assert "INTERIM_INDEX-SOURCE-002" in (folder / "rejects.csv").read_text()


def test_preflight_judges_its_file(tmp_path: Path) -> None:
    folder = deliver_interim(tmp_path, 0, ROWS, sequence=1)
    judged = preflight(folder / f"{INTERIM}.csv", contract_for(INTERIM), day_of(0), AUTHORITY)
    assert judged.verdict == "ready"


def test_the_guide_shows_a_file_that_is_ready(tmp_path: Path) -> None:
    guide = (SCHEMAS.parents[1] / "docs" / "interim-indexes.md").read_text(encoding="utf-8")
    _, shown, rest = guide.partition("   person_id,")
    file = tmp_path / f"{INTERIM}.csv"
    file.write_text(
        "\n".join(line.strip() for line in (shown + rest.partition("```")[0]).splitlines()), encoding="utf-8"
    )
    judged = preflight(file, contract_for(INTERIM), day_of(0), AUTHORITY)
    assert (judged.verdict, judged.counts["accepted"]) == ("ready", 3)


@pytest.mark.in_full
@pytest.mark.parametrize("kind", ["parquet", "jsonl", "xml"])
def test_its_rows_are_the_same_in_every_format(
    bare: LittleNights, tmp_path: Path, kind: str, setting: Callable[[str, object], None]
) -> None:
    if kind != "parquet":
        setting("ISINDEX_SCHEMAS", schemas_as(tmp_path / "schemas", kind))
        assert load_contract(f"{INTERIM}/1").file.kind == kind
    deliver_interim(bare.landing, 0, ROWS, sequence=1, kind=kind)
    assert bare.load() == {0: "published"}
    assert codes(bare, 0) == TOLD


def schemas_as(folder: Path, kind: str) -> Path:
    """The schemas of interim indexes, the file in another format."""
    (folder / "contracts").mkdir(parents=True)
    name = f"contracts/{INTERIM}-1.odcs.yaml"
    text = (SCHEMAS / name).read_text(encoding="utf-8").replace("format: csv", f"format: {kind}")
    text = text.replace(f"{INTERIM}.csv", f"{INTERIM}.{kind}").replace(
        '      - { property: delimiter, value: "," }\n',
        '      - { property: rootElement, value: "rows" }\n      - { property: recordElement, value: "row" }\n',
    )
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "agencies.yaml").write_text((SCHEMAS / "agencies.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.mark.in_full
def test_the_command_loads_it_with_a_chain_of_its_own(tmp_path: Path) -> None:
    landing = LittleNights(tmp_path / "made")
    feeds_of(landing)
    landing.deliver(0)
    deliver_interim(landing.landing, 0, ROWS, sequence=1)
    isindex = Path(sys.executable).with_name("isindex")
    done = subprocess.run(
        [isindex, "load", "--landing", landing.landing, "--home", tmp_path / "home", "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "ISINDEX_SCHEMAS": str(SCHEMAS)},
    )  # fmt: skip
    (night,) = json.loads(done.stdout)["nights"]
    assert night["state"] == "published", done.stderr
    (feed,) = [each for each in night["feeds"] if each["agency"] == INTERIM]
    assert (feed["state"], feed["counts"]["accepted"]) == ("loaded", len(ROWS))
    told = tmp_path / "home" / "reports" / day_of(0).isoformat() / AUTHORITY / "claims.csv"
    assert told.read_text(encoding="utf-8-sig").count("INTERIM_") >= sum(TOLD.values())


# ---- where there is none ------------------------------------------------------------------------------------------


def test_an_authority_without_one_is_as_it_was_and_does_not_wait_for_one(
    unheard: LittleNights, without: LittleNights
) -> None:
    assert tables(unheard, 0) == tables(without, 0)
    assert [*without.in_force(0).inputs.means] == [
        each for each in unheard.in_force(0).inputs.means if each != f"contract/{INTERIM}"
    ]
    for place in (unheard, without):
        attempt = place.in_force(0)
        assert not (attempt.folder / "person" / "claims.parquet").exists()
        assert not (attempt.folder / "matching" / "claimed.parquet").exists()
        assert INTERIM not in (attempt.folder / "feeds.json").read_text()
        assert found(place, 0) == []


def test_nobody_misses_one_where_none_ever_came(unheard: LittleNights, known: LittleNights) -> None:
    for place, awaited in ((unheard, False), (known, True)):
        night = place.home / "reports" / day_of(0).isoformat()
        assert ("Interim index" in (night / "index.html").read_text(encoding="utf-8")) == awaited
        with place.deployment.engine.connect() as connection:
            feeds = set(connection.scalars(select(db.feed_night.c.agency)))
        assert feeds == {"health", "education", "police", "social_care", *([INTERIM] if awaited else [])}
