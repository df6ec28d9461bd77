"""The answer to the supplier, beside the delivery: `ack.json` and `rejects.csv`.

Belongs here: what the two files say and how they are written. They name positions, keys and rules, never a value. The
same outcome gives the same bytes, so that an answer that is missing or outdated is simply written again.
"""

from __future__ import annotations

import io
import json
import logging
import secrets
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from upath import UPath

from pipelines.deliveries.states import DeliveryEntry

__all__ = ["ack_of", "acknowledge"]

_COLUMNS = ("position", "line", "key", "outcome", "rule", "field", "message")
_log = logging.getLogger(__name__)


def ack_of(entry: DeliveryEntry) -> dict[str, Any]:
    """What `ack.json` says of a delivery; it holds no time of its own."""
    return {
        "authority": entry.authority,
        "agency": entry.agency,
        "business_date": entry.business_date.isoformat(),
        "sequence": entry.sequence,
        "mode": entry.mode,
        "contract": entry.contract,
        "manifest_sha256": entry.manifest_sha256,
        "state": entry.state,
        "late": entry.late,
        "codes": entry.codes,
        "counts": entry.counts,
        "rules": entry.rules,
    }


def acknowledge(folder: UPath, ack: dict[str, Any], rejects: pa.Table | None) -> bool:
    """Write `ack.json` and `rejects.csv` into `folder`; whether that could be done.

    A landing place that cannot be written to is logged: it must not stop the night.

    Args:
        folder: the delivery's folder.
        ack: as `ack_of` makes it.
        rejects: columns position, line, key, outcome, rule, field, message (others are left out); None for none.
    """
    try:
        _put(folder, "rejects.csv", _rejects_csv(rejects))
        _put(folder, "ack.json", (json.dumps(ack, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as fault:
        _log.warning("the acknowledgement could not be written: %s", type(fault).__name__)
        return False
    return True


def _rejects_csv(rejects: pa.Table | None) -> bytes:
    out = io.BytesIO()
    out.write((",".join(_COLUMNS) + "\r\n").encode())
    if rejects is not None and rejects.num_rows:
        table = rejects.select(_COLUMNS).sort_by(
            [("position", "ascending"), ("rule", "ascending"), ("field", "ascending")]
        )
        for number, name in enumerate(_COLUMNS):
            if name in ("key", "field", "message"):
                table = table.set_column(number, name, _safe(table[name]))
        options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n")
        arrow_csv.write_csv(table, out, options)
    return out.getvalue()


def _safe(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that a spreadsheet neither runs as a formula nor breaks into lines."""
    plain = pc.replace_substring_regex(texts.cast(pa.string()), r"[\x00-\x1f\x7f]", " ")
    formula = pc.fill_null(pc.match_substring_regex(plain, r"^\s*[=+\-@]"), False)
    return pc.if_else(formula, pc.binary_join_element_wise("'", plain, ""), plain)


def _put(folder: UPath, name: str, content: bytes) -> None:
    """Write a file unless it says so already: where the place is a disk by renaming, else as one object."""
    path: Any = folder / name  # a pathlib.Path when the place is a disk, else another kind of UPath
    if path.is_file() and path.read_bytes() == content:
        return
    if isinstance(path, Path):
        making = path.with_name(f".{name}.{secrets.token_hex(4)}.part")
        try:
            making.write_bytes(content)
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)
    else:
        path.write_bytes(content)
