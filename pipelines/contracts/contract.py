"""What a contract says, as plain data.

Belongs here: the shapes that every later stage reads a contract through. Not here: how the YAML is read (`load`), how
rules become SQL (`pipelines.validation`). Nothing after this package may name an agency: it asks the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute  # a rule has an attribute `field` of its own
from datetime import date
from typing import Any, Literal

__all__ = ["Agency", "Column", "Contract", "FileFormat", "InvolvementMapping", "Rule", "ServiceLevel"]

Severity = Literal["reject", "query"]
Dimension = Literal["completeness", "conformance", "plausibility"]
Logical = Literal["text", "date", "flag", "object", "array"]


@dataclass(frozen=True)
class Agency:
    """An agency as it is registered: its name in folders and manifests, its title, its owner, its contracts."""

    agency: str
    title: str
    owner: str
    contracts: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One promise about a record, and what happens when it is broken.

    Attributes:
        code: stable, for example ``HEALTH-NHS-001``; unique over all contracts.
        check: the name of the check that judges it (`pipelines.validation.checks`).
        params: the check's parameters, from the contract.
        severity: ``reject`` refuses the record; ``query`` sets the value aside and loads the record.
        dimension: which quality dimension a break counts against.
        field: the path of the column concerned (``postcode``, ``involvements[].team``), or a list joined by ``+``.
        message: what is wrong, in plain words, without a value.
        remedy: what the supplier should do, in a sentence.
        keeps_value: the value is queried but stays (an NHS number from another part of the UK).
        effective_from: first business date the rule judges (inclusive), or None.
        effective_to: last business date the rule judges (inclusive), or None.
    """

    code: str
    check: str
    severity: Severity
    dimension: Dimension
    field: str
    message: str
    remedy: str
    params: Mapping[str, Any] = attribute(default_factory=dict)
    keeps_value: bool = False
    effective_from: date | None = None
    effective_to: date | None = None

    def in_force(self, business_date: date) -> bool:
        """Whether the rule judges records of `business_date`."""
        return (self.effective_from is None or self.effective_from <= business_date) and (
            self.effective_to is None or business_date <= self.effective_to
        )


@dataclass(frozen=True)
class Column:
    """A column, element or key of a contract; objects and arrays have columns below them.

    Attributes:
        name: exactly as in the native file.
        logical: text, date, flag (a JSON boolean), object, or array (of `items`, or of text when `items` is empty).
        concept: which field of the person record it feeds (see `pipelines.records.person_records`), or "".
        codes: delivered code → comparable code ("" means: says nothing), for coded columns; a code that is not here
            is comparable as it stands.
        labels: delivered code → what it means, in words.
        privacy: the privacy class: ``identifier``, ``personal``, ``sensitive`` or ``operational``.
        required: a record without it is rejected.
        key: part of the record's key (and so required).
        protects: what it says keeps a child from being found. It must come under exactly its name, and what cannot be
            understood in it counts as protected (see `pipelines.deliveries.readers.protective`).
    """

    name: str
    logical: Logical
    description: str
    concept: str = ""
    codes: Mapping[str, str] = attribute(default_factory=dict)
    labels: Mapping[str, str] = attribute(default_factory=dict)
    privacy: str = "personal"
    required: bool = False
    key: bool = False
    items: tuple[Column, ...] = ()
    rules: tuple[Rule, ...] = ()
    protects: bool = False


@dataclass(frozen=True)
class FileFormat:
    """How the native file is written.

    Attributes:
        name: the file's name without compression suffix, ``health.csv``.
        kind: csv, xml or jsonl (Parquet is always possible beside it).
        encoding: the encoding the contract names; a byte-order mark is accepted.
        delimiter: for csv.
        root, record: element names, for xml.
        date_format: strptime form of dates in the native file.
    """

    name: str
    kind: Literal["csv", "xml", "jsonl"]
    encoding: str = "utf-8"
    delimiter: str = ","
    root: str = ""
    record: str = ""
    date_format: str = "%Y-%m-%d"


@dataclass(frozen=True)
class InvolvementMapping:
    """Which columns of a flat feed make an involvement (a service, its contact, its period).

    Attributes:
        kind: gp_practice, school or service.
        service: path of the column with the service's name or code.
        contact, phone, start, end: column paths or "".
        service_prefix: words put before the service's value when it is shown.
    """

    kind: str
    service: str
    contact: str = ""
    phone: str = ""
    start: str = ""
    end: str = ""
    service_prefix: str = ""


@dataclass(frozen=True)
class ServiceLevel:
    """What the supplier promised: when it comes and how it may vary.

    Attributes:
        arrival: local clock time the delivery is due, ``HH:MM``, on the day after the business date.
        volume_drop, volume_rise: shares of the trailing nights' records beyond which volume is queried.
        reject_rate: share of records rejected beyond which the feed is queried.
        protected_share: share of records asking to be protected beyond which a delivery is held.
        identified_share: share of records with a verified national number that a feed must have to be accredited, where its contract
            has such a number.
    """

    arrival: str = "02:00"
    volume_drop: float = 0.1
    volume_rise: float = 0.1
    reject_rate: float = 0.02
    protected_share: float = 0.1
    identified_share: float = 0.8


@dataclass(frozen=True)
class Contract:
    """One agency's feed in one major version.

    Attributes:
        id: ``health/1``, as named in the manifest.
        agency: ``health``.
        version: the full version, ``1.0.0``.
        absence_means: ``withdrawn`` (a key absent from a full delivery has been withdrawn) or ``nothing``.
        one_record_per_child: ``record`` (at most one live record of this feed per identity), ``person_number``
            (at most one distinct person number, e.g. UPN, per identity) or ``many`` (repeats are normal).
        columns: the allow-list, in native order.
        rules: the rules over several columns, rows or the file; each column carries its own besides.
        person_number: concept of the number by which the feed knows a child (``upn``), or "".
        description: what is in the feed, in a sentence.
        kind: ``records`` of a service, or the links of an ``interim_index`` (see `pipelines.records.claims`).
        evidence_days: of an interim index for how many days after its last delivery its links are evidence.
    """

    id: str
    agency: str
    version: str
    title: str
    owner: str
    file: FileFormat
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    absence_means: Literal["withdrawn", "nothing"]
    one_record_per_child: Literal["record", "person_number", "many"]
    involvements: tuple[InvolvementMapping, ...]
    service_level: ServiceLevel
    superseded_on: date | None = None
    person_number: str = ""
    description: str = ""
    kind: Literal["records", "interim_index"] = "records"
    evidence_days: int = 7

    @property
    def claims(self) -> bool:
        """Whether its rows are links that an interim index has made, and no records of a service."""
        return self.kind == "interim_index"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Names of the columns that together are the record's key, in order."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the top-level columns, in native order."""
        return tuple(column.name for column in self.columns)

    @property
    def protective(self) -> tuple[Column, ...]:
        """The top-level columns that protect, in native order."""
        return tuple(column for column in self.columns if column.protects)

    def all_rules(self, business_date: date) -> tuple[Rule, ...]:
        """Every rule in force on `business_date`, column rules first, nested columns included."""

        def of(columns: tuple[Column, ...]) -> list[Rule]:
            return [rule for column in columns for rule in (*column.rules, *of(column.items))]

        return tuple(rule for rule in (*of(self.columns), *self.rules) if rule.in_force(business_date))
