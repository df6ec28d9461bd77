"""Replay is safe: whatever came, failed, was killed, decided or run again, the home ends as if everything had gone well.

One home lives through a random history of a tiny authority; another one gets everything once, in order. In the end both
say the same of every record, under the same ids, and where nobody is hidden they show the same; but the first hides whom a version that
was replaced had known to be hidden (`docs/decisions/0020`). A longer search than the usual one: ``REPLAY_EXAMPLES=500 REPLAY_STEPS=25 pytest …``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import insert, select

from pipelines.database import schema as db
from pipelines.deliveries import Register, lying
from pipelines.deliveries.acknowledge import ack_of
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.attempts import last_attempts
from pipelines.nights.decisions import decide, every_decision, override, take_back
from pipelines.nights.lock import alone
from pipelines.nights.night import Night
from pipelines.nights.retention import prune, sweep
from pipelines.nights.run import STAGES, run_all, run_night
from pipelines.nights.take_in import take_in
from pipelines.publishing.gates import OVERRIDABLE, volume
from pipelines.publishing.versions import versions_in_force
from pipelines.tables import read_table
from tests.nights.disturbance import KINDS, Disturbance, disturbed
from tests.nights.home_told import differences, leftovers, told
from tests.nights.little_authority import AGENCIES, AUTHORITY, VARIANTS, Delivery, day_of, opened, put, row_of

pytestmark = pytest.mark.in_full

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
NIGHTS = 4
# of three hundred durable steps of a night those that stand close together differ little
_moments = st.one_of(st.sampled_from([*AGENCIES, *STAGES]), st.integers(1, 400))
disturbances = st.builds(Disturbance, st.sampled_from(KINDS), _moments)
perhaps_disturbed = st.one_of(st.none(), disturbances)
agencies, days = st.sampled_from(AGENCIES), st.integers(0, NIGHTS - 1).map(day_of)
_variants = st.one_of(st.just("as it is"), st.sampled_from(VARIANTS))
_some = st.dictionaries(st.integers(0, 7), _variants, min_size=1, max_size=3)


def _of_records(said: dict[str, Any]) -> dict[str, Any]:
    """What a home says of records and ids. Versions have another name where a night came otherwise, for they say what they carry on."""
    named = ("identities as at", "table reject", "table delivery")
    return {
        name: told
        for name, told in said.items()
        if name.startswith(named) or name.endswith(("feeds.json", "faults.parquet"))
    }


def _shown(deployment: Deployment, day: date) -> dict[str, dict[str, list[Any]]]:
    """What the version of a night shows of each child, by table: index id → its rows, first in `children` whether it is hidden."""
    folder = deployment.home.snapshots(AUTHORITY) / versions_in_force(deployment.home, AUTHORITY)[day]
    shown: dict[str, dict[str, list[Any]]] = {}
    for table in ("children", "names", "addresses", "carers", "involvements", "record_links"):
        found: dict[str, list[Any]] = defaultdict(list)
        for row in read_table(folder / f"{table}.parquet").to_pylist():
            if table == "children":
                found[row["index_id"]].append(row["shielded"] or row["withheld"])
            found[row["index_id"]].append(repr(row))
        shown[table] = {child: rows if table == "children" else sorted(rows) for child, rows in found.items()}
    return shown


class Histories(RuleBasedStateMachine):
    """A home, the landing place before it, and all that people and machines do to them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="isindex-replay-"))
        self.landing = self.folder / "landing"
        self.landing.mkdir()
        self.deployment = opened(self.folder / "home", self.landing)
        self.sent: list[Delivery] = []
        self.lying: dict[tuple[str, date], Delivery] = {}
        self.next: dict[str, int] = defaultdict(lambda: 1)
        self.skipped: dict[str, list[int]] = defaultdict(list)

    # ---- what arrives ---------------------------------------------------------------------------------------------
    @initialize(who=st.lists(agencies, min_size=1, unique=True))
    def the_first_night(self, who: list[str]) -> None:
        for agency in who:
            self._send(agency, day_of(0), "full", {})
        self._load()

    @rule(agency=agencies, day=days, but=_some, gone=st.booleans(), skip=st.booleans())
    def a_full_delivery(self, agency: str, day: date, but: dict[int, str], gone: bool, skip: bool) -> None:
        rows = [row_of(agency, child, but.get(child, "as it is")) for child in range(8) if not (gone and child in but)]
        self._send(agency, day, "full", rows, skip=skip)

    @rule(agency=agencies, day=days)
    def an_empty_full_delivery(self, agency: str, day: date) -> None:
        self._send(agency, day, "full", [])

    @rule(agency=agencies, day=days, of=_some, gone=st.sets(st.integers(0, 7), max_size=1), skip=st.booleans())
    def a_delta(self, agency: str, day: date, of: dict[int, str], gone: set[int], skip: bool) -> None:
        self._send(agency, day, "delta", self._changes(agency, of, gone), skip=skip)

    @rule(agency=agencies, day=days, of=_some)
    @precondition(lambda self: any(self.skipped.values()))
    def what_was_missing(self, agency: str, day: date, of: dict[int, str]) -> None:
        for each in (agency, *AGENCIES):
            if self.skipped[each]:
                number = self.skipped[each].pop(0)
                self._send(each, day, "delta", self._changes(each, of, set()), sequence=number)
                return

    @rule(agency=agencies, day=days, fault=st.sampled_from(["checksum", "manifest"]), again=st.booleans())
    def a_damaged_delivery(self, agency: str, day: date, fault: str, again: bool) -> None:
        number = self._number(agency)
        self._send(agency, day, "full", [row_of(agency, 0)], sequence=number, fault=fault)
        self._take_in(agency, day)
        if again:
            self.next[agency] = number
        else:
            self.skipped[agency].append(number)

    @rule(agency=agencies, day=days, of=_some)
    def a_repeated_sequence(self, agency: str, day: date, of: dict[int, str]) -> None:
        """Another delivery with a number that was used up, of a date that is not before the first one's."""
        used = ("loaded", "partly_loaded", "superseded")
        known = [each for each in self._known(agency) if each.state in used and each.business_date <= day]
        if known:
            rows = [row_of(agency, child, variant) for child, variant in of.items()]
            self._send(agency, day, "full", rows, sequence=known[0].sequence)

    # ---- what people do -------------------------------------------------------------------------------------------
    @rule(kind=st.sampled_from(["same", "not_the_same"]), first=st.integers(0, 31), second=st.integers(0, 31))
    def a_decision(self, kind: str, first: int, second: int) -> None:
        night = max(versions_in_force(self.deployment.home, AUTHORITY), default=None)
        if night is None:
            return
        folder = Night(self.deployment, AUTHORITY, night).folder
        keys = read_table(folder / "person" / "records.parquet", ["record_key"])["record_key"].to_pylist()
        if len(keys) > 1 and first % len(keys) != second % len(keys):
            pair = keys[first % len(keys)], keys[second % len(keys)]
            try:
                decide(self.deployment, AUTHORITY, kind, *pair, actor="Ruth", reason="seen", at=NOW)
            except IsindexError as refused:  # one about the pair stands already
                assert refused.code == "DECISION_CONTRADICTS"

    @rule(which=st.integers(0, 9))
    def a_decision_taken_back(self, which: int) -> None:
        standing = [each for each in every_decision(self.deployment, AUTHORITY) if each.undone_at is None]
        if standing:
            number = standing[which % len(standing)].number
            take_back(self.deployment, AUTHORITY, number, actor="Ruth", reason="a mistake", at=NOW)

    @rule()
    def held_nights_are_let_pass(self) -> None:
        self._override()

    # ---- what machines do -----------------------------------------------------------------------------------------
    @rule(disturbance=perhaps_disturbed)
    def a_load(self, disturbance: Disturbance | None) -> None:
        self._load(disturbance)

    @rule(disturbance=perhaps_disturbed, only=st.sets(days, min_size=1, max_size=2))
    def a_load_of_some_nights(self, disturbance: Disturbance | None, only: set[date]) -> None:
        self._load(disturbance, only=only)

    @rule(disturbance=perhaps_disturbed, day=days)
    def a_night_run_again(self, disturbance: Disturbance | None, day: date) -> None:
        with disturbed(disturbance, self.deployment.engine) as before:
            run_night(Night(self.deployment, AUTHORITY, day), started_by="a test", before=before)

    @rule(disturbance=perhaps_disturbed, day=days)
    def a_night_that_is_due(self, disturbance: Disturbance | None, day: date) -> None:
        self._load(disturbance, due=day)

    # ---- what must hold -------------------------------------------------------------------------------------------
    def teardown(self) -> None:
        other = None
        try:
            self._bring_to_rest()
            other = self._in_order()
            left, right = told(self.deployment, AUTHORITY), told(other, AUTHORITY)
            assert not (unlike := differences(_of_records(left), _of_records(right))), "\n".join(unlike)
            self._hides_no_less_than(other)
            assert left["outstanding"] == []
            assert leftovers(self.deployment, AUTHORITY) == []
            self._every_delivery_is_answered()
        finally:
            for deployment in (self.deployment, other):
                if deployment is not None:
                    deployment.engine.dispose()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _bring_to_rest(self) -> None:
        """One undisturbed load; and what gates of volume still hold a person lets pass, until nothing is held."""
        self._load()
        while self._override():
            self._load()
        last = last_attempts(self.deployment.engine, AUTHORITY)
        assert {row.state for row in last.values()} <= {"published"}, {day: row.reasons for day, row in last.items()}

    def _hides_no_less_than(self, other: Deployment) -> None:
        """Each night shows the children of the calm home, but for those whom a version that was replaced since had known to be hidden; of the others
        the same, but for a home that one of those gives away.
        """
        for day in versions_in_force(other.home, AUTHORITY):
            ours, calm = (_shown(deployment, day) for deployment in (self.deployment, other))
            assert ours["children"].keys() == calm["children"].keys(), day
            hidden = {child for child, row in ours["children"].items() if row[0]}
            assert {child for child, row in calm["children"].items() if row[0]} <= hidden, day
            if not hidden:
                assert ours == calm, day

    def _every_delivery_is_answered(self) -> None:
        for found in lying(str(self.landing), authority=AUTHORITY):
            entry = Register(self.deployment.engine).entry(found.delivery_id)
            assert entry is not None, found.place
            answer = json.loads((self.landing / found.place / "ack.json").read_text())
            assert answer == ack_of(entry), found.place

    def _in_order(self) -> Deployment:
        """Another home that got every delivery once, by business date, with every decision on record from the start."""
        landing = self.folder / "in order"
        landing.mkdir()
        other = opened(self.folder / "other", landing)
        with self.deployment.engine.connect() as connection:
            decisions = [dict(row) for row in connection.execute(select(db.decision)).mappings()]
        if decisions:
            with other.engine.begin() as connection:
                connection.execute(insert(db.decision), decisions)
        for day in sorted({*last_attempts(self.deployment.engine, AUTHORITY), *(each[1] for each in self.lying)}):
            taken: set[str] = set()
            for delivery in (each for each in self.sent if each.business_date == day):
                if delivery.agency in taken:  # its folder is needed for the next
                    take_in(Night(other, AUTHORITY, day), delivery.agency)
                put(landing, delivery)
                taken.add(delivery.agency)
            run_all(other, started_by="a test", due=day)
        return other

    # ---- by what means --------------------------------------------------------------------------------------------
    def _send(
        self,
        agency: str,
        day: date,
        mode: str,
        rows: Any,
        *,
        skip: bool = False,
        sequence: int | None = None,
        fault: str = "",
    ) -> None:
        """Put a delivery into the landing place, after what lay in its folder was taken in."""
        if (agency, day) in self.lying:
            self._take_in(agency, day)
        if skip:
            self.skipped[agency].append(self._number(agency))
        number = sequence if sequence is not None else self._number(agency)
        chosen = rows if rows != {} else [row_of(agency, child) for child in range(8)]
        delivery = Delivery(agency, day, number, mode, chosen, fault)
        put(self.landing, delivery)
        _note(f"sent {delivery.name}")
        self.lying[agency, day] = delivery
        self.sent.append(delivery)

    def _number(self, agency: str) -> int:
        self.next[agency] += 1
        return self.next[agency] - 1

    @staticmethod
    def _changes(agency: str, of: dict[int, str], gone: set[int]) -> list[dict[str, Any]]:
        return [
            row_of(agency, child, of.get(child, "as it is")) | {"change": "withdraw" if child in gone else "upsert"}
            for child in sorted({*of, *gone})
        ]

    def _take_in(self, agency: str, day: date) -> None:
        take_in(Night(self.deployment, AUTHORITY, day), agency)

    def _known(self, agency: str) -> list[Any]:
        return Register(self.deployment.engine).known(AUTHORITY, agency)

    def _load(
        self, disturbance: Disturbance | None = None, *, only: set[date] | None = None, due: date | None = None
    ) -> None:
        with disturbed(disturbance, self.deployment.engine) as before:
            ran = run_all(
                self.deployment,
                started_by="a test",
                selected=lambda each: only is None or each.business_date in only,
                due=due,
                before=before,
            )
            _note(f"ran {[(each.planned.business_date.isoformat(), each.state, each.planned.why) for each in ran]}")

        with alone(self.deployment, AUTHORITY):
            sweep(self.deployment, AUTHORITY)
            prune(self.deployment, AUTHORITY)

    def _override(self) -> bool:
        """Let every gate pass that holds a night; whether there was one."""
        found = False
        for day, row in last_attempts(self.deployment.engine, AUTHORITY).items():
            if row.state == "held":
                failed = [gate["name"] for gate in row.gates if not gate["passed"]]
                assert set(failed) <= OVERRIDABLE, (day, row.reasons)
                for gate in failed:
                    found = True
                    _note(f"override {gate} of {day}")
                    override(self.deployment, AUTHORITY, day, gate, actor="Ruth", reason="it is so", at=NOW)
        return found


