"""Whoever opens a deployment meets the same conditions: home, secret, database, and that the three belong together."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

from assets.resources import Deployment as Resource
from pipelines import database
from pipelines.database import metadata
from pipelines.deployment import is_demo, open_deployment
from pipelines.errors import IsindexError
from pipelines.privacy.secret import is_development_secret, namespace_secret
from pipelines.settings import forget_settings

MIGRATIONS = Path(database.__file__).parent / "migrations"
OTHER = "another secret that is long enough to be one"


def refused(*arguments, **options) -> IsindexError:
    with pytest.raises(IsindexError) as fault:
        open_deployment(*arguments, **options)
    return fault.value


def test_a_home_is_made_for_its_owner_and_found_again(tmp_path):
    made = open_deployment(tmp_path / "a" / "home", "landing", create=True)
    again = open_deployment(tmp_path / "a" / "home", create=False)
    assert stat.S_IMODE(made.home.root.stat().st_mode) == 0o700
    assert not [path for path in made.home.root.rglob("*") if path.stat().st_mode & 0o077]
    assert (again.home, again.engine is made.engine, made.landing) == (made.home, True, "landing")


def test_no_home_is_made_where_one_is_only_looked_for(tmp_path):
    assert refused(tmp_path / "home", create=False).code == "HOME_UNKNOWN"
    assert not (tmp_path / "home").exists()


def test_a_home_that_others_could_enter_is_closed_to_them(tmp_path):
    home = open_deployment(tmp_path / "home", create=True).home.root
    home.chmod(0o755)
    open_deployment(home, create=False)
    assert stat.S_IMODE(home.stat().st_mode) == 0o750


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    disk = tmp_path / "disk"
    disk.write_text("")  # root may write into any folder: a plain file stands for the disk that cannot be written
    fault = refused(disk / "home", create=True)
    assert (fault.code, fault.where, fault.exit_code) == ("HOME_NOT_WRITABLE", str(disk / "home"), 1)


@pytest.mark.skipif(not os.getuid(), reason="root may write into any folder")
def test_a_home_made_read_only_is_named(tmp_path):
    home = open_deployment(tmp_path / "home", create=True).home.root
    home.chmod(0o550)
    assert refused(home, create=False).code == "HOME_NOT_WRITABLE"


# ---- secret -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("", "SECRET_MISSING"),
        ("isindex development secret: synthetic data only", "SECRET_MISSING"),
        ("thirty-one bytes are one too few", ""),
        ("thirty-one bytes are 1 too few!", "SECRET_TOO_SHORT"),
    ],
)
def test_without_a_good_secret_nothing_is_opened_and_nothing_made(secret, code, setting, tmp_path):
    setting("ISINDEX_SECRET", secret)
    if not code:
        assert open_deployment(tmp_path / "home", create=True)
        return
    fault = refused(tmp_path / "home", create=True)
    assert (fault.code, fault.where, fault.exit_code) == (code, "ISINDEX_SECRET", 2)
    assert not (tmp_path / "home").exists()


def test_a_home_is_not_continued_under_another_secret_by_whatever_way(setting, tmp_path):
    home = open_deployment(tmp_path / "home", create=True).home.root
    for secret, code in ((OTHER, "SECRET_CHANGED"), ("", "SECRET_MISSING")):
        setting("ISINDEX_SECRET", secret)
        assert refused(home, create=True).code == code
        with pytest.raises(IsindexError, match=code):  # a step of Dagster, whoever started it
            Resource(home=str(home)).open()


def test_what_the_home_keeps_of_the_secret_is_another_in_every_home(tmp_path):
    kept = {
        (open_deployment(tmp_path / name, create=True).home.root / "secret.fingerprint").read_text() for name in "ab"
    }
    assert len(kept) == 2
    assert not any(namespace_secret().decode() in each for each in kept)


def test_a_demo_home_does_without_a_secret_and_no_other_home_does_after_it(setting, tmp_path):
    setting("ISINDEX_SECRET", "")
    demo = open_deployment(tmp_path / "demo", create=True, demo=True).home
    assert is_demo(demo)
    assert is_development_secret()
    assert refused(tmp_path / "home", create=True).code == "SECRET_MISSING"
    forget_settings()
    assert open_deployment(demo.root, create=False)


def test_a_home_that_holds_anything_does_not_become_a_demo(setting, tmp_path):
    home = open_deployment(tmp_path / "home", create=True).home
    (home.root / "home.id").unlink()
    setting("ISINDEX_SECRET", "")
    assert refused(home.root, create=True, demo=True).code == "STORE_DAMAGED"
    (home.root / "index.db").unlink()
    assert refused(home.root, create=True, demo=True).code == "HOME_NOT_EMPTY"
    assert not is_demo(home)


def test_no_home_is_made_where_other_things_lie_and_nothing_there_is_closed(tmp_path):
    place = tmp_path / "www"
    place.mkdir(mode=0o755)
    (place / "index.html").write_text("others")
    assert refused(place, create=True).code == "HOME_NOT_EMPTY"
    assert stat.S_IMODE(place.stat().st_mode) == 0o755 and [each.name for each in place.iterdir()] == ["index.html"]


@pytest.mark.parametrize("tried", [False, True])
def test_a_home_is_made_where_a_place_for_nights_lies_of_which_none_was_tried(tmp_path, tried):
    night = tmp_path / "home" / "nights" / "330" / "2026-11-20"
    night.mkdir(parents=True)
    (night / ("attempts" if tried else "matching")).mkdir()
    if tried:
        assert refused(tmp_path / "home", create=True).code == "HOME_NOT_EMPTY"
    else:
        assert open_deployment(tmp_path / "home", create=True).home.root == tmp_path / "home"


@pytest.mark.parametrize("home, landing", [("a", "a"), ("a", "a/landing"), ("a/home", "a"), ("a", "./b/../a")])
def test_home_and_landing_place_do_not_lie_in_each_other(tmp_path, monkeypatch, home, landing):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsindexError, match="OPTIONS_CONFLICT"):
        open_deployment(Path(home), landing, create=True)
    assert not list(tmp_path.iterdir())
    assert open_deployment(Path("a"), "ab", create=True)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("left", [None, 0, 9])
@pytest.mark.parametrize("name", ["home.id", "secret.fingerprint"])
def test_a_file_that_says_whose_a_home_is_and_is_gone_or_cut_is_told_and_is_put_back(tmp_path, name, left, create):
    home = open_deployment(tmp_path / "home", create=True).home
    home.snapshots("330").mkdir(parents=True)
    (home.snapshots("330") / "current.json").write_text("{}")
    path = home.root / name
    whole = path.read_bytes()
    path.unlink() if left is None else path.write_bytes(whole[:left])
    fault = refused(home.root, create=create)
    assert (fault.code, fault.where, fault.exit_code) == ("STORE_DAMAGED", str(path), 1)
    assert fault.remedy.startswith("Put this file back from a backup")
    path.write_bytes(whole)
    assert open_deployment(home.root, create=create)


# ---- database ---------------------------------------------------------------------------------------------------


def test_a_database_that_does_not_answer_is_told_with_its_address_and_without_its_password(setting, tmp_path):
    setting("ISINDEX_DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:1/isindex")
    fault = refused(tmp_path / "home", create=True)
    assert (fault.code, fault.where, fault.exit_code) == ("DATABASE_UNREACHABLE", "127.0.0.1:1/isindex", 1)
    assert "hunter2" not in str(fault)
    assert fault.may_pass


def test_a_database_of_another_home_is_refused_by_name(setting, tmp_path):
    setting("ISINDEX_DATABASE_URL", f"sqlite:///{tmp_path}/shared.db")
    open_deployment(tmp_path / "one", create=True)
    fault = refused(tmp_path / "two", create=True)
    assert (fault.code, fault.where, fault.exit_code) == ("DATABASE_OF_ANOTHER_HOME", f"{tmp_path}/shared.db", 2)
    assert open_deployment(tmp_path / "one", create=False)


@pytest.mark.postgres
def test_a_postgresql_database_of_another_home_is_refused_by_name(setting, tmp_path, postgres_url):
    setting("ISINDEX_DATABASE_URL", postgres_url)
    engine = open_deployment(tmp_path / "one", create=True).engine
    assert engine.dialect.name == "postgresql"
    fault = refused(tmp_path / "two", create=True)
    assert (fault.code, fault.exit_code) == ("DATABASE_OF_ANOTHER_HOME", 2)
    assert "password" not in fault.where
    engine.dispose()


def test_a_home_may_be_moved_and_keeps_its_database(tmp_path):
    open_deployment(tmp_path / "one", create=True)
    shutil.move(tmp_path / "one", tmp_path / "two")
    assert open_deployment(tmp_path / "two", create=False)


def test_a_home_that_has_published_is_not_continued_on_an_empty_database(setting, tmp_path):
    home = open_deployment(tmp_path / "home", create=True).home
    home.snapshots("330").mkdir(parents=True)
    (home.snapshots("330") / "current.json").write_text("{}")
    assert open_deployment(home.root, create=False)
    setting("ISINDEX_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert refused(home.root, create=True).code == "DATABASE_EMPTY"


def test_what_is_no_database_is_said_to_be_damaged(setting, tmp_path):
    (tmp_path / "no.db").write_bytes(b"this is a text and no database" * 99)
    setting("ISINDEX_DATABASE_URL", f"sqlite:///{tmp_path}/no.db")
    assert refused(tmp_path / "home", create=True).code == "DATABASE_DAMAGED"


def test_a_database_belongs_to_one_home_only(tmp_path):
    engine = open_deployment(tmp_path / "home", create=True).engine
    with pytest.raises(Exception, match=r"one_row|UNIQUE"), engine.begin() as connection:
        connection.execute(text("INSERT INTO home VALUES (2, 'x')"))


def test_the_newest_form_is_reached_from_the_first(setting, tmp_path):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_engine(f"sqlite:///{tmp_path}/old.db").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    setting("ISINDEX_DATABASE_URL", f"sqlite:///{tmp_path}/old.db")
    made = open_deployment(tmp_path / "home", create=True)
    assert set(metadata.tables) <= set(inspect(made.engine).get_table_names())
