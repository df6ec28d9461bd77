"""The settings of a deployment, each with its type and default, read from the environment once and handed down.

Belongs here: every variable ``ISINDEX_…`` that the product reads, and nothing else reads one. Not here: whether a folder
that is named exists, or a secret fits a home (`pipelines.deployment`). `settings()` is the one way to them for what is
too deep down to be handed anything; it reads nothing at import. What the machine allows is shared out here too: processes
that work beside each other keep to the limits together (`shared_among`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipelines.errors import IsindexError

__all__ = [
    "PREFIX",
    "Settings",
    "cores",
    "engine_limits",
    "forget_settings",
    "settings",
    "shared_among",
    "use_settings",
]

PREFIX = "ISINDEX_"
_SIZE = r"^(\d+(?:\.\d+)?) ?([KMGT]i?B)$"
_EVERY_DAY = re.compile(r"([0-5]?\d) ([01]?\d|2[0-3]) \* \* \*")


def _time_of_day(value: Any) -> Any:
    """``06:00``; a daily cron expression, as the cut-off was once written, is read too."""
    cron = _EVERY_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if cron:
        return time(int(cron[2]), int(cron[1]))
    if isinstance(value, str):
        return time.fromisoformat(value) if re.fullmatch(r"\d\d:\d\d", value) else "not a time of day"
    return value


def _names(value: Any) -> Any:
    """``ruth, omar``: names with commas between them."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """What may be set, by the variable ``ISINDEX_`` and the field's name in capitals; an empty one counts as not set.

    Attributes:
        home: the deployment's folder; the one that was opened last, whoever named it.
        landing: where deliveries land, a folder or any fsspec address.
        secret: the namespace secret, at least 32 bytes.
        database_url: the index database; empty for SQLite in the home.
        network_database_url: the database of the co-ordinating index; empty for SQLite in the home.
        network: whether every load, and the daemon, bring the co-ordinating index up to date.
        authorities: DfE codes of the authorities that this deployment hosts; none: every authority that delivers.
        schemas: a folder that stands before the built-in schemas, or several, as in PATH.
        reference: a folder with lists of practices and schools.
        accredited_only: whether a feed loads only once it is accredited (`isindex accredit`).
        accreditation_nights: consecutive nights on which a feed must meet every requirement to be accredited.
        cut_off: the time of day in London after which nobody waits for a late feed of the night before.
        first_night: the first business date that may be delivered for; empty: the first night that was run.
        first_partition, last_partition: the nights that Dagster has to know; the command line sets them.
        model: the match model in force, a name or a path; empty for the built-in one.
        notify_url: where notifications are posted.
        pages_url: where the home's folder ``reports`` is served, behind a login of yours; Dagster's assets then link to their pages.
        workers: processes that run authorities beside each other, at most; by default one for each core.
        memory: the query engine's limit, of all workers together.
        threads: the query engine's threads, of all workers together; by default one for each core.
        lock_wait_seconds: how long a load waits for another one to end before it gives up.
        keep_nights: nights whose tables and deliveries are kept, so that they can be run again.
        keep_versions: published versions that are kept of each authority.
        may_see_protected: users of the machine to whom protected children are shown.
        dagster_pg_host, dagster_pg_user, dagster_pg_password, dagster_pg_db: PostgreSQL for Dagster's own storage.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Path("home")
    landing: str = "landing"
    secret: SecretStr = SecretStr("")
    database_url: str = Field(default="", repr=False, pattern=r"^(sqlite:///.*|postgresql(\+psycopg)?://.+)?$")
    network_database_url: str = Field(default="", repr=False, pattern=r"^(sqlite:///.*|postgresql(\+psycopg)?://.+)?$")
    network: bool = False
    authorities: Annotated[
        frozenset[Annotated[str, Field(pattern=r"^[0-9]{3}$")]], NoDecode, BeforeValidator(_names)
    ] = frozenset()
    schemas: Path | None = None
    reference: Path | None = None
    accredited_only: bool = False
    accreditation_nights: int = Field(default=3, ge=1, le=31)
    cut_off: Annotated[time, BeforeValidator(_time_of_day)] = time(6, 0)
    first_night: date | None = None
    first_partition: date | None = None
    last_partition: date | None = None
    model: str = ""
    notify_url: str = Field(default="", pattern=r"^(https?://.+)?$")
    pages_url: str = Field(default="", pattern=r"^(https?://.+)?$")
    workers: int | None = Field(default=None, ge=1)
    memory: str = Field(default="4GB", pattern=_SIZE)
    threads: int | None = Field(default=None, ge=1)
    lock_wait_seconds: float = Field(default=0, ge=0)
    keep_nights: int = Field(default=35, ge=1)
    keep_versions: int = Field(default=14, ge=1)
    may_see_protected: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = frozenset()
    dagster_pg_host: str = ""
    dagster_pg_user: str = ""
    dagster_pg_password: SecretStr = SecretStr("")
    dagster_pg_db: str = ""

    @property
    def most_workers(self) -> int:
        """How many processes may run authorities beside each other: 1 or more."""
        return self.workers or cores()


