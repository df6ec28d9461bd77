"""Documents made from contracts: a page per feed, column schemas and column lineage.

Belongs here: pure functions from a contract to words. Not here: who shows them (assets, reports) and where.
`python -m pipelines.contracts.describe` writes the pages under `docs/feeds`; a test proves that they are up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from pipelines.contracts.contract import Column, Contract, Rule
from pipelines.contracts.load import load_contract, registered_agencies
from pipelines.contracts.person_record import PERSON_RECORD
from pipelines.contracts.vocabulary import CHECKS, PRIVACY_CLASSES

__all__ = [
    "accepted_columns",
    "feed_page",
    "person_record_columns",
    "person_record_lineage",
    "record_columns",
    "reject_columns",
    "write_pages",
]

ColumnWords = tuple[str, str, str]
"""A column's name, type and description."""

_LOGICAL_WORDS = {"text": "text", "date": "date", "flag": "true or false", "object": "object", "array": "list"}
_RECORD = (
    ("position", "int64", "ordinal of the record in the delivery, from 1"),
    ("line", "int64", "physical line where there is one"),
    ("key", "string", "the key columns joined by a slash"),
    ("change", "string", "upsert or withdraw"),
)
_ACCEPTED = (
    ("outcome", "string", "accepted or queried"),
    ("unverified", "list<string>", "columns whose identifier is kept but not relied on"),
)
_REJECT = (
    ("reject_id", "string", "stable: the same fault on the same record keeps it"),
    *_RECORD[:3],
    ("outcome", "string", "rejected or queried"),
    ("rule", "string", "code of the broken rule"),
    ("severity", "string", "reject or query"),
    ("dimension", "string", "completeness, conformance or plausibility"),
    ("field", "string", "path of the column concerned"),
    ("masked", "string", "the shape of the value, never the value"),
    ("message", "string", "what is wrong, in plain words"),
    ("remedy", "string", "what the supplier should do"),
    ("contract", "string", "contract and version that judged"),
)
_PERSON_TYPES = {"VARCHAR": "string", "DATE": "date32", "BOOLEAN": "bool", "INTEGER": "int32", "BIGINT": "int64"}


def record_columns(contract: Contract) -> list[ColumnWords]:
    """Columns of a delivery's records as read: everything text."""
    return [*_RECORD, *((column.name, _arrow(column, typed=False), column.description) for column in contract.columns)]


def accepted_columns(contract: Contract) -> list[ColumnWords]:
    """Columns of the accepted records: everything in its own type."""
    own = ((column.name, _arrow(column, typed=True), column.description) for column in contract.columns)
    return [*_RECORD, *_ACCEPTED, *own]


def reject_columns() -> list[ColumnWords]:
    """Columns of the reject table: one row per record and broken rule."""
    return list(_REJECT)


def person_record_columns() -> list[ColumnWords]:
    """Columns of the person records."""
    return [(column.name, _PERSON_TYPES[column.type], column.description) for column in PERSON_RECORD]


def person_record_lineage(contracts: Iterable[Contract] | None = None) -> dict[str, list[tuple[str, str]]]:
    """Person-record column → the (agency, contract column) pairs that feed it, for the registered agencies.

    Args:
        contracts: other contracts than the newest of each registered agency.
    """
    used = list(contracts) if contracts is not None else [load_contract(a.contracts[-1]) for a in registered_agencies()]
    used = [contract for contract in used if not contract.claims]  # whose rows are links
    lineage: dict[str, list[tuple[str, str]]] = {}
    for target in PERSON_RECORD:
        lineage[target.name] = [
            (contract.agency, column.name)
            for contract in used
            for column in contract.columns
            if column.concept in target.concepts or (column.key and target.name in ("record_key", "key"))
        ]
    return lineage


def feed_page(contract: Contract) -> str:
    """The contract as a Markdown page: what to deliver, each column, each code, each rule."""
    level = contract.service_level
    absence = {
        "withdrawn": "A key that is absent from a full delivery has been withdrawn.",
        "nothing": "A key that is absent from a full delivery means nothing: the feed is a rolling window.",
    }[contract.absence_means]
    lines = [
        f"# {contract.title}",
        "",
        f"Contract `{contract.id}`, version {contract.version}. {contract.description}",
        "",
        "This page is made from the contract; change the contract, not the page.",
        "",
        "## The file",
        "",
        *_file_lines(contract),
        f"- Key: {', '.join(f'`{name}`' for name in contract.key_columns)}. {absence}",
        f"- Due by {level.arrival} on the day after the business date. Queried when it has {level.volume_drop:.0%} "
        f"fewer or {level.volume_rise:.0%} more records than the nights before, or when more than "
        f"{level.reject_rate:.1%} of them are rejected. Held when more than {level.protected_share:.0%} of the feed's records "
        "(and more than twenty) ask to be protected.",
        "- In a delta every record also carries `change`: `upsert` or `withdraw`.",
        "- Anything that is not listed here is refused by name and kept nowhere.",
        *_protective_lines(contract.columns),
        "",
        "## Columns",
        "",
        "| column | | kind | privacy | meaning |",
        "|---|---|---|---|---|",
        *_column_lines(contract.columns),
        "",
        "Privacy classes: " + " ".join(f"**{name}**: {words}" for name, words in PRIVACY_CLASSES.items()),
        "",
        "## Codes",
        "",
        "| column | code | meaning | compared as |",
        "|---|---|---|---|",
        *_code_lines(contract.columns),
        "",
        "## Rules",
        "",
        "`reject`: the record is not loaded. `query`: the value is set aside and the record is loaded; *kept*: the "
        "value stays and needs an answer; an identifier that stays is not relied on.",
        "",
        "| code | column | severity | dimension | what is wrong | what to do |",
        "|---|---|---|---|---|---|",
        *(_rule_line(rule) for rule in _rules(contract)),
        "",
        "## What the checks mean",
        "",
        *(f"- `{name}`: {CHECKS[name].meaning}." for name in sorted({rule.check for rule in _rules(contract)})),
    ]
    return "\n".join(lines) + "\n"


