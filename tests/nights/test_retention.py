"""What a home keeps and what it lets go: it ends at a steady size, and what it keeps can still be run again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import html
from sqlalchemy import select

from pipelines.database import schema as db
from pipelines.deliveries import DeliveryEntry, Register
from pipelines.deliveries.standing import standing_deliveries
from pipelines.nights import decisions
from pipelines.nights.arrivals import look_around
from pipelines.nights.protective import protection_waits
from pipelines.nights.retention import prune, sweep
from pipelines.nights.whole import latest_whole
from pipelines.publishing.versions import versions_in_force, versions_there
from pipelines.settings import forget_settings
from pipelines.tables import read_table
from pipelines.validation.data_docs import write_index
from tests.nights.little_authority import AGENCIES, AUTHORITY, Delivery, children, day_of, put, row_of
from tests.nights.little_nights import LittleNights, bytes_under, few_keys_may_move

NIGHTS, KEPT_NIGHTS, KEPT_VERSIONS = 10, 3, 2
HELD_BACK = 2  # the night whose version somebody has put on hold
Setting = Callable[[str, object], None]


@pytest.fixture(scope="module", autouse=True)
def _keeps_little() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISINDEX_KEEP_NIGHTS", str(KEPT_NIGHTS))
        patch.setenv("ISINDEX_KEEP_VERSIONS", str(KEPT_VERSIONS))
        forget_settings()
        yield


def sizes(place: LittleNights) -> dict[str, tuple[int, int]]:
    """Files and bytes of each part of the home that a night adds to."""
    found = {}
    for part in ("nights", "deliveries", "snapshots", "reports"):
        files = [path for path in (place.home / part).rglob("*") if path.is_file() and not path.is_symlink()]
        found[part] = len(files), sum(path.stat().st_size for path in files)
    return found


@pytest.fixture(scope="module")
def ten_nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[LittleNights, list[dict[str, tuple[int, int]]]]:
    """Ten nights, loaded one by one; a child moves on each. The sizes after each of them."""
    place, told = LittleNights(tmp_path_factory.mktemp("ten-nights")), []
    for night in range(NIGHTS):
        place.feeds["health"].hold(children()[night % 8], address_line_1=f"{100 + night} Elsewhere Row")
        place.deliver(night)
        assert place.load() == {night: "published"}
        told.append(sizes(place))
        if night == HELD_BACK:
            version = place.night(night).version()
            assert version is not None
            decisions.hold(place.deployment, AUTHORITY, version, actor="Ruth", reason="x", at=datetime.now(UTC))
    return place, told


@pytest.fixture
def place(ten_nights: tuple[LittleNights, list[dict[str, tuple[int, int]]]], tmp_path: Path) -> LittleNights:
    return ten_nights[0].copied_to(tmp_path)


@pytest.mark.in_full
def test_ten_nights_end_at_a_steady_size(
    ten_nights: tuple[LittleNights, list[dict[str, tuple[int, int]]]],
) -> None:
    _, told = ten_nights
    for part in ("nights", "deliveries", "snapshots", "reports"):
        files, size = zip(*(each[part] for each in told), strict=True)
        assert len(set(files[5:])) == 1, (part, files)
        if part != "reports":  # their charts grow until they look back fourteen nights
            assert max(size[5:]) < 1.05 * min(size[5:]), (part, size)
        assert size[0] < size[2], (part, size)


@pytest.mark.in_full
def test_no_page_links_to_a_night_that_is_gone(place: LittleNights) -> None:
    docs = place.home / "reports" / "data_docs"
    for number in range(NIGHTS):
        page = docs / day_of(number).isoformat() / AUTHORITY / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("what the suites said", encoding="utf-8")
    place.deliver(NIGHTS)
    place.load()
    assert not (docs / day_of(0).isoformat()).exists()
    for page in (place.home / "reports" / "index.html", docs / "index.html"):
        links = [str(link.get("href")) for link in html.parse(str(page)).getroot().iterfind(".//a")]
        nights = [link for link in links if "2026-" in link]
        assert len(nights) >= KEPT_NIGHTS
        assert all((page.parent / link).exists() for link in nights)


def test_the_last_nights_with_their_base_stay_and_those_before_are_gone(place: LittleNights) -> None:
    kept = [day_of(number).isoformat() for number in range(NIGHTS - KEPT_NIGHTS - 1, NIGHTS)]
    nights = place.home / "nights" / AUTHORITY
    assert sorted(path.name for path in nights.iterdir() if path.is_dir()) == kept
    assert sorted(day.isoformat() for day in versions_in_force(place.deployment.home, AUTHORITY)) == kept
    with place.deployment.engine.connect() as connection:
        stored = connection.execute(select(db.delivery.c.business_date, db.delivery.c.stored_at)).all()
    assert len(stored) == NIGHTS * len(AGENCIES)  # what came is known for good
    for day, folder in stored:
        assert (folder is not None) == (day.isoformat() in kept[1:])
        assert folder is None or (place.home / folder).is_dir()
    states = {number: place.last(number).state for number in range(NIGHTS)}
    assert states == {number: "retired" if number < NIGHTS - KEPT_NIGHTS else "published" for number in range(NIGHTS)}


def test_the_current_version_and_one_on_hold_stay_until_the_hold_is_taken_back(place: LittleNights) -> None:
    there = versions_there(place.deployment.home, AUTHORITY)
    nights = [HELD_BACK, *range(NIGHTS - KEPT_VERSIONS, NIGHTS)]
    assert [version[2:12] for version in there] == [day_of(number).isoformat() for number in nights]
    assert there[-1] == place.night(NIGHTS - 1).version()
    ledgers = place.home / "snapshots" / AUTHORITY / "ledger"
    assert sorted(path.name for path in ledgers.iterdir()) == there
    (hold,) = decisions.every_decision(place.deployment, AUTHORITY)
    decisions.take_back(place.deployment, AUTHORITY, hold.number, actor="Ruth", reason="closed", at=datetime.now(UTC))
    assert place.load() == {}
    assert versions_there(place.deployment.home, AUTHORITY) == there[1:]


def test_what_the_matcher_keeps_to_save_time_is_that_of_the_last_nights_alone(place: LittleNights) -> None:
    """A kept night is built on without it; some of it, or another, is damage."""
    nights = range(NIGHTS - KEPT_NIGHTS - 1, NIGHTS)
    there = [(place.in_force(number).folder / "matching" / "state").is_dir() for number in nights]
    assert there == [False] * (len(nights) - 2) + [True] * 2
    assert latest_whole(place.deployment, AUTHORITY) is not None
    (place.in_force(NIGHTS - 2).folder / "matching" / "state" / "match_keys.parquet").unlink()
    assert place.load(asked=[NIGHTS - 1]) == {NIGHTS - 1: "failed"}
    assert place.last(NIGHTS - 1).code == "BASE_DAMAGED"


@pytest.mark.in_full
def test_every_kept_night_can_be_run_again_and_ends_in_the_same_bytes(place: LittleNights) -> None:
    before = bytes_under(place.home / "snapshots")
    for number in range(NIGHTS - KEPT_NIGHTS, NIGHTS):
        version = place.night(number).version()
        tables = bytes_under(place.in_force(number).folder)
        assert place.load(asked=[number]) == {number: "published"}
        assert place.night(number).version() == version
        assert bytes_under(place.in_force(number).folder) == tables
        assert bytes_under(place.home / "snapshots") == before


@pytest.mark.in_full
@pytest.mark.parametrize("pointer", ["gone", "from before the nights that are kept"])
def test_without_what_is_in_force_every_load_says_what_to_put_back_and_nothing_goes(
    place: LittleNights, pointer: str
) -> None:
    current = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    whole, shown = current.read_bytes(), place.night(NIGHTS - 1).version()
    tables = {number: bytes_under(place.in_force(number).folder) for number in range(NIGHTS - KEPT_NIGHTS, NIGHTS)}
    if pointer == "gone":
        current.unlink()
    else:
        told, day = json.loads(whole), day_of(1).isoformat()
        version = f"v={day}T000000Z-0123456789ab"
        current.write_text(json.dumps(told | {"nights": {day: version}, "version": version, "business_date": day}))
    place.deliver(NIGHTS)
    for failed in ({NIGHTS - 1, NIGHTS}, {NIGHTS}):  # the latest night each time, and what anything came for
        assert place.load() == dict.fromkeys(failed, "failed")
        assert place.last(NIGHTS).code == "STORE_DAMAGED"
        assert "current.json" in place.last(NIGHTS).reasons[0]
        assert "backup" in place.last(NIGHTS).reasons[0]
        assert protection_waits(place.deployment, [AUTHORITY]) == [AUTHORITY]
    current.write_bytes(whole)
    assert {number: bytes_under(place.in_force(number).folder) for number in tables} == tables
    assert place.load() == {NIGHTS - 1: "published", NIGHTS: "published"}
    assert place.night(NIGHTS - 1).version() == shown
    assert place.load() == {}


def test_while_it_cannot_be_read_what_is_in_force_nothing_of_it_goes_for_a_later_attempt_that_is_held(
    place: LittleNights,
) -> None:
    last = NIGHTS - 1
    tables = bytes_under(place.in_force(last).folder)
    place.renumber()
    place.deliver(last, "health")
    with few_keys_may_move():
        assert place.load() == {last: "held"}
    current = place.deployment.home.snapshots(AUTHORITY) / "current.json"
    whole = current.read_bytes()
    current.unlink()
    prune(place.deployment, AUTHORITY)
    current.write_bytes(whole)
    assert bytes_under(place.in_force(last).folder) == tables


@pytest.mark.in_full
def test_a_kept_night_that_is_corrected_is_run_on_its_base_and_the_later_ones_follow(place: LittleNights) -> None:
    oldest = NIGHTS - KEPT_NIGHTS
    place.feeds["health"].hold(children()[0], address_line_1="1 Corrected Row")
    place.deliver(oldest, "health")
    assert place.load() == dict.fromkeys(range(oldest, NIGHTS), "published")
    assert place.planned() == {}


def test_a_night_that_was_let_go_is_never_outstanding_and_what_comes_for_it_is_named(place: LittleNights) -> None:
    gone = NIGHTS - KEPT_NIGHTS - 1
    assert place.planned(asked=range(gone + 1), due=gone) == {}
    assert look_around(place.deployment).findings == ()
    for number in (gone, gone - 1):
        place.deliver(number, "health")
    assert place.planned() == {}
    findings = look_around(place.deployment).findings
    assert [(each.code, each.business_date) for each in findings] == [
        ("DATE_TOO_OLD", day_of(gone - 1)),
        ("DATE_TOO_OLD", day_of(gone)),
    ]
    assert place.load() == {}


@pytest.mark.in_full
def test_a_delta_that_waits_for_longer_than_nights_are_kept_is_refused_by_code(place: LittleNights) -> None:
    waiting = NIGHTS - KEPT_NIGHTS
    sequence = place.feeds["police"].sequence + 2  # the one before it never comes
    put(place.landing, Delivery("police", day_of(waiting), sequence, "delta", []))
    place.load()

    def entry() -> DeliveryEntry:
        known = Register(place.deployment.engine).known(AUTHORITY, "police")
        return next(each for each in known if each.sequence == sequence)

    assert entry().state == "held"
    for number in range(NIGHTS, NIGHTS + KEPT_NIGHTS):
        place.deliver(number, "health")
        place.load()
    assert entry().state == "refused"
    assert entry().has("HELD_TOO_LONG")
    assert place.planned() == {}
    folder = place.landing / AUTHORITY / "police" / day_of(waiting).isoformat()
    told = json.loads((folder / "ack.json").read_text())
    assert (told["state"], told["codes"][-1]["code"]) == ("refused", "HELD_TOO_LONG")
    assert [each.sequence for each in standing_deliveries(place.deployment.engine)] == [sequence]
    Register(place.deployment.engine).waive(
        AUTHORITY, "police", sequence, actor="Ruth", reason="it will never come", at=datetime.now(UTC)
    )
    assert standing_deliveries(place.deployment.engine) == []


@pytest.mark.in_full
def test_the_night_after_those_that_were_kept_goes_on_from_them(place: LittleNights) -> None:
    place.deliver(NIGHTS)
    assert place.load() == {NIGHTS: "published"}
    assert place.in_force(NIGHTS).inputs.base is not None
    assert not place.night(NIGHTS - KEPT_NIGHTS - 1).folder.exists()


def test_tables_of_attempts_that_nobody_looks_at_any_more_go(place: LittleNights, setting: Setting) -> None:
    last = NIGHTS - 1
    place.deliver(last, "police")  # the same content under another sequence: another input, the same index
    assert place.load() == {last: "published"}
    attempts = place.night(last).folder / "attempts"
    assert [path.name for path in attempts.iterdir()] == [place.in_force(last).folder.name]


def test_what_killed_runs_have_left_half_written_is_swept_and_nothing_else(place: LittleNights) -> None:
    night = place.night(NIGHTS - 1)
    stored = place.home / "deliveries" / AUTHORITY / "health" / day_of(NIGHTS - 1).isoformat() / ".seq=9-abc.x1y2"
    left = [night.folder / ".identities.part", night.folder / "attempts" / ".snapshot.part", stored]
    for path in left:
        path.mkdir()
        (path / "half.parquet").write_bytes(b"half")
    for below in (
        "protection/{}/health",
        "snapshots/{}/tombstones",
        "snapshots/{}/ledger",
        "snapshots/{}",
        "deliveries/{}",
    ):
        left.append(place.home / below.format(AUTHORITY) / ".x.parquet.abcd.part")
        left[-1].parent.mkdir(parents=True, exist_ok=True)
        left[-1].write_bytes(b"half")
    before = bytes_under(place.home)
    assert sweep(place.deployment, AUTHORITY) == len(left)
    assert not any(path.exists() for path in left)
    assert bytes_under(place.home) == {name: told for name, told in before.items() if left_by(name).isdisjoint(left)}

    shared = [place.home / below for below in ("reports", "audit", "models", "")]
    fresh, old = ([folder / name for folder in shared] for name in (".fresh.part", ".old.part"))
    for path in (*fresh, *old):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (time.time() - 7200,) * 2)
    assert sweep(place.deployment) == len(old)  # another authority's run may be writing the fresh ones
    assert all(path.exists() for path in fresh) and not any(path.exists() for path in old)


def test_what_another_process_renames_or_removes_meanwhile_is_nobodys(
    place: LittleNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = place.home / "reports"
    renamed, removed, folder = reports / ".a.part", reports / ".b.part", reports / ".c.part"
    for path in (renamed, removed):
        path.write_bytes(b"half")
    (folder / "half").mkdir(parents=True)
    for path in (renamed, removed, folder):
        os.utime(path, (time.time() - 7200,) * 2)
    known = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        """As another process is quicker: one goes before it is looked at, the others between the look and the removal."""
        if path == renamed:
            path.rename(reports / "a")
        told = known(path)
        if path == removed:
            path.unlink()
        elif path == folder:
            path.rename(reports / "c")
        return told

    with monkeypatch.context() as patched:
        patched.setattr(Path, "lstat", lstat)
        assert sweep(place.deployment) == 0
    assert (reports / "a").exists() and (reports / "c" / "half").exists()


def test_pages_of_a_night_that_another_load_lets_go_are_left_out_of_the_index(tmp_path: Path) -> None:
    (tmp_path / "2026-11-20" / AUTHORITY).mkdir(parents=True)
    (tmp_path / "2026-11-19").write_text("as a folder that goes while it is read", encoding="utf-8")
    write_index(tmp_path)
    assert "2026-11-20/330/" in (tmp_path / "index.html").read_text(encoding="utf-8")


def left_by(name: str) -> set[Path]:
    """The file of this name and its folder."""
    return {Path(name), Path(name).parent}


@pytest.mark.in_full
def test_a_night_whose_correction_is_held_is_not_let_go_with_what_came_for_it(tmp_path: Path) -> None:
    """Nights 0 to 2; a wrong correction of night 1 is held, a late delta for it is loaded, and nobody acts for a long time."""
    place = LittleNights(tmp_path)
    with few_keys_may_move():
        for number in range(3):
            place.deliver(number, *(AGENCIES if number == 0 else ["health"]))
        place.load()
        right = {key: dict(row) for key, row in place.feeds["health"].rows.items()}
        place.renumber()
        place.deliver(1, "health")
        assert place.load()[1] == "held"
        place.feeds["health"].rows = right
        police = place.feeds["police"]
        police.sequence += 1
        moved = row_of("police", 0, "moved") | {"change": "upsert"}
        put(place.landing, Delivery("police", day_of(1), police.sequence, "delta", [moved]))
        place.load()
        for number in range(3, KEPT_NIGHTS + 4):
            place.deliver(number, "health")
            assert place.load()[number] == "published"
            assert place.load() == {}, "what is let go makes no night run"
            live = read_table(place.in_force(number).folder / "live" / "police.parquet")
            assert "Newly Row" in str(live.to_pylist())
            if (
                number == KEPT_NIGHTS + 1
            ):  # as many are kept behind it as any night has: it would go, if it had been settled
                assert place.last(1).state == "held"
    assert place.last(1).state == "retired", "the nights after it have all that came for it"
