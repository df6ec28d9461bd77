"""Preflight: judge a supplier's file as a load would, without loading it, so that a feed can be accredited.

Belongs here: a single file without a manifest, read and judged, and what that says about it. Nothing is stored, and the
result holds no value: positions, lines and fields only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from pipelines.contracts import authorities
from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import Finding
from pipelines.deliveries.files import verified
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.manifest import Manifest, ManifestFile
from pipelines.deliveries.readers import ReadResult, read_file
from pipelines.deliveries.readers.result import assemble
from pipelines.errors import IsindexError
from pipelines.privacy.secret import throwaway_secret
from pipelines.tables import connect, fetch
from pipelines.validation.judge import COUNTS, judge
from pipelines.validation.measures import measure

__all__ = ["EXAMPLES", "BrokenRule", "PreflightResult", "Verdict", "blocking", "preflight"]

Verdict = Literal["ready", "ready with queries", "not ready"]
EXAMPLES = 5
_UNSTATED = 2**62  # there is no manifest to settle how damaged lines belong together


@dataclass(frozen=True)
class BrokenRule:
    """A rule that records of the file break.

    Attributes:
        outcome: what became of the records: rejected, queried, or both.
        records: how many.
        positions, lines: of the first few, in order; lines only where the format has them.
    """

    rule: str
    severity: str
    outcome: str
    dimension: str
    field: str
    records: int
    message: str
    remedy: str
    positions: tuple[int, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class PreflightResult:
    """What a load would make of the file.

    Attributes:
        verdict: ready, ready with queries, or not ready (refused, nothing accepted, records lost, or more records
            rejected than the service level allows).
        reasons: why it is not simply ready, in sentences.
        counts: as `Judged.counts`; zero when the file is refused.
        cleaned: path of a column → texts that were cleaned there before they were judged (`deliveries.cleaning`).
        rules: broken ones, most records first.
        proof: results of the independent proof, name → passed; empty unless asked for.
    """

    contract: str
    business_date: date
    verdict: Verdict
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    rules: tuple[BrokenRule, ...]
    measures: dict[str, float] = field(default_factory=dict)
    proof: dict[str, bool] = field(default_factory=dict)
    cleaned: dict[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the file would be loaded."""
        return self.verdict != "not ready"

    def as_json(self) -> dict[str, Any]:
        """The result for machines."""
        return {
            **asdict(self),
            "business_date": self.business_date.isoformat(),
            "findings": [{**each.as_json(), "severity": each.severity} for each in self.findings],
        }


def preflight(
    path: Path,
    contract: Contract,
    business_date: date | None = None,
    authority: str | None = None,
    *,
    prove: bool = False,
) -> PreflightResult:
    """Judge the file at `path` (native form or Parquet, compressed or not; full or, with a change mark, delta).

    Args:
        path: the supplier's file; its name must end as the contract's does, or in .parquet.
        contract: to judge by.
        business_date: to judge by; default today in England.
        authority: 3-digit code; when given, it must be open on that day.
        prove: also run the independent proof of the accepted records (takes seconds to start).

    Raises:
        IsindexError: AUTHORITY_UNKNOWN, FILE_MISSING; findings about the file are in the result.
    """
    day = business_date or datetime.now(UTC).astimezone(ZoneInfo("Europe/London")).date()
    if authority is not None and authority not in authorities.on(day):
        raise IsindexError(
            "AUTHORITY_UNKNOWN", "There is no such authority on that day.", where=authority, remedy="Check the code."
        )
    if not path.is_file():
        raise IsindexError("FILE_MISSING", "There is no such file.", where=path.name, remedy="Check the path.")
    read = _read(path, contract, authority or "", day)
    refused = any(each.severity == "refuse" for each in read.findings)
    if refused:
        reasons = tuple(each.message for each in read.findings if each.severity == "refuse")
        return PreflightResult(contract.id, day, "not ready", reasons, read.findings, dict.fromkeys(COUNTS, 0), ())
    with throwaway_secret():  # a supplier has none, and nothing is kept
        judged = judge(read, contract, day, authority=authority or "")
    reasons = _reasons(judged.counts, contract, read.findings)
    doubts = judged.counts["queried"] or judged.counts["rejected"] or judged.counts["repeats"] or reasons
    not_ready = blocking(judged.counts, contract)
    proof: dict[str, bool] = {}
    measures = measure(judged.accepted, contract, judged.counts)
    if prove:
        from pipelines.validation.expectations import judge_night

        outcomes = judge_night(authority or "", day, contract, judged.accepted, measures, [], None)
        proof = {each.name: each.passed for each in outcomes}
    verdict: Verdict = "not ready" if not_ready else "ready with queries" if doubts else "ready"
    return PreflightResult(
        contract.id, day, verdict, reasons, read.findings, judged.counts, _broken(judged.rejects), measures, proof,
        dict(read.cleaned),
    )  # fmt: skip