def write_pages(folder: Path) -> list[Path]:
    """Write the page of each built-in agency's newest contract into `folder`; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for agency in registered_agencies():
        path = folder / f"{agency.agency}.md"
        path.write_text(feed_page(load_contract(agency.contracts[-1])), encoding="utf-8")
        written.append(path)
    return written


def _file_lines(contract: Contract) -> list[str]:
    file = contract.file
    kind = {
        "csv": f"delimiter `{file.delimiter}`, with a header",
        "xml": f"root `<{file.root}>`, one `<{file.record}>` per record",
        "jsonl": "one JSON object per line",
    }[file.kind]
    dates = file.date_format.replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")
    return [
        f"- `{file.name}`, {kind}, {file.encoding}; also as `.gz` or `.zst`, or as Parquet with the same columns.",
        *(["- Every column stands in the header, also one that is empty throughout."] if file.kind == "csv" else []),
        f"- Dates in the form {dates}.",
        "- With it, and after it, `manifest.json`: [its form](../adding-an-authority.md).",
    ]


def _flat(columns: Iterable[Column], above: str = "") -> list[tuple[str, Column]]:
    """Every column with its path, nested ones below their holder."""
    found = []
    for column in columns:
        path = f"{above}{column.name}"
        found += [(path, column), *_flat(column.items, f"{path}{'[]' if column.logical == 'array' else ''}.")]
    return found


def _protective_lines(columns: Iterable[Column]) -> list[str]:
    if not any(column.protects for _, column in _flat(columns)):
        return []
    return [
        "- What is marked *protects* must come under exactly its name, and what cannot be understood in it counts as "
        "protected: see [protective columns](../concepts.md#protective-columns).",
    ]


def _column_lines(columns: Iterable[Column]) -> list[str]:
    return [
        f"| `{path}` | {_duties(column)} | "
        f"{_LOGICAL_WORDS[column.logical]} | {column.privacy} | {_cell(column.description)} |"
        for path, column in _flat(columns)
    ]


def _duties(column: Column) -> str:
    duty = "key" if column.key else "required" if column.required else ""
    return ", ".join(word for word in (duty, "protects" if column.protects else "") if word)


def _code_lines(columns: Iterable[Column]) -> list[str]:
    return [
        f"| `{path}` | `{code}` | {_cell(label)} | {_comparable(column.codes, code)} |"
        for path, column in _flat(columns)
        for code, label in column.labels.items()
    ]


def _comparable(codes: Mapping[str, str], code: str) -> str:
    if code not in codes:
        return ""
    return f"`{codes[code]}`" if codes[code] else "nothing"


def _rules(contract: Contract) -> list[Rule]:
    return [rule for _, column in _flat(contract.columns) for rule in column.rules] + list(contract.rules)


def _rule_line(rule: Rule) -> str:
    severity = f"{rule.severity}, *kept*" if rule.keeps_value else rule.severity
    ended = f" Until {_day(rule.effective_to)}." if rule.effective_to else ""
    field = ", ".join(f"`{part}`" for part in rule.field.split("+") if part)
    cells = (rule.code, field, severity, rule.dimension, f"{_cell(rule.message)}{ended}", _cell(rule.remedy))
    return f"| {' | '.join(cells)} |"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _arrow(column: Column, *, typed: bool) -> str:
    if column.logical in ("object", "array"):
        inner = ", ".join(f"{item.name}: {_arrow(item, typed=typed)}" for item in column.items)
        shape = f"struct<{inner}>" if inner else "string"
        return f"list<{shape}>" if column.logical == "array" else shape
    if not typed:
        return "string"
    return {"text": "string", "date": "date32", "flag": "bool"}[column.logical]


if __name__ == "__main__":
    write_pages(Path("docs") / "feeds")
