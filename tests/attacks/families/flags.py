"""Flags: whatever is done to the mark of a record, its child is hidden. What is done to a whole file is in `test_flags`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.attacks.attack import SHIELD, Act, Attack, Scene, acts

__all__ = ["ATTACKS", "CELLS", "OBJECTS"]

CELLS: dict[str, str] = {
    "S": "S", "s": "s", "S between spaces": "  S ", "S after a hard space": "\u00a0S", "a wide S": "\uff33",
    "S after an invisible sign": "\u200bS", "a cyrillic S": "\u0405", "Y": "Y", "yes": "yes", "1": "1", "0": "0", "N": "N", "no": "no",
    "true": "true", "false": "false", "Shielded": "Shielded", "S and a full stop": "S.", "NULL": "NULL", "a question mark": "?",
    "a dash": "-", "two signs": "SS",
}  # fmt: skip
"""What may stand in the column of the mark, and is not blank."""

OBJECTS: dict[str, Any] = {
    "as it should be": SHIELD,
    "nobody has authorised it": {"requested": True},
    "no reason that is known": {"requested": True, "by": "A", "reason_code": "none"},
    "the text true": {"requested": "true"}, "the text false": {"requested": "false"}, "the text yes": {"requested": "yes"},
    "the number 1": {"requested": 1}, "the number 0": {"requested": 0}, "a list": {"requested": [True]},
    "requested in capitals": {"Requested": True}, "requested misspelled": {"requestd": True},
    "who by alone": {"by": "Head of Service"}, "the reason alone": {"reason_code": "domestic_abuse"},
    "no, and a further key": {"requested": False, "why": "x"},
    "true and not an object": True, "a text": "yes", "a list of objects": [SHIELD], "an empty list": [], "an object in it": {"requested": {"yes": True}},
}  # fmt: skip
"""What may stand under ``shield``, and is not plainly none."""


def _cell(value: str) -> Act:
    return lambda scene: scene.asks("health", value)


def _object(value: Any) -> Act:
    return lambda scene: scene.asks("social_care", value)


def _instead(change: Callable[[dict[str, Any]], None], agency: str = "social_care") -> Act:
    return lambda scene: change(scene.row(agency))


def _rejected(scene: Scene) -> None:
    scene.asks()
    scene.row("health")["birth_date"] = "31/02/2015"


def _no_family_name(scene: Scene) -> None:
    scene.asks()
    scene.row("health")["family_name"] = ""


def _no_names(scene: Scene) -> None:
    scene.asks("social_care")
    scene.row("social_care")["names"] = []


def _withdrawn(scene: Scene) -> None:
    scene.asks("social_care")
    scene.row("social_care")["withdrawn"] = True


def _too_large(scene: Scene) -> None:
    scene.asks()
    scene.row("health")["address_line_5"] = "x" * 10_001


def _put_right(scene: Scene) -> None:
    for agency in ("health", "education", "police", "social_care"):
        scene.add(agency, scene.victim)


ATTACKS = [
    *(Attack("flags", f"the mark in a file of health is {name}", {0: Scene.appear, 1: _cell(cell), 2: _put_right}) for name, cell in CELLS.items()),
    *(Attack("flags", f"the mark of social care is {name}", {0: Scene.appear, 1: _object(said), 2: _put_right}) for name, said in OBJECTS.items()),
    Attack("flags", "the mark of social care misspelled", {0: Scene.appear, 1: _instead(lambda row: row.update({"sheild": SHIELD})), 2: _put_right}),
    Attack("flags", "the mark of social care in capitals", {0: Scene.appear, 1: _instead(lambda row: row.update({"SHIELD": SHIELD})), 2: _put_right}),
    Attack("flags", "the mark of social care in two spellings", {0: Scene.appear, 1: _instead(lambda row: row.update({"shield": None, "Shield": SHIELD})), 2: _put_right}),
    Attack("flags", "the mark of social care within the address", {0: Scene.appear, 1: _instead(lambda row: row["address"].update({"shield": SHIELD})), 2: _put_right}),
    Attack("flags", "in a record that is rejected for its birth date", {0: Scene.appear, 1: _rejected, 2: _put_right}),
    Attack("flags", "in a record that is rejected for its names", {0: Scene.appear, 1: _no_names, 2: _put_right}),
    Attack("flags", "in a record without a family name", {0: Scene.appear, 1: _no_family_name, 2: _put_right}),
    Attack("flags", "in a record that is withdrawn", {0: Scene.appear, 1: _withdrawn, 2: _put_right}),
    Attack("flags", "in a record too large to be read", {0: Scene.appear, 1: _too_large, 2: _put_right}),
    Attack("flags", "on the first night that knows the child", {1: acts(Scene.appear, Scene.asks), 2: _put_right}),
]  # fmt: skip
