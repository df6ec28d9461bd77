"""Makes a `Contract` of the parsed YAML, and refuses one that nobody could rely on.

Belongs here: where each word of ours stands in the Open Data Contract Standard. What the standard has a field for uses
it (logicalType, required, primaryKey, classification, enum, quality, slaProperties); the rest is in customProperties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NoReturn, cast

from pipelines.contracts import vocabulary as words
from pipelines.contracts.contract import Column, Contract, FileFormat, InvolvementMapping, Rule, ServiceLevel
from pipelines.errors import IsindexError

__all__ = ["build_contract"]

_LOGICAL = {"string": "text", "date": "date", "boolean": "flag", "object": "object", "array": "array"}
_DIMENSION = {"completeness": "completeness", "conformity": "conformance", "accuracy": "plausibility"}
_FORMATS = ("csv", "xml", "jsonl")

_Text = Mapping[str, Any]


def build_contract(text: Any, file: str, contract_id: str) -> Contract:
    """The contract that `text` (parsed YAML) describes.

    Raises:
        IsindexError: CONTRACT_INCOMPLETE (something is missing or of the wrong kind), COLUMN_REPEATED, COLUMN_UNKNOWN
            (a rule or mapping names a column that is not there), KEY_MISSING, CONCEPT_UNKNOWN, PRIVACY_UNKNOWN,
            RULE_INCOMPLETE, RULE_CODE_REPEATED, CHECK_UNKNOWN, CHECK_PARAMETERS.
    """
    if not isinstance(text, dict):
        _fault(
            "CONTRACT_INCOMPLETE", "The file does not hold a contract.", file, "Begin from another agency's contract."
        )
    custom = _custom(text)
    agency, _, major = contract_id.partition("/")
    if custom.get("agency") != agency or str(text.get("version", "")).partition(".")[0] != major:
        _fault(
            "CONTRACT_INCOMPLETE",
            f"Agency or major version inside the file are not those of {contract_id}.",
            file,
            "Make the customProperty agency and the version agree with the file's name.",
        )
    schema = text.get("schema")
    if not isinstance(schema, list) or len(schema) != 1 or not schema[0].get("properties"):
        _fault("CONTRACT_INCOMPLETE", "There must be one schema with properties.", file, "Describe the record once.")
    since = _day(custom.get("rulesEffectiveFrom"), file)
    columns = tuple(_column(column, file, agency, since, "") for column in schema[0]["properties"])
    rules = tuple(_rule(rule, file, agency, since, None) for rule in schema[0].get("quality", ()))
    contract = Contract(
        id=contract_id,
        agency=agency,
        version=str(text["version"]),
        title=str(text.get("name", agency)),
        owner=str((text.get("team") or {}).get("name", "")),
        file=_file(text, file),
        columns=columns,
        rules=rules,
        absence_means=_one_of(custom, "absenceMeans", words.ABSENCE, file),
        one_record_per_child=_one_of(custom, "oneRecordPerChild", words.ONE_RECORD_PER_CHILD, file),
        involvements=tuple(_involvement(mapping, file) for mapping in custom.get("involvements", ())),
        service_level=_service_level(text, file),
        superseded_on=_day(custom.get("supersededOn"), file),
        person_number=str(custom.get("personNumber", "")),
        description=str(schema[0].get("description", "")),
        kind=_one_of({"kind": "records", **custom}, "kind", words.KINDS, file),
        evidence_days=_days(custom, file),
    )
    _whole(contract, file)
    return contract


def _column(text: _Text, file: str, agency: str, since: date | None, above: str) -> Column:
    name = text.get("name")
    path = f"{above}{name}"
    where = f"{file} {path}"
    logical = _LOGICAL.get(str(text.get("logicalType")))
    if not name or logical is None or not text.get("description"):
        _fault(
            "CONTRACT_INCOMPLETE",
            "A column needs name, description and a logicalType of string, date, boolean, object or array.",
            where,
            "Complete the column.",
        )
    custom = _custom(text)
    concept = str(custom.get("concept", ""))
    known = words.ARRAY_CONCEPTS if above else words.CONCEPTS
    if concept and concept not in known:
        _fault("CONCEPT_UNKNOWN", "The column's concept is not one we know.", where, f"Use one of {', '.join(known)}.")
    protects = custom.get("protects", False)
    if not isinstance(protects, bool) or (concept in words.PROTECTING and not protects):
        _fault(
            "CONTRACT_INCOMPLETE",
            "The column protects children and does not say so.",
            where,
            "Give it the custom property protects with the value true.",
        )
    privacy = str(text.get("classification", ""))
    if privacy not in words.PRIVACY_CLASSES:
        _fault(
            "PRIVACY_UNKNOWN",
            "The column's classification is not a privacy class.",
            where,
            f"Use one of {', '.join(words.PRIVACY_CLASSES)}.",
        )
    items: Any = text.get("properties", ())
    if logical == "array":
        items = (text.get("items") or {}).get("properties", ())
    codes = text.get("enum", ())
    comparable = {str(code["value"]): _custom(code).get("comparable") for code in codes}
    return Column(
        name=str(name),
        logical=cast(Any, logical),
        description=str(text["description"]),
        concept=concept,
        codes={code: str(value) for code, value in comparable.items() if value is not None},
        labels={str(code["value"]): str(code.get("label", "")) for code in codes},
        privacy=privacy,
        required=bool(text.get("required") or text.get("primaryKey")),
        key=bool(text.get("primaryKey")),
        items=tuple(
            _column(item, file, agency, since, f"{path}{'[]' if logical == 'array' else ''}.") for item in items
        ),
        rules=tuple(_rule(rule, file, agency, since, path, tuple(comparable)) for rule in text.get("quality", ())),
        protects=protects,
    )


def _rule(
    text: _Text, file: str, agency: str, since: date | None, column: str | None, codes: tuple[str, ...] = ()
) -> Rule:
    """The rule of a quality entry; `column` is the path of the column it stands under, None for the feed's own."""
    code = str(text.get("name", ""))
    where = f"{file} {code or column or ''}".strip()
    implementation = text.get("implementation")
    if not re.fullmatch(rf"{agency.upper()}-[A-Z_]+-[0-9]{{3}}", code):
        _fault(
            "RULE_INCOMPLETE",
            "The rule's code is missing or not of the common form.",
            where,
            f"Name it {agency.upper()}-SUBJECT-001.",
        )
    if text.get("engine") != "isindex" or not isinstance(implementation, dict):
        _fault(
            "RULE_INCOMPLETE", "The rule names no check.", where, "Give type custom, engine isindex, implementation."
        )
    severity, dimension = text.get("severity"), _DIMENSION.get(str(text.get("dimension")))
    message, remedy = text.get("description"), implementation.get("remedy")
    if severity not in ("reject", "query") or dimension is None or not message or not remedy:
        _fault(
            "RULE_INCOMPLETE",
            "A rule needs severity (reject, query), dimension (as in the standard), description and remedy.",
            where,
            "Complete the rule.",
        )
    name = str(implementation.get("check"))
    check = words.CHECKS.get(name)
    if check is None or (check.on == "column") != (column is not None):
        place = "column" if column is not None else "feed"
        usable = [word for word, each in words.CHECKS.items() if (each.on == "column") == (column is not None)]
        _fault("CHECK_UNKNOWN", f"There is no check {name} for a {place}.", where, f"Use one of {', '.join(usable)}.")
    params = dict(implementation.get("parameters") or {})
    if name == "code_in":
        params.setdefault("values", list(codes))
    missing = [word for word in check.needs if word not in params]
    strange = [word for word in params if word not in (*check.needs, *check.may)]
    if missing or strange or (name == "code_in" and not params["values"]):
        _fault(
            "CHECK_PARAMETERS",
            f"Parameters of {name} that are missing: {_list(missing)}; that it does not know: {_list(strange)}.",
            where,
            f"It means: {check.meaning}.",
        )
    return Rule(
        code=code,
        check=name,
        severity=cast(Any, severity),
        dimension=cast(Any, dimension),
        field=str(implementation.get("field") or column or ""),
        message=str(message),
        remedy=str(remedy),
        params=params,
        keeps_value=bool(implementation.get("keeps_value")),
        effective_from=_day(implementation.get("effective_from"), where) or since,
        effective_to=_day(implementation.get("effective_to"), where),
    )