def _note(text: str) -> None:
    """For whoever reads a failed example; nothing where there is none."""
    with suppress(InvalidArgument):
        note(text)


@pytest.fixture
def gates_of_a_small_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The gates of volume let a small index pass whatever moves; here they look as closely as in a large one."""
    monkeypatch.setattr(volume, "CHILDREN_LOST_LEAST", 1)
    for name in ("INDEX_IDS_MOVED_LEAST", "KEYS_MOVED_LEAST"):
        monkeypatch.setattr(volume, name, 3)
    yield


@pytest.mark.slow
def test_whatever_happens_the_home_ends_as_if_everything_had_come_once_and_in_order(gates_of_a_small_place):
    by_hand = int(os.environ.get("REPLAY_EXAMPLES", "0"))
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=by_hand or 4,
            stateful_step_count=int(os.environ.get("REPLAY_STEPS", "10")),
            deadline=None,
            derandomize=not by_hand,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # what was noted of an example says enough
            print_blob=True,
        ),
    )


@pytest.mark.slow
@pytest.mark.postgres
def test_a_troubled_history_on_postgresql_ends_as_a_calm_one_on_sqlite(
    postgres_url: str, setting: Callable[[str, object], None], gates_of_a_small_place: None
) -> None:
    setting("ISINDEX_DATABASE_URL", postgres_url)
    history = Histories()
    setting("ISINDEX_DATABASE_URL", "")
    assert history.deployment.engine.dialect.name == "postgresql"
    history.the_first_night(["health", "police"])
    history.a_delta("health", day_of(2), {1: "moved", 4: "broken"}, set(), skip=True)
    history.a_load(Disturbance("kill", 230))
    history.a_decision("same", 0, 9)
    history.a_full_delivery("social_care", day_of(1), {5: "shielded", 6: "mistaken"}, gone=False, skip=False)
    history.a_load(Disturbance("outage", "publish"))
    history.what_was_missing("health", day_of(1), {0: "moved"})
    history.a_load(Disturbance("kill", "reports"))
    history.a_damaged_delivery("police", day_of(2), "checksum", again=True)
    history.a_full_delivery("police", day_of(2), {0: "as it is", 1: "as it is"}, gone=True, skip=False)
    history.a_night_run_again(Disturbance("kill", 300), day_of(1))
    history.a_decision_taken_back(0)
    history.a_load(Disturbance("surprise", "identities"))
    history.teardown()
