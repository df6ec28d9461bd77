"""Columns → files as each agency writes them: CSV, XML, JSON lines, or Parquet; plain, gzip or zstd.

Belongs here: the outer form of the four feeds. Not here: which rows, and damage (faults/). The same columns give the
same bytes (gzip carries no time of writing).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sample_feeds.randomness import Objects

__all__ = ["FILE_NAMES", "compress", "write_native", "write_parquet"]

FILE_NAMES = {
    "health": "health.csv",
    "education": "education.xml",
    "police": "police.csv",
    "social_care": "social_care.jsonl",
}
SUFFIX = {"none": "", "gzip": ".gz", "zstd": ".zst"}

_ADDRESS = pa.struct(
    [("lines", pa.list_(pa.string())), *((name, pa.string()) for name in ("postcode", "uprn", "from", "status"))]
)
_NESTED: dict[str, pa.DataType] = {
    "names": pa.list_(pa.struct([(name, pa.string()) for name in ("family", "given", "type", "from", "to")])),
    "address": _ADDRESS,
    "carers": pa.list_(pa.struct([(name, pa.string()) for name in ("name", "relationship", "contact")])),
    "involvements": pa.list_(
        pa.struct([*((name, pa.string()) for name in ("team", "worker", "contact", "start", "end")),
                   ("sensitive", pa.bool_()), ("consent_basis", pa.string())])),
    "shield": pa.struct([("requested", pa.bool_()), ("by", pa.string()), ("reason_code", pa.string())]),
    "lead_professional": pa.bool_(), "caf_exists": pa.bool_(), "withdrawn": pa.bool_(),
}  # fmt: skip


def write_native(agency: str, columns: dict[str, Objects]) -> bytes:
    """The feed's own format: health and police CSV, education XML, social care JSON lines."""
    if agency == "education":
        return _xml(columns)
    if agency == "social_care":
        return _json_lines(columns)
    delimiter, encoding = (";", "cp1252") if agency == "police" else (",", "utf-8")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if agency == "police" else "\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode(encoding, errors="replace")


def write_parquet(agency: str, columns: dict[str, Objects]) -> bytes:
    """Parquet with the contract's columns: text as in the native form, flags as booleans, nested fields nested."""
    arrays = {name: pa.array(values, type=_NESTED.get(name, pa.string()) if agency == "social_care" else pa.string(),
                             from_pandas=True) for name, values in columns.items()}  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return bytes(sink.getvalue())


def compress(content: bytes, how: str) -> tuple[bytes, str]:
    """`content` compressed (how: none, gzip, zstd) and the suffix its file name gets."""
    if how == "gzip":
        return gzip.compress(content, compresslevel=5, mtime=0), SUFFIX[how]
    if how == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=3).compress(content), SUFFIX[how]
    return content, SUFFIX["none"]


def _xml(columns: dict[str, Objects]) -> bytes:
    """<Pupils> with one <Pupil> per row; an element without a value is left out."""
    count = len(next(iter(columns.values())))
    parts = [pa.array(np.full(count, "<Pupil>"), pa.string())]
    for name, values in columns.items():
        text = pa.array(values, pa.string(), from_pandas=True)
        for raw, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = pc.replace_substring(text, raw, escaped)
        element = pc.binary_join_element_wise(f"<{name}>", text, f"</{name}>", "")
        parts.append(pc.fill_null(element, ""))
    parts.append(pa.array(np.full(count, "</Pupil>\n"), pa.string()))
    pupils: Sequence[str] = pc.binary_join_element_wise(*parts, "").to_pylist()
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<Pupils>\n' + "".join(pupils) + "</Pupils>\n").encode()


def _json_lines(columns: dict[str, Objects]) -> bytes:
    """One document per line; a key without a value is left out."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    heads = list(columns)
    lines = [
        encode({name: value for name, value in zip(heads, row, strict=True) if value is not None})
        for row in zip(*columns.values(), strict=True)
    ]
    return ("\n".join(lines) + "\n").encode() if lines else b""
