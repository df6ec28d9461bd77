"""Social care: one document per child, with names, address, carers and involvements nested in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sample_feeds.agencies.holdings import Holding, blank_some, constant, iso, known_addresses, unique_numbers
from sample_feeds.names import names
from sample_feeds.places import Addresses
from sample_feeds.population import Children, Ints
from sample_feeds.randomness import Objects, as_objects
from sample_feeds.spelling import Habits, known_birth_dates, known_names

__all__ = ["COLUMNS", "KEY", "addresses_of", "make_holding", "make_rows"]

KEY = ("la_child_id",)
COLUMNS = ("la_child_id", "upn", "upn_unknown_reason", "former_upn", "nhs_number", "names", "date_of_birth",
           "expected_date_of_birth", "sex", "address", "carers", "involvements", "lead_professional", "caf_exists",
           "firewall_from", "shield", "withdrawn")  # fmt: skip
HABITS = Habits(faithful=0.4, nickname=0.05, slip=0.02, by_ear=0.02, swapped=0.004, half_of_double=0.15, joint_lost=0.2,
                other_family=0.35, folded=0.5, shouted=0.01, date_wrong=0.012, first_of_january=0.003)  # fmt: skip
_TEAMS = as_objects(["Assessment Team East", "Assessment Team West", "Children in Need", "Looked After Children",
                     "Disabled Children", "Early Help", "Leaving Care", "Family Support", "Youth Justice"])  # fmt: skip
_SENSITIVE = as_objects(
    ["Young People's Substance Misuse", "Sexual Health Outreach", "Child and Adolescent Mental Health"]
)
_REASONS = ("risk_of_harm", "domestic_abuse", "witness_protection", "other")


def make_holding(rng: np.random.Generator, children: Children, addresses: Addresses, day: np.datetime64) -> Holding:
    """The holding on the first night: 4.8 % of children, every unborn one, both identities of the adopted, the
    shielded.
    """
    n = len(children)
    luck = rng.random(n)
    wanted = children.born & (luck < max(0.048, 9 / n))
    wanted |= ~children.born | (children.adopted_pair >= 0) & (luck < 0.6)
    wanted |= children.shielded & (np.arange(n) % 3 != 0)
    who = np.flatnonzero(wanted)
    rng.shuffle(who)
    columns = make_rows(rng, children, addresses, who, day, 0)
    return Holding(KEY, columns, who, np.zeros(len(who), np.int64))


def make_rows(
    rng: np.random.Generator, children: Children, addresses: Addresses, who: Ints, day: np.datetime64, issued: int
) -> dict[str, Objects]:
    """Documents about the children at `who`, as columns whose nested values are lists and mappings."""
    those, n = children.take(who), len(who)
    given, further, family = known_names(rng, those, HABITS)
    age = (day - those.birth).astype(np.int64) / 365.2425
    has_upn = those.born & (age > 4.2) & (rng.random(n) < 0.9)
    reason = np.where(age < 5, "UN1", as_objects([f"UN{k}" for k in range(2, 8)])[rng.integers(0, 6, n)])
    old_number = (those.former_nhs_number != None) & (rng.random(n) < 0.6)  # noqa: E711 - an array of objects
    number = np.where(old_number, those.former_nhs_number, those.nhs_number)
    sex = those.sex.copy()
    sex[~those.born] = "U"
    born = iso(known_birth_dates(rng, np.minimum(those.birth, day), HABITS, day))
    flags = as_objects([True, False])  # type: ignore[list-item]
    at = known_addresses(rng, those, 0.12, 0.1)
    row = {
        "la_child_id": as_objects([f"{number:07d}" for number in unique_numbers(issued + 1, n, 3_034_111, 10_000_000)]),
        "upn": np.where(has_upn, those.upn, None),
        "upn_unknown_reason": np.where(has_upn, None, reason),
        "former_upn": np.where(has_upn, those.former_upn, None),
        "nhs_number": np.where(those.born & (rng.random(n) < 0.66), number, None),
        "names": _lists(
            _name_entry(*entry)
            for entry in zip(
                given, family, further, those.other_family, those.born, rng.random(n).tolist(), strict=True
            )
        ),
        "date_of_birth": np.where(those.born, born, None),
        "expected_date_of_birth": np.where(those.born, None, iso(those.birth)),
        "sex": sex,
        "address": addresses_of(rng, addresses, at, at == those.address, day),
        "carers": _lists(
            [{"name": name, "relationship": tie, "contact": phone}]
            for name, tie, phone in zip(those.carer, those.carer_relationship, those.carer_phone, strict=True)
        ),
        "involvements": _involvements(rng, n, day),
        "lead_professional": flags[(rng.random(n) > 0.3).astype(int)],
        "caf_exists": flags[(rng.random(n) > 0.4).astype(int)],
        "firewall_from": constant(None, n),
        "shield": _lists(
            {"requested": True, "by": "Service Manager", "reason_code": _REASONS[place % 4]}
            if shielded and place % 3 != 0
            else None
            for shielded, place in zip(those.shielded, who.tolist(), strict=True)
        ),
        "withdrawn": constant(None, n),
    }
    row["carers"] = blank_some(rng, row["carers"], 0.12)
    return row


def addresses_of(
    rng: np.random.Generator,
    addresses: Addresses,
    at: Ints,
    current: np.ndarray,
    day: np.datetime64,  # type: ignore[type-arg]
) -> Objects:
    """Address objects; 0.8 % have none known, 0.6 % have left without a new one."""
    lines = addresses.lines(at)
    since = iso(day - rng.integers(30, 1_500, len(at)))
    found = []
    for luck, now, first, second, town, postcode, uprn, start in zip(
        rng.random(len(at)).tolist(), current, lines["line_1"], lines["line_2"], lines["line_3"], lines["postcode"],
        lines["uprn"], since, strict=True,
    ):  # fmt: skip
        if luck < 0.008:
            found.append({"status": "none_known"})
            continue
        address: dict[str, Any] = {"lines": [line for line in (first, second, town) if line], "postcode": postcode}
        if luck > 0.35:
            address["uprn"] = uprn
        address["from"] = start
        address["status"] = "left_unknown" if luck < 0.014 else "current" if now else "last_known"
        found.append(address)
    return _lists(found)


def _name_entry(
    given: str, family: str, middle: str | None, other: str | None, born: bool, luck: float
) -> list[dict[str, str]]:
    if not born:
        return [{"family": family, "given": "Baby", "type": "current"}]
    forenames = f"{given} {middle}" if middle and luck < 0.35 else given
    listed = [{"family": family, "given": forenames, "type": "current"}]
    if other and other != family and luck < 0.6:
        listed.append({"family": other, "given": given, "type": "former" if luck < 0.4 else "alias"})
    return listed


def _involvements(rng: np.random.Generator, count: int, day: np.datetime64) -> Objects:
    """One to three involvements each; 6 % of them with a sensitive service and a consent basis."""
    size = rng.choice([1, 2, 3], count, p=[0.6, 0.3, 0.1])
    total = int(size.sum())
    sensitive = rng.random(total) < 0.06
    team = np.where(sensitive, _SENSITIVE[rng.integers(0, 3, total)], _TEAMS[rng.integers(0, len(_TEAMS), total)])
    begun = day - rng.integers(3, 1_200, total)
    over = np.where(
        rng.random(total) < 0.35, np.minimum(begun + rng.integers(20, 700, total), day), np.datetime64("NaT")
    )
    worker = names().given["british", "F"].draw(rng, total) + " " + names().family["british"].draw(rng, total)
    basis = np.where(rng.random(total) < 0.75, "explicit_consent", "significant_harm")
    entries = []
    for place, (team_, worker_, start, end, closed_off) in enumerate(
        zip(team, worker, iso(begun), iso(over), sensitive.tolist(), strict=True)
    ):
        entry = {"team": team_, "worker": worker_, "contact": f"01632 960{place % 1_000:03d}", "start": start}
        if end:
            entry["end"] = end
        entry["sensitive"] = closed_off
        if closed_off:
            entry["consent_basis"] = str(basis[place])
        entries.append(entry)
    ends = np.cumsum(size).tolist()
    return _lists(entries[end - long : end] for end, long in zip(ends, size.tolist(), strict=True))


def _lists(values: Any) -> Objects:
    """A column of nested values."""
    listed = list(values)
    column = np.empty(len(listed), dtype=object)
    for place, value in enumerate(listed):
        column[place] = value
    return column
