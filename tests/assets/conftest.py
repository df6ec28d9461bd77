"""A home with one published night, the deliveries of the nights after it, and a daemon that may be had for any home."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.deployment import Deployment, open_deployment
from pipelines.nights import Night
from pipelines.nights.run import run_night
from sample_feeds import make_nights

FIRST = date(2026, 11, 18)


@dataclass(frozen=True)
class Place:
    """A home and its landing place; `made` are deliveries that have not come yet."""

    home: Path
    landing: Path
    made: Path

    def arrive(self, authority: str, agency: str, business_date: date, *, as_agency: str = "") -> Path:
        """Let one delivery arrive, its manifest last; the folder it lies in."""
        source = self.made / authority / agency / business_date.isoformat()
        folder = self.landing / authority / (as_agency or agency) / business_date.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(source.iterdir(), key=lambda path: path.name == "manifest.json"):
            shutil.copyfile(file, folder / file.name)
        return folder

    def open(self) -> Deployment:
        """The deployment."""
        return open_deployment(self.home, str(self.landing), create=True)

    def night(self, authority: str, business_date: date) -> Night:
        """A night of it."""
        return Night(self.open(), authority, business_date)


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Deliveries of health and police, three nights of two authorities."""
    out = tmp_path_factory.mktemp("made")
    make_nights(out, ("330", "301"), first_night=FIRST, nights=3, children=60, agencies=("health", "police"))
    return out / "landing"


@pytest.fixture
def place(made, tmp_path, setting) -> Place:
    """An empty landing place, and no home yet."""
    here = Place(tmp_path / "home", tmp_path / "landing", made)
    here.landing.mkdir()
    setting("ISINDEX_HOME", here.home)
    setting("ISINDEX_LANDING", here.landing)
    return here


@pytest.fixture(scope="session")
def one_night(made, tmp_path_factory) -> Path:
    """A home in which the first night of 330 is published: health came, police did not."""
    out = tmp_path_factory.mktemp("one_night")
    here = Place(out / "home", out / "landing", made)
    here.arrive("330", "health", FIRST)
    assert run_night(here.night("330", FIRST), started_by="a test") == "published"
    return out


@pytest.fixture
def published(one_night, place) -> Place:
    """A place where the first night of 330 is published, of one's own."""
    shutil.copytree(one_night, place.home.parent, dirs_exist_ok=True, symlinks=True)
    return place


def days(number: int) -> date:
    """The night `number` nights after the first."""
    return FIRST + timedelta(days=number)