def _whole(contract: Contract, file: str) -> None:
    """Refuse what only shows when the whole contract is seen."""
    if not contract.key_columns:
        _fault("KEY_MISSING", "No column is the record's key.", file, "Mark the key with primaryKey: true.")
    paths = _paths(contract.columns)
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        _fault("COLUMN_REPEATED", "A column stands there twice.", f"{file} {path}", "Describe each column once.")
    rules = [rule for column in _flat(contract.columns) for rule in column.rules] + list(contract.rules)
    codes = [rule.code for rule in rules]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        _fault("RULE_CODE_REPEATED", "Two rules have the same code.", f"{file} {code}", "Number the rules anew.")
    for rule in rules:
        named = [path for word in words.CHECKS[rule.check].paths for path in _listed(rule.params.get(word, ()))]
        for path in (*named, *(part for part in rule.field.split("+") if part)):
            if path.removesuffix("[]") not in paths:
                _fault(
                    "COLUMN_UNKNOWN", f"The rule names {path}.", f"{file} {rule.code}", "Name a column of the contract."
                )
    for mapping in contract.involvements:
        for path in (mapping.service, mapping.contact, mapping.phone, mapping.start, mapping.end):
            if path and path not in paths:
                _fault("COLUMN_UNKNOWN", f"An involvement names {path}.", file, "Name a column of the contract.")
    concepts = {column.concept for column in contract.columns}
    if contract.one_record_per_child == "person_number" and contract.person_number not in concepts:
        _fault(
            "CONCEPT_UNKNOWN", "personNumber is not the concept of a column.", file, "Name the concept, such as upn."
        )
    claiming = [column for column in contract.columns if column.concept in words.CLAIMING]
    if contract.claims:
        _interim(contract, claiming, file)
    elif claiming:
        _fault(
            "CONCEPT_UNKNOWN",
            "A column has a concept of interim indexes, and the contract is not of one.",
            f"{file} {claiming[0].name}",
            "Give the contract the custom property kind with the value interim_index, or the column another concept.",
        )


