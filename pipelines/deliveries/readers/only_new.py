"""Reading only what is new: of a full delivery the records whose text is not known from the delivery before.

Belongs here: a keyed digest of every record's text, which of them are known, reading the others, and putting the files of a delivery
together. Not here: telling records apart (each reader's `pieces`), where digests are kept and what they are keyed with
(`known_texts`), judging. What is read of a file is as if all of it had been read; where that cannot be had, all of it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Contract
from pipelines.deliveries.cleaning import names_told
from pipelines.deliveries.codes import Finding, finding
from pipelines.deliveries.manifest import ManifestFile
from pipelines.deliveries.readers.pieces import Indices, Mask, Pieces
from pipelines.deliveries.readers.result import FilePart, ReadResult, assemble, tidied
from pipelines.privacy.secret import key_for

__all__ = ["DIGEST", "MOST_BYTES", "Known", "put_together", "read_new"]

DIGEST = pa.binary(16)
"""Of a record's text, with the deployment's secret and all that its reading and judging depends on."""

MOST_BYTES = 1 << 29
"""Of a delivery's files together, which stay in memory until they are judged; larger ones are read as a whole, one after the other."""

_WORTH = 0.5  # share of a file's records that must be known; below it, all of them are read


@dataclass(frozen=True)
class Known:
    """What is known of the records of a feed.

    Attributes:
        means: all that the reading and judging of a record depends on besides its file.
        digests: `DIGEST` of each row of `accepted`, null where it may not be taken over; no two are equal.
        accepted: the accepted table of a former delivery; None: nothing is known, and digests are made for the next one.
    """

    means: str
    digests: pa.Array = field(default_factory=lambda: pa.array([], DIGEST), repr=False)
    accepted: pa.Table | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Told:
    """One file: what is stated of it, its records told apart, the digest of each (None: none could be made), its row in the former table or -1."""

    stated: ManifestFile
    pieces: Pieces
    digests: pa.Array | None
    rows: Indices


def put_together(parts: Sequence[tuple[ManifestFile, FilePart]], contract: Contract, *, delta: bool) -> ReadResult:
    """The files of a delivery, as they were read, held against what is stated of them."""
    findings: list[Finding] = []
    lost = blank = 0
    for stated, part in parts:
        missing = stated.rows - part.rows
        stated_blank = min(max(missing, 0), part.blank)
        missing, blank = missing - stated_blank, blank + stated_blank
        refused = any(each.severity == "refuse" for each in part.findings)
        torn = bool(part.damaged) or not part.complete
        if not refused and missing > 0 and torn:
            lost += missing
            findings.append(finding("RECORDS_LOST", stated.name, lost=missing))
        elif not refused and missing:
            findings.append(finding("COUNT_MISMATCH", stated.name, found=part.rows, stated=stated.rows))
        findings += part.findings
    return assemble(
        [part for _, part in parts], contract, delta=delta, lost=lost, findings=tuple(findings), blank=blank
    )


def read_new(files: Sequence[tuple[ManifestFile, Pieces]], contract: Contract, known: Known) -> ReadResult:
    """A full delivery, of which the records that are known are taken over and the others read.

    Args:
        files: what is stated of each, and its records told apart.
        contract: by which they are read.
        known: what is known of the feed.
    """
    made = [(stated, pieces, _digests(pieces, known.means)) for stated, pieces in files]
    there = [digests for _, _, digests in made if digests is not None]
    alone = _alone(pa.chunked_array(there, DIGEST))
    told = [
        _Told(stated, pieces, digests, _rows(digests, alone, known, len(pieces.start)))
        for stated, pieces, digests in made
    ]
    return _read(told, contract, known, alone, frozenset())


