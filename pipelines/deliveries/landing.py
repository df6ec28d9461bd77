"""The landing place: `<landing>/<authority>/<agency>/<business_date>/`, complete once `manifest.json` lies there.

Belongs here: finding what has arrived, at any fsspec address. Not here: judging it. Folders whose names are not an
authority code, an agency and a day are none of ours and are passed over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from upath import UPath

from pipelines.deliveries.manifest import MANIFEST_LIMIT, Manifest, delivery_id, parse_manifest
from pipelines.errors import IsindexError

__all__ = ["FoundDelivery", "scan"]


@dataclass(frozen=True)
class FoundDelivery:
    """A complete delivery in the landing place: where it lies and its manifest as it lies there.

    `manifest` is None when `manifest_bytes` cannot be read as one.
    """

    authority: str
    agency: str
    business_date: date
    folder: UPath
    manifest_bytes: bytes
    manifest_sha256: str
    manifest: Manifest | None

    @property
    def delivery_id(self) -> str:
        """The delivery's name in register, store and reports."""
        sequence = self.manifest.sequence if self.manifest else None
        return delivery_id(self.authority, self.agency, self.business_date, sequence, self.manifest_sha256)


def scan(
    landing: str, *, authorities: Collection[str] | None = None, nights: Collection[date] | None = None
) -> list[FoundDelivery]:
    """Every complete delivery under `landing`, by business date, authority, agency and sequence.

    Args:
        landing: a folder or any fsspec address (``memory://…``, ``file://…``, ``s3://…``).
        authorities: only these; all by default.
        nights: only these business dates; all by default.

    Raises:
        IsindexError: LANDING_MISSING when there is no such place.
    """
    root = UPath(landing)
    if not root.is_dir():
        raise IsindexError(
            "LANDING_MISSING", "there is no such landing place", where=landing, remedy="Check --landing."
        )
    found = [
        delivery
        for authority in _folders(root, r"[0-9]{3}")
        if authorities is None or authority.name in authorities
        for agency in _folders(authority, r"[a-z][a-z0-9_]{0,39}")
        for folder in _folders(agency, r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
        if (delivery := _found(authority.name, agency.name, folder, nights)) is not None
    ]
    return sorted(found, key=_order)


def _found(authority: str, agency: str, folder: UPath, nights: Collection[date] | None) -> FoundDelivery | None:
    try:
        business_date = date.fromisoformat(folder.name)
    except ValueError:
        return None
    if nights is not None and business_date not in nights:
        return None
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        content = stream.read(MANIFEST_LIMIT + 1)
    manifest, _ = parse_manifest(content, authority, agency, business_date)
    digest = hashlib.sha256(content).hexdigest()
    return FoundDelivery(authority, agency, business_date, folder, content, digest, manifest)


def _folders(parent: UPath, pattern: str) -> Iterator[UPath]:
    for child in parent.iterdir():
        if re.fullmatch(pattern, child.name) and child.is_dir():
            yield child


def _order(found: FoundDelivery) -> tuple[date, str, str, int]:
    return found.business_date, found.authority, found.agency, found.manifest.sequence if found.manifest else -1
