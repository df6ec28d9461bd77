"""Sample feeds need an extra, which is named where it is missing; and the demo wipes nothing but a demo."""

from __future__ import annotations

from importlib.metadata import requires

import pytest

from pipelines.cli import sample
from pipelines.deployment import open_deployment
from tests.cli.commands import run


def test_the_extra_is_known_from_the_installation():
    assert len([each for each in requires("isindex") if 'extra == "sample"' in each.replace("'", '"')]) == 3
    assert sample.sample_feeds().make_nights


@pytest.mark.parametrize("name", ["sample", "demo"])
def test_without_it_nothing_is_made_and_the_extra_is_named(name, tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.setattr(sample, "requires", lambda _: ["rich>=15", "no-such-package>=1; extra == 'sample'"])
    told = run(name, place=tmp_path)
    assert told.code == 2
    assert "EXTRA_MISSING" in told.said and "no-such-package" in told.said and "isindex[sample]" in told.said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "file.csv"]


def test_the_demo_does_not_wipe_a_home_that_is_none_of_its_own(tmp_path):
    home = open_deployment(tmp_path / "demo" / "home", create=True).home
    told = run("demo", place=tmp_path)
    assert told.code == 2
    assert "HOME_NOT_A_DEMO" in told.said
    assert (home.root / "home.id").exists()
