"""Reading what was delivered: one reader per kind of file, one result for all.

`read_delivery` reads the verified files of a delivery under its contract. Nothing is judged here beyond what can be
read at all; content outside the contract is dropped while parsing and named.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import finding
from pipelines.deliveries.files import Verified, VerifiedFile
from pipelines.deliveries.packed import is_packed, is_parquet, laid_open
from pipelines.deliveries.readers.csv import csv_pieces
from pipelines.deliveries.readers.jsonl import jsonl_pieces
from pipelines.deliveries.readers.only_new import MOST_BYTES, Known, put_together, read_new
from pipelines.deliveries.readers.parquet import parquet_pieces
from pipelines.deliveries.readers.pieces import Pieces, whole
from pipelines.deliveries.readers.result import FilePart, ReadResult, native_schema, tidied
from pipelines.deliveries.readers.xml import xml_pieces

__all__ = ["Known", "ReadResult", "hear_file", "put_together", "read_delivery", "read_file"]

_KINDS = {"csv": "csv", "xml": "xml", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl", "parquet": "parquet"}


def read_delivery(files: Verified, contract: Contract, *, delta: bool, known: Known | None = None) -> ReadResult:
    """The records of a delivery whose files were verified.

    When a finding refuses the delivery, its records must not be used. Besides what the readers find: COUNT_MISMATCH
    when a file was read whole and does not have the stated rows, RECORDS_LOST when a damaged one has fewer. Rows with no value
    at all may be counted by the manifest or not.

    Args:
        files: of the delivery.
        contract: by which they are read.
        delta: whether it is a delta.
        known: what is known of the records of a full delivery: those whose text is known are not read, but `ReadResult.taken`.
    """
    if known is not None and not delta and _size(files) <= MOST_BYTES:
        told = [(file.stated, _pieces(file, contract, delta=delta)) for file in files.files]
        return read_new(told, contract, known)
    parts = [(file.stated, read_file(file, contract, delta=delta)) for file in files.files]
    return put_together(parts, contract, delta=delta)


def read_file(file: VerifiedFile, contract: Contract, *, delta: bool) -> FilePart:
    """The records of one file, by the kind its name tells: the contract's own, or Parquet; with clean texts."""
    return tidied(_pieces(file, contract, delta=delta).all(), contract)


def hear_file(file: VerifiedFile, contract: Contract, *, delta: bool) -> FilePart:
    """What can be made out in a file for the requests in it alone: whatever its name says, it is what its bytes are.

    Of one that is packed everything is read that can be unpacked; of one that unpacks to far too much, nothing.
    """
    with laid_open(file.path) as path:
        if path is None:
            fault = finding("UNREADABLE", file.stated.name, reason="it unpacks to far more than its size warrants")
            return FilePart(native_schema(contract, delta).empty_table(), findings=(fault,))
        kind = "parquet" if is_parquet(path) else contract.file.kind
        return tidied(_of_kind(kind, replace(file, path=path), contract, delta=delta).all(), contract)


def _pieces(file: VerifiedFile, contract: Contract, *, delta: bool) -> Pieces:
    kind = _KINDS.get(file.name.rpartition(".")[2].lower())
    told = kind in ("parquet", contract.file.kind)
    fits = is_parquet(file.path) == (kind == "parquet") and not is_packed(file.path)
    if kind and told:
        pieces = _of_kind(kind, file, contract, delta=delta) if fits or kind == "parquet" else None
        if pieces and (fits or pieces.all().rows):
            return pieces
    reason = (
        "what it holds is not what its name says"
        if told
        else f"its name ends neither in .{contract.file.kind} nor in .parquet"
    )
    fault = finding("UNREADABLE", file.stated.name, reason=reason)
    # whatever it is called: what can be made out in it is heard
    return whole(replace(hear_file(file, contract, delta=delta), findings=(fault,)))


def _of_kind(kind: str, file: VerifiedFile, contract: Contract, *, delta: bool) -> Pieces:
    rows = file.stated.rows
    if kind == "parquet":
        return parquet_pieces(file.path, file.stated.name, contract, delta=delta, stated_rows=rows)
    if kind == "csv":
        return csv_pieces(file.path, file.stated.name, contract, delta=delta, stated_rows=rows)
    if kind == "xml":
        return xml_pieces(file.path, file.stated.name, contract, delta=delta)
    return jsonl_pieces(file.path, file.stated.name, contract, delta=delta)


def _size(files: Verified) -> int:
    return sum(file.path.stat().st_size for file in files.files)
