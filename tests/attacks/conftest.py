"""The suite of attacks: after its tests it is told how many of each family were tried, and how many the product held.

Belongs here: that table. A test belongs to the family that its id names before the first colon, else that of its module. One that
another rule holds (`Attack.held_by`) is counted by itself; so is what attacks nothing and only shows that the search would find something
(`test_the_search_…`): a control.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

CONTROL = "test_the_search_"
_OF_THE_SUITE = (
    "test_search",
    "test_every_night_of_the_town_is_published",
)  # a module and a test that try the suite's own parts
_tried: Counter[str] = Counter()
_held: Counter[str] = Counter()
_controls: Counter[bool] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each attack once, by how its test ended."""
    place, _, test = report.nodeid.partition("::")
    if "tests/attacks/" not in place or (report.when != "call" and report.outcome == "passed"):
        return
    if test.startswith(CONTROL):
        _controls[report.outcome == "passed"] += 1
        return
    if Path(place).stem in _OF_THE_SUITE or test in _OF_THE_SUITE:
        return
    name = test.partition("[")[2]
    family = name.partition(":")[0] if ":" in name else Path(place).stem.removeprefix("test_").replace("_", " ")
    if rule := dict(report.user_properties).get("held_by"):
        family += f", held by {str(rule).partition(':')[0]}"
    _tried[family] += 1
    _held[family] += report.outcome == "passed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Family, tried, held."""
    if not _tried:
        return
    terminalreporter.write_sep("-", "attacks")
    terminalreporter.write_line(f"{'family':32}{'tried':>8}{'held':>8}")
    for family in sorted(_tried):
        terminalreporter.write_line(f"{family:32}{_tried[family]:>8}{_held[family]:>8}")
    terminalreporter.write_line(f"{'together':32}{_tried.total():>8}{_held.total():>8}")
    terminalreporter.write_line(
        f"controls (the search finds what is there): {_controls.total()}, as they should {_controls[True]}"
    )
