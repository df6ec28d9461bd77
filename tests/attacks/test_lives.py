"""Random lives: whatever becomes of a shielded child, night after night, nobody opens it but two people.

Many children live at once in one home, each a life of its own; what becomes of a night concerns all of them. A life changes a record under
its key, or gives it another key under which number or names stay: who changes everything at once, with nothing left of before, is
another child to everybody. A longer search than the usual one: ``LIVES_EXAMPLES=50 pytest …``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from pipelines.errors import IsindexError
from pipelines.nights import protection_decisions
from tests.attacks.attack import SHIELD
from tests.attacks.town import big_moves, hidden_names, open_names
from tests.attacks.victims import KEYS, Victim, record_of, victim
from tests.nights.little_authority import AGENCIES, AUTHORITY
from tests.nights.little_nights import LittleNights, broken_in, few_keys_may_move

pytestmark = pytest.mark.in_full

NIGHTS, LIVES = 4, 16


@dataclass
class Life:
    """A child, the records that tell of it, and what it has been called."""

    place: LittleNights
    child: Victim
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    closed: bool = False

    def put(self, agency: str, row: dict[str, Any]) -> None:
        name = f"{self.child.number} {agency}"
        self.rows[agency] = self.place.feeds[agency].rows[name] = row

    def known_to(self, *agencies: str) -> list[str]:
        return [agency for agency in agencies or AGENCIES if agency in self.rows]


def _appear(life: Life, agency: str) -> None:
    if agency not in life.rows:
        life.put(agency, record_of(agency, life.child))


def _gone(life: Life, agency: str) -> None:
    """The agency withdraws it; somebody still knows it under its number or name."""
    if agency in life.rows and len(life.rows) > 1:
        del life.rows[agency]
        del life.place.feeds[agency].rows[f"{life.child.number} {agency}"]


def _asks(life: Life, agency: str) -> None:
    for each in life.known_to("health", "social_care")[:1]:
        life.rows[each].update({"confidentiality": "S"} if each == "health" else {"shield": SHIELD})
        life.closed = True


def _quiet(life: Life, agency: str) -> None:
    for each in life.known_to("health", "social_care"):
        life.rows[each].update({"confidentiality": ""} if each == "health" else {"shield": None})


def _asks_in_a_record_that_is_rejected(life: Life, agency: str) -> None:
    if "health" in life.rows:
        life.rows["health"].update({"confidentiality": "S", "birth_date": ""})
        life.closed = True


_NAMES = {
    "health": ("family_name", "given_name"),
    "education": ("Surname", "Forename"),
    "police": ("surname", "forenames"),
}


def _renamed(life: Life, agency: str) -> None:
    """The family name is another one, in one feed: its number or key stays."""
    if agency in _NAMES and agency in life.rows:
        word = victim(life.child.number + 3).family
        life.rows[agency][_NAMES[agency][0]] = word
        life.words.add(word.casefold())


def _exchanged(life: Life, agency: str) -> None:
    if agency in _NAMES and agency in life.rows:
        family, given_name = _NAMES[agency]
        row = life.rows[agency]
        row[family], row[given_name] = row[given_name], row[family]


def _number_gone(life: Life, agency: str) -> None:
    for each in life.known_to("health", "social_care"):
        life.rows[each]["nhs_number"] = "" if each == "health" else None


def _number_new(life: Life, agency: str) -> None:
    if "health" in life.rows:
        life.rows["health"]["nhs_number"] = victim(life.child.number + 5).nhs


def _moved(life: Life, agency: str) -> None:
    if "health" in life.rows:
        there = victim(life.child.number + 2)
        life.rows["health"].update({"address_line_1": there.street, "postcode": there.postcode})


def _born_a_day_later(life: Life, agency: str) -> None:
    if "education" in life.rows:
        life.rows["education"]["DOB"] = (life.child.born + timedelta(days=1)).isoformat()


def _another_key(life: Life, agency: str) -> None:
    """The record comes under another key; everything else of it stays."""
    if agency in ("health", "police", "social_care") and agency in life.rows:
        life.rows[agency][KEYS[agency]] += "K"


def _as_it_was(life: Life, agency: str) -> None:
    """The record is corrected to what it was in the beginning, the mark blank."""
    if agency in life.rows:
        life.put(agency, record_of(agency, life.child))


def _one_person_unshields(life: Life, agency: str) -> None:
    for each in life.known_to():
        key = f"{each}:{life.rows[each][KEYS[each]]}"
        with suppress(IsindexError):  # of a record that no night has seen, or one whose proposal stands
            protection_decisions.unshield(
                life.place.deployment, AUTHORITY, key, actor="Ruth", reason="x", at=datetime.now(UTC)
            )


def _nothing(life: Life, agency: str) -> None:
    pass


STEPS: tuple[Callable[[Life, str], None], ...] = (
    _nothing, _appear, _appear, _gone, _asks, _asks, _quiet, _quiet, _asks_in_a_record_that_is_rejected, _renamed, _exchanged, _number_gone,
    _number_new, _moved, _born_a_day_later, _another_key, _as_it_was, _one_person_unshields,
)  # fmt: skip
EVENTS = (
    "as ever",
    "as ever",
    "health is silent",
    "held, then as ever",
    "fails, then as ever",
    "the night before is run again",
)
_steps = st.tuples(st.sampled_from(STEPS), st.sampled_from(AGENCIES))
_lives = st.lists(st.lists(_steps, min_size=NIGHTS, max_size=NIGHTS), min_size=LIVES, max_size=LIVES)


def _live(lives: list[list[tuple[Callable[[Life, str], None], str]]], events: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="isindex-lives-") as folder, big_moves():
        place = LittleNights(Path(folder))
        children = [Life(place, victim(100 + 7 * number)) for number in range(len(lives))]
        for life in children:
            life.words |= {life.child.family.casefold(), life.child.given.casefold()}
            for agency in ("health", "education", "social_care"):
                life.put(agency, record_of(agency, life.child))
        place.deliver(0)
        assert place.load() == {0: "published"}
        for night, event in enumerate(events, start=1):
            for life, steps in zip(children, lives, strict=True):
                act, agency = steps[night - 1]
                act(life, agency)
            note(
                f"night {night}: {event}; {[(life.child.number, steps[night - 1][0].__name__, steps[night - 1][1]) for life, steps in zip(children, lives, strict=True)]}"
            )
            _night(place, night, event)
            shown = open_names(place)
            for life in children:
                if life.closed and not (event == "health is silent" and "health" in life.rows):
                    assert [where for where, words in shown.items() if words & life.words] == [], (
                        life.child.number,
                        night,
                    )
        assert hidden_names(place, len(events)) or not any(life.closed for life in children)


def _night(place: LittleNights, night: int, event: str) -> None:
    place.deliver(night, *(AGENCIES[1:] if event == "health is silent" else AGENCIES))
    if event == "held, then as ever":
        place.feeds["health"].sequence += 1
        health = place.feeds["health"].rows
        keys = {name: row["local_patient_id"] for name, row in health.items()}
        place.renumber()
        place.deliver(night, "health")
        with few_keys_may_move():
            assert place.load() == {night: "held"}
        for name, key in keys.items():
            health[name]["local_patient_id"] = key
        place.deliver(night, "health")
    if event == "fails, then as ever":
        assert place.load(before=broken_in("identities")) == {night: "failed"}
    assert place.load()[night] == "published", place.last(night).reasons
    if event == "the night before is run again":
        assert set(place.load(asked=[night - 1]).values()) == {"published"}


_BY_HAND = int(os.environ.get("LIVES_EXAMPLES", "0"))


@pytest.mark.slow
@settings(
    max_examples=_BY_HAND or 1, deadline=None, derandomize=not _BY_HAND, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate], print_blob=True,
)  # fmt: skip
@given(lives=_lives, events=st.lists(st.sampled_from(EVENTS), min_size=NIGHTS, max_size=NIGHTS))
def test_whatever_becomes_of_a_shielded_child_nobody_opens_it(lives: Any, events: list[str]) -> None:
    assume(
        sum(act is _asks for steps in lives for act, _ in steps) > 4
    )  # the simplest lives are not worth their nights
    assume(len(set(events)) > 2)
    _live(lives, events)


def test_who_opens_a_child_in_these_lives_would_be_seen(tmp_path: Path) -> None:
    place = LittleNights(tmp_path)
    life = Life(place, victim(100))
    life.put("health", record_of("health", life.child))
    place.deliver(0)
    place.load()
    assert any(life.child.family.casefold() in words for words in open_names(place).values())