def _read(
    told: Sequence[_Told], contract: Contract, known: Known, alone: pa.Array, wanted: frozenset[int]
) -> ReadResult:
    """The delivery, of which the records at `wanted` positions are read though they are known."""
    parts: list[tuple[ManifestFile, FilePart]] = []
    taken: list[pa.Table] = []
    texts: list[pa.Array] = []
    before = 0
    for each in told:
        part, took = _part(each, contract, known, [position - before for position in wanted])
        parts.append((each.stated, part))
        count = part.rows + part.blank
        if took is not None:
            position = pa.array(took["position"].to_numpy() + before)
            taken.append(took.set_column(0, took.schema.field(0), position))
        # a file that has other records than were told apart has none that is known by its text
        fits = each.digests is not None and len(each.digests) == count
        texts.append(each.digests if fits else pa.nulls(count, DIGEST))
        before += count
    result = put_together(parts, contract, delta=False)
    took = pa.concat_tables(taken) if taken else None
    positions = np.concatenate([result.plain.to_numpy(), took["position"].to_numpy() if took is not None else []])
    return replace(
        result,
        taken=took,
        texts=_kept(pa.chunked_array(texts, DIGEST), positions.astype(np.int64), alone),
        again=lambda more: _read(told, contract, known, alone, wanted | frozenset(more)),
    )


def _part(told: _Told, contract: Contract, known: Known, wanted: Sequence[int]) -> tuple[FilePart, pa.Table | None]:
    """One file as it was read, with clean texts, and what was taken over instead: rows of the former table at tonight's places."""
    rows = told.rows.copy()
    rows[[position - 1 for position in wanted if 0 < position <= len(rows)]] = -1
    here = np.flatnonzero(rows >= 0)
    if known.accepted is not None and len(here) and len(here) >= _WORTH * len(rows):
        # the first is read always: what is told of a file is told in the order in which it is met, and some of it with a record
        rows[0], here = -1, here[here > 0]
        part = told.pieces.read(np.flatnonzero(rows < 0))
        if part is not None and len(here):
            took = known.accepted.take(pa.array(rows[here]))
            lines = told.pieces.line
            line = pa.nulls(len(here), pa.int64()) if lines is None else pa.array(lines[here], pa.int64())
            took = took.set_column(0, took.schema.field(0), pa.array(here + 1))
            took = took.set_column(1, took.schema.field(1), line)
            return tidied(part, contract, names_told(took, contract)), took
    return tidied(told.pieces.all(), contract), None


def _digests(pieces: Pieces, means: str) -> pa.Array | None:
    """`DIGEST` of each record, null where it may not be known by its text; None when none may."""
    if not pieces.sure.any():
        return None
    key = key_for(f"text of a record {means} {pieces.context.hex()}")
    text = memoryview(pieces.data)
    bounds = zip(pieces.start.tolist(), pieces.end.tolist(), strict=True)
    made = b"".join([blake2b(text[one:other], key=key, digest_size=16).digest() for one, other in bounds])
    valid = pa.array(pieces.sure)
    return pa.FixedSizeBinaryArray.from_buffers(DIGEST, len(valid), [valid.buffers()[1], pa.py_buffer(made)])


def _alone(digests: pa.ChunkedArray) -> pa.Array:
    """Those that one record of the delivery has alone."""
    counted = pc.value_counts(digests.drop_null())
    return counted.field("values").filter(pc.equal(counted.field("counts"), 1))


def _rows(digests: pa.Array | None, alone: pa.Array, known: Known, count: int) -> Indices:
    """Row of each record in the former table, -1 where it is not known."""
    if digests is None or known.accepted is None:
        return np.full(count, -1, np.int64)
    there = pc.is_in(digests, known.digests.drop_null())
    found = pc.index_in(digests, known.digests)
    sure = pc.and_(pc.and_(there, digests.is_valid()), pc.is_in(digests, alone))
    return np.asarray(pc.fill_null(pc.if_else(sure, found, None), -1).cast(pa.int64()))


def _kept(texts: pa.ChunkedArray, positions: Indices, alone: pa.Array) -> pa.Array:
    """The digests that may be known again: of the records at these positions, if no other record has the same text."""
    allowed: Mask = np.zeros(len(texts), bool)
    allowed[positions - 1] = True
    digests = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], DIGEST)
    allowed &= np.asarray(pc.fill_null(pc.is_in(digests, alone), False))
    return pc.if_else(pa.array(allowed), digests, pa.scalar(None, DIGEST))
