"""From stage reports and contract descriptions to Dagster metadata: numbers that plot, tables, columns, lineage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from pipelines.nights import Night, StageReport
from pipelines.settings import settings

__all__ = ["as_metadata", "check_results", "column_schema", "lineage", "page", "team"]


def as_metadata(report: StageReport, *, tables: bool = True) -> dict[str, Any]:
    """The report's figures, each under the same key every night, and its tables as Markdown."""
    metadata: dict[str, Any] = dict(report.figures)
    if tables:
        metadata |= {name: dg.MetadataValue.md(text) for name, text in report.tables.items()}
    return metadata


def check_results(report: StageReport, asset_key: dg.AssetKey) -> Iterable[dg.AssetCheckResult]:
    """The report's checks, as results on `asset_key`."""
    for check in report.checks:
        yield dg.AssetCheckResult(
            asset_key=asset_key,
            check_name=check.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
            metadata=dict(check.figures),
            description=check.description,
        )


def page(night: Night, name: str = "index.html") -> dict[str, dg.MetadataValue]:
    """Where people read what an asset says: a page of the night, or with a name below the authority's, of the authority's night.

    A link where ``ISINDEX_PAGES_URL`` says who serves the pages, which are for some people only; else its place in the home.
    """
    place = "/".join(
        ["reports", night.business_date.isoformat(), *([night.authority] if name != "index.html" else []), name]
    )
    served = settings().pages_url
    if served:
        return {"page": dg.MetadataValue.url(f"{served.rstrip('/')}/{place.removeprefix('reports/')}")}
    return {"page": dg.MetadataValue.path(place)}


def column_schema(columns: Sequence[tuple[str, str, str]]) -> dg.TableSchema:
    """A table schema of (name, type, description)."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name=name, type=kind, description=words) for name, kind, words in columns]
    )


def lineage(columns: Mapping[str, Sequence[tuple[dg.AssetKey, str]]]) -> dg.TableColumnLineage:
    """Column → the columns of other assets that it is made from."""
    return dg.TableColumnLineage(
        deps_by_column={
            name: [dg.TableColumnDep(asset_key=key, column_name=source) for key, source in sources]
            for name, sources in columns.items()
        }
    )


def team(name: str) -> str:
    """An owner's name as Dagster wants it."""
    return "team:" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
