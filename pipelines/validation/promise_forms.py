"""The few forms that a promise about the accepted frame takes, and where in the frame a contract's columns lie.

Belongs here: what promises of one column (`column_promises`) and of several (`record_promises`) are both made with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipelines.contracts.contract import Column, Rule
from pipelines.validation import proof_frames as proofs
from pipelines.validation.promises import Promise

__all__ = ["expect", "holds", "leaves_of", "matches", "placed_in"]


def expect(
    verdict: str,
    frame: str,
    kind: str,
    column: str,
    words: str,
    rule: str = "",
    derive: proofs.Derivation | None = None,
    **arguments: Any,
) -> Promise:
    """The expectation `kind` on one column of a frame; with `derive` the column is computed first."""
    derived = {column: derive} if derive else None
    return Promise(verdict, frame, kind, {"column": column, **arguments}, words, rule, derived)


def matches(
    verdict: str,
    frame: str,
    column: str,
    expression: str,
    words: str,
    rule: str,
    derive: proofs.Derivation | None = None,
) -> Promise:
    """That every text of the column matches the whole of `expression`."""
    return expect(
        verdict,
        frame,
        "ExpectColumnValuesToMatchRegex",
        column,
        f"{column.partition(':')[0]} {words}",
        rule,
        derive,
        regex=f"^(?:{expression})$",
    )


def holds(
    verdict: str, rule: Rule, frame: str, column: str, holds: proofs.Derivation, queried: bool, words: str
) -> Promise:
    """That `holds` is true of every record; with `queried`, of every record that is not queried."""
    derive = proofs.queried_or(holds) if queried else holds
    return expect(
        verdict,
        frame,
        "ExpectColumnValuesToBeInSet",
        column,
        words,
        rule.code,
        lambda f: derive(f).astype(int),
        value_set=[1],
    )


def leaves_of(columns: Sequence[Column], frame: str, prefix: str) -> Iterator[tuple[str, str, Column]]:
    """(frame, path, column) of everything that has values; arrays are counted in it, their items have a frame."""
    for column in columns:
        path = f"{prefix}{column.name}"
        if column.logical == "object":
            yield from leaves_of(column.items, frame, f"{path}.")
            continue
        yield frame, path, column
        if column.logical == "array":
            yield from leaves_of(column.items, path, "")


def placed_in(path: str) -> tuple[str, str]:
    """(frame, column) of a path as rules write it: ``involvements[].start`` is ``start`` of frame ``involvements``."""
    array, mark, inner = path.partition("[].")
    return (array, inner) if mark else (proofs.RECORDS, path)
