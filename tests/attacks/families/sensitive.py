"""Sensitive services: whatever the mark says, nothing of the service is told but that there is one; without a basis nothing is kept."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Act, Attack, Scene
from tests.attacks.victims import rare_word

__all__ = ["ATTACKS"]

_BASIS = {"consent_basis": "explicit_consent"}


def _involved(kind: str = "refused", night: str = "", **mark: Any) -> Act:
    """The child is known to a service; its team, worker and contact are what must not be found."""

    def act(scene: Scene) -> None:
        said = _service(scene)
        scene.silent |= {(kind, value) for value in (said["team"], said["worker"], said["contact"][1:])}
        scene.appear("health", "education", "police")
        scene.add("social_care", scene.victim, involvements=[{**said, "start": "2024-01-01", **mark}])
        scene.silent = {each for each in scene.silent if each[0] in ("refused", "service")}
        scene.closed.clear()

    return act


def _service(scene: Scene) -> dict[str, str]:
    words = {name: rare_word(scene.number, name).title() for name in ("team", "worker")}
    return {**words, "contact": f"01632 {700000 + scene.number}"}


def _beside_an_open_one(scene: Scene) -> None:
    _involved(sensitive=True)(scene)
    scene.row("social_care")["involvements"].append({"team": "Early Help", "worker": "A. Worker", "sensitive": False})


def _rejected_record(scene: Scene) -> None:
    _involved(sensitive=True)(scene)
    scene.row("social_care")["names"] = []


def _delivered_again(scene: Scene) -> None:
    _involved(sensitive=True)(scene)
    scene.add(
        "social_care",
        scene.victim,
        f"SX{scene.number}",
        open_=True,
        involvements=scene.row("social_care")["involvements"],
    )


def _keys(scene: Scene) -> None:
    _involved()(scene)
    said = scene.row("social_care")["involvements"][0]
    scene.row("social_care")["involvements"] = [
        {"Team": said["team"], "Worker": said["worker"], "Contact": said["contact"], "sensitive": True}
    ]


def _as_text(scene: Scene) -> None:
    """The list of services comes as one text."""
    _involved()(scene)
    scene.row("social_care")["involvements"] = str(scene.row("social_care")["involvements"])


ATTACKS = [
    Attack("sensitive services", f"the mark is {name}", {0: _involved(**mark)}, hidden=False)
    for name, mark in {
        "true, without a basis": {"sensitive": True},
        "true, the basis empty": {"sensitive": True, "consent_basis": ""},
        "true, the basis null": {"sensitive": True, "consent_basis": None},
        "true, the basis no basis": {"sensitive": True, "consent_basis": "implied"},
        "true, the basis in capitals": {"sensitive": True, "consent_basis": "EXPLICIT CONSENT"},
        "true, the basis a list": {"sensitive": True, "consent_basis": ["explicit_consent"]},
        "true, the basis misspelled": {"sensitive": True, "consent basis": "explicit_consent"},
        "missing": {},
        "null": {"sensitive": None},
        "an empty text": {"sensitive": ""},
        "the text true": {"sensitive": "true"},
        "the text false": {"sensitive": "false"},
        "the text no": {"sensitive": "no"},
        "the number 0": {"sensitive": 0},
        "a list": {"sensitive": [False]},
        "an object": {"sensitive": {"value": False}},
        "misspelled": {"sensitve": False},
        "in capitals": {"SENSITIVE": False},
        "given twice, once misspelled": {"sensitive": False, "sensitve": True},
    }.items()
] + [
    Attack("sensitive services", "the mark is true, with a basis", {0: _involved("service", sensitive=True, **_BASIS)}, hidden=False),
    Attack("sensitive services", "the mark is missing, with a basis", {0: _involved("service", **_BASIS)}, hidden=False),
    Attack("sensitive services", "beside an open one", {0: _beside_an_open_one}, hidden=False),
    Attack("sensitive services", "in a record that is rejected", {0: _rejected_record}, hidden=False),
    Attack("sensitive services", "in two records of one child", {0: _delivered_again}, hidden=False),
    Attack("sensitive services", "its keys in capitals", {0: _keys}, hidden=False),
    Attack("sensitive services", "the whole list as a text", {0: _as_text}, hidden=False),
]  # fmt: skip
