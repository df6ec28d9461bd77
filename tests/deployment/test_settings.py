"""Settings are read once, by type, and one that cannot be read is named without what it holds."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, time
from pathlib import Path

import pytest

from pipelines.errors import IsindexError
from pipelines.settings import (
    PREFIX,
    Settings,
    cores,
    engine_limits,
    forget_settings,
    settings,
    shared_among,
    use_settings,
)
from pipelines.tables import connect

ROOT = Path(__file__).resolve().parents[2]


def test_each_setting_has_its_type_and_default(setting):
    assert settings().model_dump(exclude={"secret"}) == Settings.model_construct().model_dump(exclude={"secret"})
    setting("ISINDEX_CUT_OFF", "07:30")
    setting("ISINDEX_FIRST_NIGHT", "2026-11-18")
    setting("ISINDEX_THREADS", "3")
    setting("ISINDEX_MODEL", "")
    found = settings()
    assert (found.cut_off, found.first_night, found.threads, found.model) == (time(7, 30), date(2026, 11, 18), 3, "")


def test_a_cut_off_written_for_cron_is_the_same_time_of_day(setting):
    setting("ISINDEX_CUT_OFF", "30 5 * * *")
    assert settings().cut_off == time(5, 30)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CUT_OFF", "six"), ("CUT_OFF", "25:00"), ("CUT_OFF", "0 6 * * 1"), ("CUT_OFF", "0600"),
        ("FIRST_NIGHT", "18/11/2026"), ("LAST_PARTITION", "tomorrow"), ("DATABASE_URL", "hunter2@host"),
        ("NOTIFY_URL", "mailto:a@b"), ("MEMORY", "plenty"), ("THREADS", "0"), ("WORKERS", "0"), ("WORKERS", "all"), ("KEEP_NIGHTS", "0"),
        ("KEEP_VERSIONS", "all"), ("ACCREDITED_ONLY", "perhaps"), ("ACCREDITATION_NIGHTS", "0"), ("LOCK_WAIT_SECONDS", "-1"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_read_is_named_and_what_it_holds_is_not_told(name, text, setting):
    setting(f"{PREFIX}{name}", text)
    with pytest.raises(IsindexError) as fault:
        settings()
    assert (fault.value.code, fault.value.where, fault.value.exit_code) == ("SETTING_INVALID", PREFIX + name, 2)
    assert fault.value.remedy
    assert text not in str(fault.value)


def test_no_password_is_shown_with_the_settings(setting):
    setting("ISINDEX_DATABASE_URL", "postgresql://user:hunter2@host/isindex")
    setting("ISINDEX_DAGSTER_PG_PASSWORD", "hunter2")
    assert "hunter2" not in repr(settings())
    assert settings().secret.get_secret_value() not in repr(settings())


def test_they_are_read_once_unless_others_are_handed_over(monkeypatch):
    before = settings()
    monkeypatch.setenv("ISINDEX_THREADS", "3")
    assert settings() is before
    use_settings(before.model_copy(update={"threads": 5}))
    assert settings().threads == 5
    forget_settings()
    assert settings().threads == 3


def test_nothing_else_reads_a_setting_from_the_environment_and_nothing_at_import():
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("pipelines", "assets")
        for path in (ROOT / folder).rglob("*.py")
        if "environ.get(" in (text := path.read_text(encoding="utf-8")) or "environ[" in text or "getenv" in text
    }
    assert readers <= {"assets/launch.py", "pipelines/publishing/gates.py"}
    code = (
        "import pipelines.tables, pipelines.matching, pipelines.nights.run, pipelines.settings as s; print(s._in_use)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "None"


def test_who_works_beside_others_keeps_to_a_part_of_what_they_may_use_together(setting):
    assert (settings().most_workers, engine_limits()) == (cores(), ("4GB", cores()))
    setting("ISINDEX_WORKERS", "3")
    setting("ISINDEX_THREADS", "8")
    setting("ISINDEX_MEMORY", "1.5 GiB")
    assert (settings().most_workers, engine_limits()) == (3, ("1.5 GiB", 8))
    with shared_among(3):
        assert engine_limits() == ("0.500GiB", 2)
        with shared_among(settings().most_workers), connect() as connection:  # who started the work has said it already
            asked = "SELECT current_setting('memory_limit'), current_setting('threads')"
            assert connection.execute(asked).fetchone() == ("512.0 MiB", 2)
    with shared_among(20):
        assert engine_limits()[1] == 1
    assert engine_limits() == ("1.5 GiB", 8)
