"""Faults of a whole delivery: its columns, its bytes, its manifest; with the state and codes each must be answered
with.

Belongs here: the damage and its expected answer, as a table. Not here: choosing where (plan.py). `codes` are the codes
of which at least one must be in the acknowledgement; a state of "" means that the counts decide (loaded,
partly_loaded).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sample_feeds.randomness import Objects, as_objects

__all__ = ["FILE_FAULTS", "Draft", "Fault"]


@dataclass
class Draft:
    """A delivery about to be written: file name, bytes as they will lie there, manifest, records a reader can get at.

    `readable` is -1 when that is all of them.
    """

    name: str
    content: bytes
    manifest: dict[str, Any]
    readable: int = -1


@dataclass(frozen=True)
class Fault:
    """A kind of fault: the answer it must get, and what does the damage at which moment.

    `shape` changes the columns before the file is written, `text` the file before it is compressed, `seal` the finished
    draft after its manifest is made (so that the manifest no longer fits), `honest` before (so that it still does).
    `agencies` names those it can befall (all when empty).
    """

    state: str
    codes: tuple[str, ...]
    shape: Callable[[dict[str, Objects]], dict[str, Objects]] | None = None
    text: Callable[[bytes], bytes] | None = None
    honest: Callable[[Draft], None] | None = None
    seal: Callable[[Draft], None] | None = None
    agencies: tuple[str, ...] = ()
    note: str = field(default="", compare=False)


def _forbidden(columns: dict[str, Objects]) -> dict[str, Objects]:
    count = len(next(iter(columns.values())))
    extra = as_objects(["WBRI", "APKN", "BAFR", "MWBC"])[np.arange(count) % 4]
    need = as_objects(["K", "E", "N"])[np.arange(count) % 3]
    return {**columns, "ethnicity": extra, "sen_provision": need}


def _reordered(columns: dict[str, Objects]) -> dict[str, Objects]:
    return dict(reversed(columns.items()))


def _no_required(columns: dict[str, Objects]) -> dict[str, Objects]:
    return {name: values for name, values in columns.items() if name not in ("birth_date", "contact_date")}


def _emptied(columns: dict[str, Objects]) -> dict[str, Objects]:
    return {name: values[:0] for name, values in columns.items()}


def _halved(draft: Draft) -> None:
    draft.content = draft.content[: len(draft.content) // 2]


def _flipped(draft: Draft) -> None:
    middle = len(draft.content) // 2
    draft.content = draft.content[:middle] + bytes([draft.content[middle] ^ 1]) + draft.content[middle + 1 :]


def _cut_off(text: bytes) -> bytes:
    """Seven tenths of the pupils and half of one more: what a crashed export leaves behind."""
    at = text.find(b"<Pupil>", len(text) * 7 // 10)
    return text[: at + 60] if at >= 0 else text[:-12]


def _entities(text: bytes) -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?>\n<!DOCTYPE Pupils [<!ENTITY l0 "lol">{levels}]>\n'.encode()
    body = text[text.index(b"<Pupils>") :]
    return bomb + body.replace(b"<Surname>", b"<Surname>&l9;", 1)


def _with_accents(columns: dict[str, Objects]) -> dict[str, Objects]:
    """At least one letter whose bytes tell Windows-1252 from UTF-8."""
    carers = columns["carer_name"].copy()
    carers[:1] = "Zoë Noël"
    return {**columns, "carer_name": carers}


def _windows(text: bytes) -> bytes:
    return text.decode("utf-8").encode("cp1252", errors="replace")


def _bomb(draft: Draft) -> None:
    head = draft.content.split(b"\n", 1)[0] + b"\n"
    draft.content = gzip.compress(head + b"0" * (512 << 20), compresslevel=1, mtime=0)
    draft.name = draft.name.split(".")[0] + ".csv.gz"


def _set(**values: Any) -> Callable[[Draft], None]:
    def change(draft: Draft) -> None:
        draft.manifest.update(values)

    return change


def _outside(draft: Draft) -> None:
    draft.manifest["files"][0]["name"] = f"../../../{draft.name}"


def _miscounted(draft: Draft) -> None:
    draft.manifest["files"][0]["rows"] += 7


def _unnamed(draft: Draft) -> None:
    draft.manifest["files"][0]["name"] = f"missing-{draft.name}"


def _no_files(draft: Draft) -> None:
    del draft.manifest["files"]


def _other_authority(draft: Draft) -> None:
    draft.manifest["authority"] = "201" if draft.manifest["authority"] != "201" else "202"


def _other_agency(draft: Draft) -> None:
    draft.manifest["agency"] = "police" if draft.manifest["agency"] != "police" else "health"


def _outdated(draft: Draft) -> None:
    draft.manifest["contract"] = draft.manifest["agency"] + "/9"


_TEXT = ("health", "police", "social_care")
FILE_FAULTS: dict[str, Fault] = {
    "truncated": Fault(
        "refused", ("SIZE_MISMATCH", "CHECKSUM_MISMATCH"), seal=_halved, note="half of the bytes arrived"
    ),
    "checksum": Fault("refused", ("CHECKSUM_MISMATCH",), seal=_flipped, note="one bit changed on the way"),
    "miscounted": Fault("refused", ("COUNT_MISMATCH",), seal=_miscounted, note="the manifest counts seven too many"),
    "file_missing": Fault(
        "refused", ("FILE_MISSING",), seal=_unnamed, note="the manifest names a file that is not there"
    ),
    "path_outside": Fault("refused", ("PATH_OUTSIDE",), seal=_outside, note="a file name that leaves the folder"),
    "manifest_invalid": Fault("refused", ("MANIFEST_INVALID",), seal=_no_files, note="a manifest without its files"),
    "wrong_authority": Fault(
        "refused", ("WRONG_AUTHORITY",), seal=_other_authority, note="another authority's manifest"
    ),
    "wrong_agency": Fault("refused", ("WRONG_AGENCY",), seal=_other_agency, note="another agency's manifest"),
    "wrong_date": Fault(
        "refused", ("WRONG_DATE",), seal=_set(business_date="2024-02-29"), note="another night's manifest"
    ),
    "contract_unknown": Fault("refused", ("CONTRACT_UNKNOWN",), seal=_outdated, note="a contract version nobody knows"),
    "repeated": Fault("refused", ("REPEATED",), note="the sequence number of the night before"),
    "sequence_gap": Fault("", ("SEQUENCE_GAP",), note="a number left out: a full delivery loads, a delta is held"),
    "empty": Fault("held", ("EMPTY",), shape=_emptied, note="no record at all in a full delivery"),
    "reordered": Fault("", (), shape=_reordered, note="columns in another order: nothing to complain of"),
    "forbidden_column": Fault(
        "", ("COLUMNS_REFUSED",), shape=_forbidden, note="ethnicity and special needs came along"
    ),
    "columns_missing": Fault(
        "refused",
        ("COLUMNS_MISSING",),
        shape=_no_required,
        agencies=("health", "police"),
        note="a required column is not there",
    ),
    "encoding_other": Fault(
        "",
        ("ENCODING_OTHER",),
        shape=_with_accents,
        text=_windows,
        agencies=("health",),
        note="Windows-1252 where UTF-8 is promised: readable, with a warning",
    ),
    "encoding_unknown": Fault(
        "refused",
        ("ENCODING_UNKNOWN", "UNREADABLE"),
        text=lambda text: text.decode().encode("utf-16"),
        agencies=("health",),
        note="UTF-16",
    ),
    "byte_order_mark": Fault(
        "",
        (),
        text=lambda text: b"\xef\xbb\xbf" + text,
        agencies=("health", "social_care"),
        note="UTF-8 with a byte order mark: nothing to complain of",
    ),
    "broken_xml": Fault(
        "partly_loaded",
        ("RECORDS_LOST",),
        text=_cut_off,
        agencies=("education",),
        note="the export stopped: the readable pupils load, the others count as lost",
    ),
    "entity_bomb": Fault(
        "refused",
        ("UNREADABLE", "TOO_LARGE"),
        text=_entities,
        agencies=("education",),
        note="XML entities that would fill the memory",
    ),
    "zip_bomb": Fault(
        "refused",
        ("TOO_LARGE",),
        honest=_bomb,
        agencies=("health", "police"),
        note="two megabytes that unpack to half a gigabyte",
    ),
    "late": Fault("", (), note="arrives after its night was loaded"),
}
