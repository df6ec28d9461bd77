"""The bench of a median authority runs to its end, and says so when a night is not published."""

import re
import sys

from bench import median_authority


def test_it_prints_stages_goals_and_how_many_children_were_published(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench", "--children", "300", "--without-plain"])
    assert median_authority.main() == 0
    told = capsys.readouterr().out
    for title in ("first load", "steady night"):
        (number,) = re.findall(rf"{title}: ([0-9,]+) children published", told)
        assert int(number) > 250
    assert told.count("command start to published") == told.count("peak memory") == 2
