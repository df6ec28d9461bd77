"""The figures of an attempt: what the summary, the overview and the published manifest say of it in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.nights.attempts import Attempt
from pipelines.nights.unmet import unmet_in
from pipelines.protection.register import HELD_NIGHT, TAKEN_BACK
from pipelines.publishing.feed_input import FeedInput
from pipelines.seams.words import TASK_KINDS
from pipelines.tables import connect, fetch, read_as, read_table

__all__ = ["control_totals", "figures_of"]

_OUTCOMES = ("rows_read", "accepted", "queried", "rejected", "repeats", "lost")


def figures_of(attempt: Attempt) -> dict[str, Any]:
    """Figures of matching and identities, as far as the attempt has come."""
    matching, identities = attempt.folder / "matching", attempt.folder / "identities"
    figures: dict[str, Any] = {}
    if (matching / "clusters.parquet").is_file():
        kinds = read_table(matching / "possible.parquet", ["kind"])["kind"]
        review = int(pc.sum(pc.equal(kinds, "review")).as_py() or 0)
        figures |= {"matching": read_as(matching / "stats.json", dict), "review": review, "review_open": review}
        figures["records"] = pq.read_metadata(matching / "clusters.parquet").num_rows
    if (identities / "visibility.parquet").is_file():
        seen = read_table(identities / "visibility.parquet")
        figures["linked"] = figures.get("records", 0) - seen.num_rows
        figures |= {name: int(pc.sum(seen[name]).as_py() or 0) for name in ("shielded", "withheld")}
    if (attempt.folder / "protection" / "tasks.parquet").is_file():
        figures["protection"] = _protection(attempt)
        if unmet := unmet_in(attempt.folder, attempt.night.authority):
            figures["unmet"] = unmet
    return figures


def _protection(attempt: Attempt) -> dict[str, int]:
    """Wishes by what became of them: that stand, of tonight, lifted by people; and tasks by kind.

    One whose child is hidden all the same was not lifted.
    """
    entries = read_table(attempt.folder / "protection" / "entries.parquet")
    tasks = read_table(attempt.folder / "protection" / "tasks.parquet", ["kind"])["kind"]
    standing = _wishes(entries.filter(entries["lifted_by"].is_null()))
    lifted = entries.filter(entries["lifted_by"].is_valid())
    opened = pc.invert(pc.is_in(lifted["record_ref"], value_set=_hidden_refs(attempt)))
    night = pa.scalar(attempt.night.business_date, pa.date32())
    counts = {
        "standing": standing.num_rows,
        "new": int(pc.sum(pc.equal(standing["first_night"], night)).as_py() or 0),
        "lifted": int(pc.sum(opened).as_py() or 0),
    }
    return counts | {kind: int(pc.sum(pc.equal(tasks, kind)).as_py() or 0) for kind in TASK_KINDS}


def _wishes(entries: pa.Table) -> pa.Table:
    """The entries of a register as people count them: what a night found besides is no wish, and a shield that was taken back is one."""
    with connect({"entries": entries}) as duck:
        return fetch(
            duck,
            f"""
            SELECT first_night FROM entries WHERE asked NOT IN ('{HELD_NIGHT}', '{TAKEN_BACK}')
            UNION ALL SELECT min(first_night) FROM entries WHERE asked = '{TAKEN_BACK}' GROUP BY delivery_id
        """,
        )


def _hidden_refs(attempt: Attempt) -> pa.Array:
    """References of the records of hidden children."""
    folder = attempt.folder / "identities"
    seen = read_table(folder / "visibility.parquet")
    hidden = seen.filter(pc.or_(seen["shielded"], seen["withheld"]))["index_id"].combine_chunks()
    held = read_table(folder / "identities.parquet", ["record_ref", "index_id"])
    return held.filter(pc.is_in(held["index_id"], value_set=hidden))["record_ref"].combine_chunks()


def control_totals(attempt: Attempt, rows: Mapping[str, int], inputs: Sequence[FeedInput]) -> dict[str, Any]:
    """Counts end to end: delivered, with each outcome, live, linked by step, in identities, published."""
    identities = read_table(attempt.folder / "identities" / "identities.parquet", ["step"])
    steps = pc.value_counts(identities["step"]).to_pylist()
    return {
        **{name: sum(int(feed.counts.get(name, 0)) for feed in inputs) for name in _OUTCOMES},
        "records": identities.num_rows,
        "steps": {each["values"]: each["counts"] for each in sorted(steps, key=lambda each: str(each["values"]))},
        "children": rows["children"],
        "involvements": rows["involvements"],
    }