def _read(path: Path, contract: Contract, authority: str, day: date) -> ReadResult:
    """The file's records, as the readers of a delivery give them."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    stated = ManifestFile(path.name, path.stat().st_size, _rows(path), digest)
    manifest = Manifest(contract.id, authority, contract.agency, day, 0, "full", "", (stated,), "")
    found = FoundDelivery(authority, contract.agency, day, UPath(path.resolve().parent), b"", "", manifest)
    with verified(found, manifest.files) as files:
        nothing = assemble([], contract, delta=False, lost=0, findings=files.findings)
        if not files.files:
            return nothing
        part = read_file(files.files[0], contract, delta=False)
        delta = "change" in part.refused
        if delta:
            part = read_file(files.files[0], contract, delta=True)
        lost = 0 if part.complete else 1  # how many cannot be known without a manifest
        return assemble([part], contract, delta=delta, lost=lost, findings=(*files.findings, *part.findings))


def _rows(path: Path) -> int:
    """Parquet knows its rows; of other files nothing is stated."""
    if path.suffix.lower() != ".parquet":
        return _UNSTATED
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return _UNSTATED


def blocking(counts: Mapping[str, int], contract: Contract) -> bool:
    """Whether a file that came to these counts is not ready: nothing usable, something lost, or too much rejected."""
    rate = counts["rejected"] / counts["rows_read"] if counts["rows_read"] else 1.0
    nothing = counts["accepted"] + counts["queried"] == 0
    return nothing or counts["lost"] > 0 or rate > contract.service_level.reject_rate


def _reasons(counts: dict[str, int], contract: Contract, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    reasons = [each.message for each in findings if each.severity in ("hold", "warn")]
    limit = contract.service_level.reject_rate
    if not counts["rows_read"]:
        reasons.append("The file has no records.")
    elif counts["rejected"] / counts["rows_read"] > limit:
        share = counts["rejected"] / counts["rows_read"]
        reasons.append(f"{share:.1%} of the records would be rejected; the service level allows {limit:.1%}.")
    if counts["lost"]:
        reasons.append("Some records could not even be told apart and would be lost.")
    return tuple(reasons)


def _broken(rejects: pa.Table) -> tuple[BrokenRule, ...]:
    with connect({"rejects": rejects}) as database:
        rows = fetch(
            database,
            f"""
        SELECT rule, min(severity) AS severity, string_agg(DISTINCT outcome, ' and ' ORDER BY outcome) AS outcome,
            min(dimension) AS dimension, min(field) AS field, count(*) AS records, min(message) AS message,
            min(remedy) AS remedy, min(position, {EXAMPLES}) AS positions, coalesce(min(line, {EXAMPLES}), []) AS lines
        FROM rejects GROUP BY rule ORDER BY records DESC, rule
        """,
        )
    return tuple(
        BrokenRule(**{**row, "positions": tuple(row["positions"]), "lines": tuple(row["lines"])})
        for row in rows.to_pylist()
    )
