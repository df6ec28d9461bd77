"""A deployment, opened: the one door through which commands, the daemon, the UI and every Dagster step come in.

Belongs here: what must hold before anything is read or written: the settings can be read, the home is there and can be
written by its owner alone, its secret is the right one, its database answers, is of the newest form and is no other
home's. Not here: what is loaded or looked at then.
"""

from __future__ import annotations

import fcntl
import re
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, insert, make_url, select

from pipelines.database import database_at, open_to_read
from pipelines.database import schema as db
from pipelines.errors import IsindexError
from pipelines.home import Home
from pipelines.outages import as_coded, database_address, not_writable
from pipelines.privacy.secret import hold_to_secret, require_secret
from pipelines.settings import Settings, settings, use_settings
from pipelines.tables import store_damaged, write_bytes
from pipelines.umask import FOLDER, for_this_user_alone

__all__ = ["Deployment", "is_demo", "keeps_network", "open_deployment", "opened_to_read"]

_PUT_BACK = (
    "Put this file back from a backup of the home, whichever there is: it never changes. Without it the database would take this "
    "for another home."
)


# what may lie where a home is made: of the file system, of an opening that was killed, and Dagster's instance, which may be there first
_OF_NOBODY = frozenset({"lost+found", ".opening", "demo.home", "home.id", "secret.fingerprint", "dagster"})


_ACCREDITED_ONLY = b"accredited feeds only\n"  # stands in demo.home


@dataclass(frozen=True)
class Deployment:
    """What everything works on.

    Attributes:
        settings: as they are in use.
        home: where everything is kept.
        engine: the index database, migrated; one for the process.
        landing: where deliveries land; "" where nothing is taken in.
    """

    settings: Settings
    home: Home
    engine: Engine
    landing: str

    def hosts(self, authority: str) -> bool:
        """Whether it hosts an authority (``ISINDEX_AUTHORITIES``)."""
        return not self.settings.authorities or authority in self.settings.authorities

    @property
    def keeps_network(self) -> bool:
        """Whether its co-ordinating index is brought up to date with every load (``ISINDEX_NETWORK``); a demo home's is."""
        return self.settings.network or is_demo(
            self.home
        )  # as `keeps_network`, with the settings that it was opened with


def open_deployment(
    home: Path, landing: str = "", *, create: bool, demo: bool = False, accredited_only: bool = False
) -> Deployment:
    """Open the deployment whose folder is `home`.

    Args:
        home: the folder.
        landing: where deliveries land; whether there is such a place is found out by who looks there.
        create: make the home if there is none yet.
        demo: a home made now is for invented children only, and may do without a secret.
        accredited_only: a demo home made now loads accredited feeds alone, unless the setting says otherwise.

    Raises:
        IsindexError: SETTING_INVALID; OPTIONS_CONFLICT when home and landing place are one folder, or one lies in the other; HOME_UNKNOWN when
            there is no home and `create` is false; HOME_NOT_EMPTY when one would be made where other things lie; HOME_NOT_WRITABLE;
            DISK_FULL; SECRET_MISSING, SECRET_TOO_SHORT, SECRET_CHANGED; DATABASE_UNREACHABLE and other states of the
            database; DATABASE_OF_ANOTHER_HOME; DATABASE_EMPTY when the home has published and its database knows of nothing or is gone, and when
            `create` is false and there is none: it is not made;
            STORE_DAMAGED when its name or the fingerprint of its secret is gone or cut.
    """
    for_this_user_alone()
    _refuse_one_in_the_other(home, landing)
    _refuse_unknown_authorities()
    use_settings(settings().model_copy(update={"home": home}))
    place = Home(home)
    try:
        if not (home / "home.id").exists():
            _make(home, create=create, demo=demo, accredited_only=accredited_only)
        _close_to_others(home)
        with _opened_by_one(home):
            hold_to_secret(place, demo=is_demo(place))
            name = _name_of(home)
            _refuse_gone(place, create=create)
            engine = _database_of(place, name)
        if "accredited_only" not in settings().model_fields_set and _asks_for_accreditation(place):
            use_settings(settings().model_copy(update={"accredited_only": True}))
    except OSError as fault:
        told = as_coded(fault)
        raise (told if told.code == "DISK_FULL" else not_writable(home)) from None
    return Deployment(settings(), place, engine, landing)