_HOW = {
    "database_url": "Write sqlite:///path or postgresql://user@host/database.",
    "network_database_url": "Write sqlite:///path or postgresql://user@host/database, another one than the index database.",
    "network": "Write 1 or 0.",
    "authorities": "Write three-digit codes with commas between them, for example 330,331.",
    "accredited_only": "Write 1 or 0.",
    "accreditation_nights": "Write a whole number, 1 to 31.",
    "cut_off": "Write a time of day in London, for example 06:00.",
    "first_night": "Write a date, for example 2026-11-18.",
    "first_partition": "Write a date, for example 2026-11-18.",
    "last_partition": "Write a date, for example 2026-11-18.",
    "notify_url": "Write a web address that begins with https:// or http://.",
    "pages_url": "Write a web address that begins with https:// or http://.",
    "workers": "Write a whole number, 1 or more.",
    "memory": "Write a size, for example 4GB.",
    "threads": "Write a whole number, 1 or more.",
    "lock_wait_seconds": "Write a number of seconds, 0 or more.",
    "keep_nights": "Write a whole number, 1 or more.",
    "keep_versions": "Write a whole number, 1 or more.",
}
_in_use: Settings | None = None
_among: int | None = None  # how many processes keep to the limits together; None: nobody has said yet


def settings() -> Settings:
    """The settings in use: those handed over by `use_settings`, else the environment's, read at the first call.

    Raises:
        IsindexError: SETTING_INVALID, naming the variable and never what it holds, which may be a password.
    """
    global _in_use
    if _in_use is None:
        try:
            _in_use = Settings()
        except ValidationError as error:
            field = str(error.errors(include_input=False, include_url=False)[0]["loc"][0]).lower()
            raise IsindexError(
                "SETTING_INVALID",
                f"{PREFIX}{field.upper()} cannot be read.",
                where=f"{PREFIX}{field.upper()}",
                remedy=_HOW.get(field, "Correct it, or unset it."),
            ) from None
    return _in_use


def use_settings(chosen: Settings) -> None:
    """Let `settings()` give `chosen` from now on, in this process."""
    global _in_use
    _in_use = chosen


def forget_settings() -> None:
    """Let the next `settings()` read the environment anew; for tests, which change it."""
    global _in_use
    _in_use = None


def cores() -> int:
    """The cores that this process may use: those of the machine, unless it is kept to some of them."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@contextmanager
def shared_among(processes: int) -> Iterator[None]:
    """Let this process keep, until the end of the block, to its part of what `processes` may use together.

    Within such a block another one changes nothing: whoever starts the work knows how many do it.
    """
    global _among
    if _among is not None:
        yield
        return
    _among = processes
    try:
        yield
    finally:
        _among = None


def engine_limits() -> tuple[str, int]:
    """What the query engine of this process may use: memory with its unit, and threads, 1 or more."""
    chosen, among = settings(), _among or 1
    threads = max(1, (chosen.threads or cores()) // among)
    if among == 1:
        return chosen.memory, threads
    size = re.fullmatch(_SIZE, chosen.memory)
    if size is None:  # settings that were handed over unread
        raise IsindexError(
            "SETTING_INVALID", f"{PREFIX}MEMORY cannot be read.", where=f"{PREFIX}MEMORY", remedy=_HOW["memory"]
        )
    return f"{float(size[1]) / among:.3f}{size[2]}", threads
