"""Reading what was delivered: one reader per kind of file, one result for all.

`read_delivery` reads the verified files of a delivery under its contract. Nothing is judged here beyond what can be
read at all; content outside the contract is dropped while parsing and named.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.files import Verified, VerifiedFile
from pipelines.deliveries.readers.csv import read_csv
from pipelines.deliveries.readers.jsonl import read_jsonl
from pipelines.deliveries.readers.parquet import read_parquet
from pipelines.deliveries.readers.result import FilePart, ReadResult, assemble, tidied
from pipelines.deliveries.readers.xml import read_xml

__all__ = ["ReadResult", "read_delivery", "read_file"]

_KINDS = {"csv": "csv", "xml": "xml", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl", "parquet": "parquet"}


def read_delivery(files: Verified, contract: Contract, *, delta: bool) -> ReadResult:
    """The records of a delivery whose files were verified.

    When a finding refuses the delivery, its records must not be used. Besides what the readers find: COUNT_MISMATCH
    when a file was read whole and does not have the stated rows, RECORDS_LOST when a damaged one has fewer. Rows with no value
    at all may be counted by the manifest or not.
    """
    parts: list[FilePart] = []
    findings: list[Finding] = []
    lost = blank = 0
    for file in files.files:
        part = read_file(file, contract, delta=delta)
        missing = file.stated.rows - part.rows
        stated_blank = min(max(missing, 0), part.blank)
        missing, blank = missing - stated_blank, blank + stated_blank
        refused = any(each.severity == "refuse" for each in part.findings)
        torn = bool(part.damaged) or not part.complete
        if not refused and missing > 0 and torn:
            lost += missing
            findings.append(finding("RECORDS_LOST", file.stated.name, lost=missing))
        elif not refused and missing:
            findings.append(finding("COUNT_MISMATCH", file.stated.name, found=part.rows, stated=file.stated.rows))
        parts.append(part)
        findings += part.findings
    return assemble(parts, contract, delta=delta, lost=lost, findings=tuple(findings), blank=blank)


def read_file(file: VerifiedFile, contract: Contract, *, delta: bool) -> FilePart:
    """The records of one file, by the kind its name tells: the contract's own, or Parquet; with clean texts."""
    return tidied(_as_it_is(file, contract, delta=delta), contract)


def _as_it_is(file: VerifiedFile, contract: Contract, *, delta: bool) -> FilePart:
    kind = _KINDS.get(file.name.rpartition(".")[2].lower())
    if kind in ("parquet", contract.file.kind):
        return _read(kind, file, contract, delta=delta)
    reason = f"its name ends neither in .{contract.file.kind} nor in .parquet"
    fault = finding("UNREADABLE", file.stated.name, reason=reason)
    # whatever it is called: what can be made out in it is heard
    with file.path.open("rb") as stream:
        kind = "parquet" if stream.read(4) == b"PAR1" else contract.file.kind
    return replace(_read(kind, file, contract, delta=delta), findings=(fault,))


def _read(kind: str, file: VerifiedFile, contract: Contract, *, delta: bool) -> FilePart:
    rows = file.stated.rows
    if kind == "parquet":
        return read_parquet(file.path, file.stated.name, contract, delta=delta, stated_rows=rows)
    if kind == "csv":
        return read_csv(file.path, file.stated.name, contract, delta=delta, stated_rows=rows)
    if kind == "xml":
        return read_xml(file.path, file.stated.name, contract, delta=delta)
    return read_jsonl(file.path, file.stated.name, contract, delta=delta)
