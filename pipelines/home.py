"""The home: one folder that holds everything one deployment knows.

Belongs here: where things lie. Paths stored anywhere are relative to the home, so that it may be moved.

    home/
      deliveries/<authority>/<agency>/<business_date>/seq=<n>-<manifest hash>/   what was taken in, as judged
      protection/<authority>/<agency>/<business_date>/<delivery>.parquet        what records asked to be protected
      nights/<authority>/<business_date>/                                        the tables of each stage
      snapshots/<authority>/v=…/, current.json                                   what is published
      founded/<authority>/<digest>/                                              what an authority inherited from those that it took over
      memory/<authority>/                                                        what is worked out once; may be removed at any time
      audit/head.json                                                            where the chain of the audit has come to
      models/<name>/                                                             candidate match models
      certificates.json                            what the certificates of feeds were made from last; may be removed at any time
      reports/                                                                   what people read
      home.id, secret.fingerprint, demo.home       what the home is: its name, its secret, whether it is for samples only
      index.db                                                                   register and index database (SQLite)
      dagster/                                                                   the Dagster instance
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.settings import settings

__all__ = ["Home"]

_DIGITS = 16  # of the digest of an attempt, in the name of its folder


@dataclass(frozen=True)
class Home:
    """The folders and files of one deployment, all below `root`."""

    root: Path

    @property
    def database_url(self) -> str:
        """The index database: the one that the settings name, else SQLite in the home."""
        return settings().database_url or f"sqlite:///{(self.root / 'index.db').resolve()}"

    @property
    def dagster(self) -> Path:
        """The Dagster instance's folder."""
        return self.root / "dagster"

    @property
    def reports(self) -> Path:
        """The report site."""
        return self.root / "reports"

    @property
    def audit(self) -> Path:
        """Where the chain of the audit has come to; the entries are in the database."""
        return self.root / "audit"

    @property
    def models(self) -> Path:
        """Match models trained from this deployment's records, a folder each."""
        return self.root / "models"

    def deliveries(self, authority: str, agency: str, business_date: date) -> Path:
        """What one feed delivered for one business date, a folder per sequence."""
        return self.root / "deliveries" / authority / agency / business_date.isoformat()

    def protection(self, delivery_id: str) -> Path:
        """What the records of one delivery asked for that are to be protected."""
        return self.root / "protection" / f"{delivery_id}.parquet"

    def night(self, authority: str, business_date: date) -> Path:
        """The stage tables of one authority's night."""
        return self.root / "nights" / authority / business_date.isoformat()

    def attempt(self, authority: str, business_date: date, digest: str) -> Path:
        """The stage tables of one attempt at a night."""
        return self.night(authority, business_date) / "attempts" / digest[:_DIGITS]

    def protection_waits(self, authority: str) -> Path:
        """Says since when protection waits, and for what; not there while it does not."""
        return self.root / "nights" / authority / "protection_waits.json"

    def unserviced(self, authority: str) -> Path:
        """Whose services the versions in force name no more, for a night that was held or failed has found one to be sensitive."""
        return self.root / "nights" / authority / "unserviced.parquet"

    def walls_taken_away(self, authority: str, name: str) -> Path:
        """What is kept of firewalls that were taken away, ``walls`` or ``borne``: should one stand again."""
        return self.root / "nights" / authority / f"taken_away_{name}.parquet"

    def founded(self, authority: str, digest: str) -> Path:
        """What an authority was founded on when it took others over."""
        return self.root / "founded" / authority / digest[:_DIGITS]

    def memory(self, authority: str) -> Path:
        """What was worked out for an authority's last night and spares the next one work; nothing depends on it."""
        return self.root / "memory" / authority

    def snapshots(self, authority: str) -> Path:
        """The published versions of one authority and the pointer to the current one."""
        return self.root / "snapshots" / authority

    def relative(self, path: Path) -> str:
        """`path` as it may be stored: relative to the home."""
        return path.resolve().relative_to(self.root.resolve()).as_posix()
