"""Victims: invented children whose every value is found again wherever it stands.

Belongs here: children with rare names, homes, numbers and carers of their own, and their records as each agency would send
them. No two share a name or a part of one, and none of the values is a word that the product says itself. Not here: what is done to
them (the families), where their values are looked for (`search`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from tests.nights.little_authority import AGENCIES, Child, Feed

__all__ = ["KEYS", "Victim", "rare_word", "record_of", "victim"]

KEYS = {"health": "local_patient_id", "education": "UPN", "police": "contact_ref", "social_care": "la_child_id"}
"""The column of the key, by agency."""


@dataclass(frozen=True)
class Victim(Child):
    """A child; `carer` and `phone` are who cares for it and how that one is reached.

    A copy with other fields (`dataclasses.replace`) is the same child in another record.
    """

    code: str = ""
    uprn: str = ""
    carer: str = ""
    phone: str = ""

    @property
    def postcode(self) -> str:
        """One that no other victim has."""
        return self.code

    @property
    def nhs(self) -> str:
        """A valid NHS number."""
        for last in range(10):
            digits = f"4{104_729 * self.number % 10**7:07}{last}"
            check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
            if check < 10:
                return digits + str(check)
        raise AssertionError("two neighbours never both lack a check digit")

    @property
    def upn(self) -> str:
        """A valid UPN."""
        digits = f"330400{self.number:06}"
        return (
            "ABCDEFGHJKLMNPQRTUVWXYZ"[
                sum(int(digit) * weight for digit, weight in zip(digits, range(2, 14), strict=True)) % 23
            ]
            + digits
        )


_UNITS = "ABDEFGHJLNPQRSTUWXYZ"  # letters of the inward part of a postcode


def victim(number: int) -> Victim:
    """The victim with this number, from 100; its brother or sister, or another home, may be made of the next ones."""
    street = f"{10 + number % 83} {rare_word(number, 'street').title()} Road"
    return Victim(
        number=number,
        given=rare_word(number, "given").title(),
        family=rare_word(number, "family").title(),
        sex="FM"[number % 2],
        street=street,
        born=date(2010 + number % 7, 1 + number % 12, 13 + number % 15),
        code=f"BX{1 + number % 9} {number // 9 % 10}{_UNITS[number // 90 % 20]}{_UNITS[number // 1800]}",
        uprn=f"100{31415926 + 7919 * number:09}",
        carer=f"{rare_word(number, 'carer').title()} {rare_word(number, 'family').title()}",
        phone=f"01632 {960000 + 37 * number}",
    )


def rare_word(number: int, what: str) -> str:
    """A word of nine letters that is nobody else's and in no text of the product."""
    draw = Random(f"{what} {number}")
    parts = (draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") + draw.choice("bdgkmpvxz") for _ in range(3))
    return "".join(parts)


def record_of(agency: str, child: Child, key: str = "", **cells: Any) -> dict[str, Any]:
    """The record of a child as the agency would send it, under `key` if there is one, with `cells` in place of its own."""
    assert agency in AGENCIES
    feed = Feed(agency)
    feed.hold(child)
    (row,) = feed.rows.values()
    own: dict[str, Any] = {}
    if agency == "health":
        own = {"local_patient_id": f"HK{child.number}"}
    if isinstance(child, Victim):
        own |= {
            "health": {"carer_name": child.carer},
            "education": {"UPRN": child.uprn},
            "police": {},
            "social_care": {
                "address": {**row.get("address", {}), "uprn": child.uprn},
                "carers": [{"name": child.carer, "relationship": "mother", "contact": child.phone}],
            },
        }[agency]
    return {**row, **own, **({KEYS[agency]: key} if key else {}), **cells}
