"""Where the co-ordinating index lies: below the home's folder ``network``, in a database of its own.

network/
  contributions/<authority>/<version>/     children, names, firewalls, tokens of one published version, once made
  nights/<business_date>/<digest>/         the tables of one attempt
  v=…/                                     what was published: pointers, ids, events, manifest
  current.json                             which of these is in force
  begun.json                               which attempt was begun last
  last.json                                what became of the last night
  network.db                               pointers and what finds them (SQLite), unless the settings name another database
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from pipelines.database import database_at
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.outages import as_coded
from pipelines.tables import read_told, write_json

__all__ = ["LOCK", "Network"]

LOCK = "network"
"""The name of the lock that a night of the network holds, as an authority's night does its authority's."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_DIGITS = 16
_POINTER = {"version": str, "business_date": str, "digest": str}


@dataclass(frozen=True)
class Network:
    """The co-ordinating index of a deployment."""

    deployment: Deployment

    @property
    def root(self) -> Path:
        """The folder in the home."""
        return self.deployment.home.root / "network"

    @property
    def engine(self) -> Engine:
        """Its database, of the newest form; the process has one engine for it.

        Raises:
            IsindexError: DATABASE_UNREACHABLE and other states of the database.
        """
        url = self.deployment.settings.network_database_url or f"sqlite:///{(self.root / 'network.db').resolve()}"
        try:
            return database_at(url, _MIGRATIONS)
        except Exception as fault:
            raise as_coded(fault) from None

    def contribution(self, authority: str, version: str) -> Path:
        """What a published version of an authority gives."""
        return self.root / "contributions" / authority / version

    def attempt(self, business_date: date, digest: str) -> Path:
        """The tables of one attempt at a night."""
        return self.root / "nights" / business_date.isoformat() / digest[:_DIGITS]

    def begin(self, business_date: date, digest: str) -> Path:
        """The folder of an attempt that begins now."""
        write_json({"business_date": business_date.isoformat(), "digest": digest}, self.root / "begun.json")
        return self.attempt(business_date, digest)

    def begun(self, business_date: date) -> Path:
        """The folder of the attempt that was begun last, which is one at that night.

        Raises:
            IsindexError: NIGHT_UNKNOWN when none is; STORE_DAMAGED.
        """
        path = self.root / "begun.json"
        told = read_told(path, {"business_date": str, "digest": str}) if path.is_file() else {}
        if told.get("business_date") != business_date.isoformat():
            raise IsindexError(
                "NIGHT_UNKNOWN",
                "The night of the network was not begun.",
                where=business_date.isoformat(),
                remedy="Materialize network/children, network/links and network/published together.",
            )
        return self.attempt(business_date, told["digest"])

    def version(self, name: str) -> Path:
        """A published version."""
        return self.root / name

    def in_force(self) -> tuple[str, date, Path] | None:
        """Name and business date of the version in force, and the folder of its attempt; None before the first.

        Raises:
            IsindexError: STORE_DAMAGED.
        """
        path = self.root / "current.json"
        if not path.exists():
            return None
        told = read_told(
            path,
            _POINTER,
            "Put this file back from a backup of the home, the latest there is, and run the network again.",
        )
        day = date.fromisoformat(told["business_date"])
        return told["version"], day, self.attempt(day, told["digest"])
