"""The answer to the supplier, beside the delivery: `ack.json` and `rejects.csv`.

Belongs here: what the two files say and how they are written. They name positions, keys and rules, never a value. The
same outcome gives the same bytes, so that an answer that is missing or outdated is simply written again. They are
written into the delivery's own folder alone: a link on the way is not followed.
"""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from pipelines.deliveries.found import FoundDelivery
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
        "cleaned": entry.cleaned or {},
    }


def acknowledge(found: FoundDelivery, ack: dict[str, Any], rejects: pa.Table | None) -> bool:
    """Write `ack.json` and `rejects.csv` beside `found`; whether that could be done.

    A landing place that cannot be written to is logged: it must not stop the night.

    Args:
        found: the delivery.
        ack: as `ack_of` makes it.
        rejects: columns position, line, key, outcome, rule, field, message (others are left out); None for none.
    """
    try:
        found.put("rejects.csv", _rejects_csv(rejects))
        found.put("ack.json", (json.dumps(ack, indent=1, ensure_ascii=False) + "\n").encode())
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
    """Text that a spreadsheet neither runs as a formula nor breaks into lines, and that reads in the order in which it stands."""
    plain = pc.replace_substring_regex(texts.cast(pa.string()), r"[\x00-\x1f\x7f]", " ")
    plain = pc.replace_substring_regex(plain, r"[\x{202A}-\x{202E}\x{2066}-\x{2069}]", "")
    formula = pc.fill_null(
        pc.match_substring_regex(plain, r"^[\s\pZ\p{Cf}]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}\x{2212}]"), False
    )
    return pc.if_else(formula, pc.binary_join_element_wise("'", plain, ""), plain)