def _interim(contract: Contract, claiming: list[Column], file: str) -> None:
    """Refuse the contract of an interim index that does not say what it must, or says that it knows children itself."""
    told = sorted(column.concept for column in claiming)
    keys = {column.name for column in claiming}
    if told != sorted(words.CLAIMING) or keys != {*contract.key_columns}:
        _fault(
            "CONTRACT_INCOMPLETE",
            "The key of an interim index is the person, the agency and the key of the record that it means.",
            file,
            f"Give three columns, which together are the key, the concepts {', '.join(words.CLAIMING)}.",
        )
    if contract.involvements or contract.one_record_per_child != "many":
        _fault(
            "CONTRACT_INCOMPLETE",
            "An interim index is no service that knows a child.",
            file,
            "Leave out involvements, and let oneRecordPerChild be many.",
        )


def _flat(columns: tuple[Column, ...]) -> list[Column]:
    return [each for column in columns for each in (column, *_flat(column.items))]


def _paths(columns: tuple[Column, ...], above: str = "") -> list[str]:
    """Paths of all columns, nested ones too: ``postcode``, ``shield.by``, ``names[].from``."""
    paths = []
    for column in columns:
        path = f"{above}{column.name}"
        paths += [path, *_paths(column.items, f"{path}{'[]' if column.logical == 'array' else ''}.")]
    return paths


def _file(text: _Text, file: str) -> FileFormat:
    servers = text.get("servers") or [{}]
    custom = _custom(servers[0])
    kind, name = servers[0].get("format"), custom.get("fileName")
    if kind not in _FORMATS or not name or (kind == "xml" and not custom.get("recordElement")):
        _fault(
            "CONTRACT_INCOMPLETE",
            "The server entry needs format (csv, xml, jsonl), fileName and, for xml, rootElement and recordElement.",
            file,
            "Complete the server entry.",
        )
    return FileFormat(
        name=str(name),
        kind=cast(Any, kind),
        encoding=str(custom.get("encoding", "utf-8")),
        delimiter=str(custom.get("delimiter", ",")),
        root=str(custom.get("rootElement", "")),
        record=str(custom.get("recordElement", "")),
        date_format=str(custom.get("dateFormat", "%Y-%m-%d")),
    )


def _involvement(text: Any, file: str) -> InvolvementMapping:
    strange = set(text) - set(InvolvementMapping.__dataclass_fields__)
    if strange or text.get("kind") not in words.INVOLVEMENT_KINDS or not text.get("service"):
        _fault(
            "CONTRACT_INCOMPLETE",
            "An involvement needs kind and service; it may have contact, phone, start, end, service_prefix.",
            file,
            f"The kind is one of {', '.join(words.INVOLVEMENT_KINDS)}.",
        )
    return InvolvementMapping(**{word: str(value) for word, value in text.items()})


def _service_level(text: _Text, file: str) -> ServiceLevel:
    given = {str(entry.get("property")): entry.get("value") for entry in text.get("slaProperties", ())}
    missing = [word for word in ("arrival", "volumeDrop", "volumeRise", "rejectRate") if given.get(word) is None]
    if missing:
        _fault("CONTRACT_INCOMPLETE", f"slaProperties lack {', '.join(missing)}.", file, "Say what was agreed.")
    return ServiceLevel(
        arrival=str(given["arrival"]),
        volume_drop=float(given["volumeDrop"]),
        volume_rise=float(given["volumeRise"]),
        reject_rate=float(given["rejectRate"]),
        protected_share=float(given.get("protectedShare", ServiceLevel.protected_share)),
        identified_share=float(given.get("identifiedShare", ServiceLevel.identified_share)),
    )


def _custom(text: _Text) -> dict[str, Any]:
    return {str(entry["property"]): entry.get("value") for entry in text.get("customProperties") or ()}


def _one_of(custom: Mapping[str, Any], word: str, values: tuple[str, ...], file: str) -> Any:
    if custom.get(word) not in values:
        _fault("CONTRACT_INCOMPLETE", f"{word} is missing or unknown.", file, f"Use one of {', '.join(values)}.")
    return custom[word]


def _day(value: Any, where: str) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        _fault("CONTRACT_INCOMPLETE", "A date is not of the form YYYY-MM-DD.", where, "Correct the date.")


def _days(custom: Mapping[str, Any], file: str) -> int:
    days = custom.get("evidenceDays", Contract.evidence_days)
    if not isinstance(days, int) or isinstance(days, bool) or days < 1:
        _fault("CONTRACT_INCOMPLETE", "evidenceDays is no number of days.", file, "Give a whole number, 1 or more.")
    return days


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _fault(code: str, message: str, where: str, remedy: str) -> NoReturn:
    raise IsindexError(code, message, where=where, remedy=remedy)


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
