"""An outage inside the gates fails a night, which the next load runs again; it removes nothing that waits to be made less."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.nights.protective import protection_waits, taken_away
from pipelines.publishing.gates import run as gates_run
from tests.nights.little_authority import AUTHORITY, children
from tests.nights.little_nights import LittleNights, bytes_under


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> LittleNights:
    place = LittleNights(tmp_path_factory.mktemp("two-nights"))
    for number in (0, 1):
        place.deliver(number)
        assert place.load() == {number: "published"}
    return place


FAULTS: list[tuple[Exception, str]] = [
    (OSError(errno.ENOSPC, "No space left on device"), "DISK_FULL"),
    (OSError(errno.EIO, "Input/output error"), "DISK_FAULTY"),
    (MemoryError(), "MEMORY_SHORT"),
    (duckdb.OutOfMemoryException("no more"), "MEMORY_SHORT"),
    (KeyError("a fault of the program"), "GATE_NOT_COMPUTED"),
]


@pytest.mark.in_full
@pytest.mark.parametrize(
    ("where", "fault", "code"),
    [
        *(("opened", *each) for each in FAULTS),
        *(("gate", *each) for each in FAULTS),
        *(("stored_table", *each) for each in FAULTS if each[1].startswith("DISK")),  # where no gate is at work yet
    ],
)
def test_what_is_in_the_way_of_a_gate_fails_the_night_and_the_next_load_runs_it(
    two_nights: LittleNights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    fault: Exception,
    code: str,
) -> None:
    place = two_nights.copied_to(tmp_path)
    before = bytes_under(place.home / "snapshots")
    place.deliver(2)

    def failing(*given: Any, **named: Any) -> Any:
        raise fault

    with monkeypatch.context() as patch:
        if where == "gate":
            patch.setitem(gates_run.GATES, "volume", failing)  # type: ignore[arg-type]
        else:
            patch.setattr(gates_run, where, failing)
        assert place.load() == {2: "failed"}
    last = place.last(2)
    assert (last.state, last.stage, last.code) == ("failed", "snapshot", code)
    assert "a fault of the program" not in last.reasons[0]
    assert bytes_under(place.home / "snapshots") == before
    assert place.load() == {2: "published"}


@pytest.mark.in_full
def test_an_outage_while_an_older_version_is_made_less_waits_and_ends_as_undisturbed(
    two_nights: LittleNights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, full = two_nights.copied_to(tmp_path / "calm"), two_nights.copied_to(tmp_path / "full")
    for place in (calm, full):
        place.feeds["health"].hold(children()[0], confidentiality="S")
        place.deliver(2)
    assert calm.load() == {2: "published"}
    real = gates_run.opened

    def opened(built: Any, *given: Any, **named: Any) -> Any:
        if any(".less.part" in str(stored.path) for stored in built.values()):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(built, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(gates_run, "opened", opened)
        assert full.load() == {2: "published"}
        assert taken_away(full.deployment, AUTHORITY) == []
        assert protection_waits(full.deployment, [AUTHORITY]) == [AUTHORITY]
    assert full.load() == {}
    assert protection_waits(full.deployment, [AUTHORITY]) == []
    kept = [
        {name.rpartition("/snapshots/")[2]: told for name, told in bytes_under(place.home / "snapshots").items()}
        for place in (calm, full)
    ]
    assert [{name: told for name, told in each.items() if "tombstones" not in name} for each in kept] == [
        {name: told for name, told in kept[0].items() if "tombstones" not in name}
    ] * 2