@contextmanager
def opened_to_read(home: Path) -> Iterator[Deployment]:
    """The deployment whose folder is `home`, for what only reads; also where the home cannot be written, as a backup cannot.

    Raises:
        IsindexError: as `open_deployment`, but for HOME_NOT_WRITABLE.
    """
    try:
        opened: Deployment | None = open_deployment(home, create=False)
    except IsindexError as fault:
        if fault.code != "HOME_NOT_WRITABLE" or not (home / "home.id").is_file():
            raise
        opened = None
    if opened is not None:
        yield opened
        return
    place = Home(home)
    hold_to_secret(place, demo=is_demo(place))
    _refuse_gone(place, create=False)
    with open_to_read(place.database_url) as engine:
        _refuse_another(engine, place)
        yield Deployment(settings(), place, engine, "")


def _refuse_another(engine: Engine, home: Home) -> None:
    """Refuse a database that is not the home's, or does not answer."""
    try:
        with engine.connect() as connection:
            owner = connection.scalar(select(db.home.c.home_id))
    except Exception as fault:
        raise _told_of_database(fault) from None
    if owner != _kept_name(home.root / "home.id"):
        raise _of_another(home)


def is_demo(home: Home) -> bool:
    """Whether the home was made for invented children only."""
    return (home.root / "demo.home").exists()


def keeps_network(home: Home) -> bool:
    """Whether a load of all authorities of the home ends with its co-ordinating index (`Deployment.keeps_network`)."""
    return settings().network or is_demo(home)


def _refuse_unknown_authorities() -> None:
    if not settings().authorities:
        return
    from pipelines.contracts import authorities  # most deployments host whoever delivers, and need none of it here

    for code in sorted(settings().authorities - authorities.known()):
        raise IsindexError(
            "SETTING_INVALID",
            f"{code} is no authority.",
            where="ISINDEX_AUTHORITIES",
            remedy=authorities.suggestion(code),
        )


def _asks_for_accreditation(home: Home) -> bool:
    """Whether it is a demo home whose feeds were accredited as it was made."""
    return is_demo(home) and _ACCREDITED_ONLY in (home.root / "demo.home").read_bytes()


def _make(home: Path, *, create: bool, demo: bool, accredited_only: bool = False) -> None:
    if (home / "index.db").exists() or any(home.glob("snapshots/*/*")):  # it was opened before, and had a name then
        raise store_damaged(home / "home.id", _PUT_BACK)
    if not create:
        raise IsindexError(
            "HOME_UNKNOWN",
            "There is no home here: nothing has been loaded into it yet.",
            where=str(home),
            remedy="Check --home; `isindex load` makes a new one.",
        )
    if home.is_dir() and (others := [each.name for each in home.iterdir() if not _is_of_a_new_home(each)]):
        raise IsindexError(
            "HOME_NOT_EMPTY",
            f"No home is made where other things lie: {len(others)} of them.",
            where=str(home),
            remedy="Name a new folder, or an empty one, with --home. A home is closed to all but its owner.",
        )
    require_secret(demo=demo)  # before anything is made
    home.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    home.chmod(FOLDER)
    if demo and not any(home.iterdir()):  # a home that holds anything does not become a demo
        write_bytes(b"invented children only\n" + (_ACCREDITED_ONLY if accredited_only else b""), home / "demo.home")


def _is_of_a_new_home(path: Path) -> bool:
    """Whether what lies in a folder may be there before a home is made: what none minds, and a place for nights of which none was tried."""
    return path.name in _OF_NOBODY or (path.name == "nights" and not any(path.glob("*/*/attempts")))


def _refuse_one_in_the_other(home: Path, landing: str) -> None:
    if not landing or "://" in landing:
        return
    one, other = home.resolve(), Path(landing).resolve()
    if one == other or one in other.parents or other in one.parents:
        raise IsindexError(
            "OPTIONS_CONFLICT",
            "The home and the landing place are one folder, or one lies in the other.",
            where="--home / --landing",
            remedy="Let suppliers deliver into a folder of its own: the home is for nobody else.",
        )


def _close_to_others(home: Path) -> None:
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & stat.S_IRWXO:
        with suppress(PermissionError):  # another's folder: its owner has to do it
            home.chmod(mode & ~stat.S_IRWXO)


def _name_of(home: Path) -> str:
    """The home's name, given at its first opening. Nothing is read from a home that cannot be written."""
    with tempfile.TemporaryFile(dir=home) as proof:
        proof.write(b"\0")
        proof.flush()
    path = home / "home.id"
    if not path.exists():
        write_bytes(f"{uuid.uuid4().hex}\n".encode(), path)
    return _kept_name(path)


def _kept_name(path: Path) -> str:
    name = path.read_text(encoding="ascii", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{32}", name):
        raise store_damaged(path, _PUT_BACK)
    return name


def _database_of(home: Home, home_id: str) -> Engine:
    """The home's database, or a coded fault with the database's address."""
    try:
        engine = database_at(home.database_url)
        _hold_to_home(engine, home, home_id)
    except Exception as fault:
        raise _told_of_database(fault) from None
    return engine


def _refuse_gone(home: Home, *, create: bool) -> None:
    """Refuse a home whose database is a file that is gone, before an empty one is made in its place; one that has published nothing may be
    given another by who makes homes.
    """
    from sqlalchemy.exc import ArgumentError

    try:
        place = make_url(home.database_url)
    except ArgumentError as fault:
        raise _told_of_database(fault) from None
    file = place.database if place.get_backend_name() == "sqlite" else None
    if not file or file == ":memory:" or file.startswith("file:") or Path(file).exists():
        return
    if any(home.root.glob("snapshots/*/current.json")):
        raise _empty(home)
    if not create:
        raise IsindexError(
            "DATABASE_EMPTY",
            "The home has no database: nothing has been loaded into it yet, or the file is gone.",
            where=database_address(home.database_url),
            remedy="Restore the database that belongs to the home, or set ISINDEX_DATABASE_URL as it was; if nothing was ever loaded, `isindex load` makes one.",
        )


def _empty(home: Home) -> IsindexError:
    return IsindexError(
        "DATABASE_EMPTY",
        "The home has published nights, but its database knows of nothing.",
        where=database_address(home.database_url),
        remedy="Set ISINDEX_DATABASE_URL as it was, or restore the database that belongs to the home.",
    )


def _hold_to_home(engine: Engine, home: Home, home_id: str) -> None:
    """Note the home in a new database; refuse one that is another home's, and an empty one for a home that has published."""
    with engine.begin() as connection:
        owner = connection.scalar(select(db.home.c.home_id))
        if owner is None:
            known = connection.scalar(select(func.count()).select_from(db.delivery))
            if not known and any(home.root.glob("snapshots/*/current.json")):
                raise _empty(home)
            connection.execute(insert(db.home).values(row=1, home_id=home_id))
        elif owner != home_id:
            raise _of_another(home)


def _of_another(home: Home) -> IsindexError:
    return IsindexError(
        "DATABASE_OF_ANOTHER_HOME",
        "The database belongs to another home.",
        where=database_address(home.database_url),
        remedy="Give each home a database of its own with ISINDEX_DATABASE_URL; check --home.",
    )


def _told_of_database(fault: Exception) -> IsindexError:
    """The fault with its code; a URL that no driver understands is a setting that cannot be read."""
    from sqlalchemy.exc import ArgumentError

    if isinstance(fault, ArgumentError):
        return IsindexError(
            "SETTING_INVALID",
            "ISINDEX_DATABASE_URL cannot be read.",
            where="ISINDEX_DATABASE_URL",
            remedy="Write sqlite:///path or postgresql://user@host/database.",
        )
    return as_coded(fault)


@contextmanager
def _opened_by_one(home: Path) -> Iterator[None]:
    """Two that open a new home at the same moment give it one name and make its tables once."""
    with (home / ".opening").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
