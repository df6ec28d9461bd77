"""From a contract's concepts to SQL: where in a feed's live records each comparable value stands.

Belongs here: finding the column of a concept, translating its codes, opening its arrays. Not here: which comparable
columns there are (`person_records`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.contracts.contract import Column, Contract
from pipelines.contracts.vocabulary import PSEUDO_POSTCODE_PREFIX
from pipelines.errors import IsindexError
from pipelines.seams.words import ADDRESS_STATUSES, SEXES

__all__ = ["Address", "Feed", "Items", "comparable", "literal", "tidy", "truth"]

_DATES = frozenset({"birth_date", "expected_birth_date", "death_date", "address_from", "as_of"})


@dataclass(frozen=True)
class Address:
    """SQL of one record's address; a pseudo postcode leaves a status and no place."""

    text: str
    postcode: str
    uprn: str
    status: str
    since: str


@dataclass(frozen=True)
class Items:
    """The items of an array column, one row each: `rows` is SQL of the live columns plus one_item and one_ordinal."""

    rows: str
    columns: Mapping[str, Column]

    def value(self, concept: str) -> str:
        """SQL of the item's comparable value; NULL when the contract has none."""
        column = self.columns.get(concept)
        return "NULL" if column is None else comparable(column, f'one_item."{column.name}"')

    def text(self, concept: str) -> str:
        """Likewise, as tidy text."""
        return tidy(f"{self.value(concept)}::VARCHAR")

    def plainly_false(self, concept: str) -> str:
        """SQL, never NULL: the item says no; one that says nothing, or what nobody understands, does not."""
        column = self.columns.get(concept)
        if column is None:
            return "true"
        said = comparable(column, f'one_item."{column.name}"')
        return f"coalesce({said}::VARCHAR = 'false', false)"


@dataclass(frozen=True)
class Feed:
    """One feed's live records under the name `view`, and the columns of its concepts."""

    agency: str
    view: str
    contract: Contract
    concepts: Mapping[str, tuple[Column, ...]]
    columns: frozenset[str]

    @classmethod
    def of(cls, agency: str, columns: Sequence[str], contracts: Mapping[str, Contract], where: str) -> Feed:
        """The feed of an agency whose live records have `columns`.

        Raises:
            IsindexError: CONTRACT_MISSING.
        """
        contract = contracts.get(agency)
        if contract is None:
            raise IsindexError(
                "CONTRACT_MISSING",
                "There are live records of an agency without a contract.",
                where=f"{where} {agency}",
                remedy="Register the agency's contract again, or remove its live records.",
            )
        # a column that an older minor version did not have yet is simply not there
        present = [column for column in contract.columns if column.name in columns]
        concepts: dict[str, tuple[Column, ...]] = {}
        for column in present:
            if column.concept:
                concepts[column.concept] = (*concepts.get(column.concept, ()), column)
        return cls(agency, f"live_{agency}", contract, concepts, frozenset(columns))

    @property
    def record_key(self) -> str:
        """SQL of the record's key among all feeds."""
        return f"'{self.agency}:' || key"

    def has(self, concept: str) -> bool:
        """Whether the feed carries the concept."""
        return concept in self.concepts

    def value(self, concept: str) -> str:
        """SQL of a comparable value, the first column of the concept that has one; NULL when the feed has none."""
        found = [comparable(each, f'"{each.name}"') for each in self.concepts.get(concept, ())]
        if not found:
            return "NULL::DATE" if concept in _DATES else "NULL::VARCHAR"
        sql = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        if concept == "sex":
            return f"CASE WHEN {sql} IN {SEXES} THEN {sql} END"
        return f"try_cast({sql} AS INTEGER)" if concept == "age_estimate" else sql

    def text(self, concept: str) -> str:
        """Likewise, as tidy text; several columns of one concept are joined by a space."""
        found = [comparable(each, f'"{each.name}"') for each in self.concepts.get(concept, ())]
        return tidy(f"concat_ws(' ', {', '.join(found)})") if found else "NULL::VARCHAR"

    def truth(self, concept: str) -> str:
        """Whether the flag (or the code that stands for it) is true; never NULL."""
        found = [truth(each, f'"{each.name}"') for each in self.concepts.get(concept, ())]
        return f"({' OR '.join(found)})" if found else "false"

    def column(self, name: str) -> str:
        """SQL of a column named by an involvement mapping, in comparable codes; NULL for no name."""
        for column in self.contract.columns:
            if column.name == name and name in self.columns:
                return comparable(column, f'"{name}"')
        return "NULL"

    def verified(self, concept: str) -> str:
        """Whether the identifier may be relied on: none of its columns is listed as unverified; never NULL."""
        names = [each.name for each in self.concepts.get(concept, ())]
        if not names or "unverified" not in self.columns:
            return "true"
        return "(" + " AND ".join(f"NOT coalesce(list_contains(unverified, '{name}'), false)" for name in names) + ")"

    def shielded(self) -> str:
        """Whether the feed asks for a shield; a shield object counts unless it says that none is requested."""
        # a mark that says anything but no is one
        marks = [comparable(each, f'"{each.name}"') for each in self.concepts.get("shielded", ())]
        asked = [f"{mark}::VARCHAR <> 'false'" for mark in marks]
        for column in self.concepts.get("shield", ()):
            parts = {each.concept: each for each in column.items}
            requested = parts.get("shield.requested")
            if requested is not None:
                given = " OR ".join(f'"{column.name}"."{each.name}" IS NOT NULL' for each in column.items)
                asked.append(f'(({given}) AND "{column.name}"."{requested.name}" IS DISTINCT FROM false)')
        return "(" + (" OR ".join(f"coalesce({each}, false)" for each in asked) or "false") + ")"

    def items(self, concept: str) -> Items:
        """The items of the concept's array column."""
        column = self.concepts[concept][0]
        rows = f"""(
            SELECT *, unnest("{column.name}") AS one_item, generate_subscripts("{column.name}", 1) AS one_ordinal
            FROM {self.view}
        )"""
        return Items(rows, {each.concept: each for each in column.items if each.concept})

    def address(self) -> Address:
        """The record's address, from columns of its own or from an address object."""
        holder = next((each for each in self.concepts.get("address", ()) if each.logical == "object"), None)
        if holder is not None:
            parts = {each.concept: f'"{holder.name}"."{each.name}"' for each in holder.items}
            listed = parts.get("address.lines")
            text = f"array_to_string(list_filter({listed}, lambda line: trim(line) <> ''), ', ')" if listed else "NULL"
            postcode, uprn = parts.get("address.postcode", "NULL"), parts.get("address.uprn", "NULL")
            stated, since = parts.get("address.status", "NULL"), parts.get("address.from", "NULL")
        else:
            lines = [
                f'"{each.name}"' for each in (*self.concepts.get("address_line", ()), *self.concepts.get("address", ()))
            ]
            told = [tidy(line) for line in lines]
            text = f"concat_ws(', ', {', '.join(told)})" if lines else "NULL"
            postcode, uprn = self.value("postcode"), self.value("uprn")
            stated, since = self.value("address_status"), self.value("address_from")
        pseudo = f"coalesce(starts_with(upper({postcode}::VARCHAR), '{PSEUDO_POSTCODE_PREFIX}'), false)"
        return Address(
            text=f"CASE WHEN NOT {pseudo} THEN {tidy(f'({text})::VARCHAR')} END",
            postcode=f"CASE WHEN NOT {pseudo} THEN {postcode}::VARCHAR END",
            uprn=f"CASE WHEN NOT {pseudo} THEN {uprn}::VARCHAR END",
            status=_status(stated, pseudo),
            since=f"{since}::DATE",
        )


def _status(stated: str, pseudo: str) -> str:
    """SQL of the address status: a pseudo postcode overrules that the child lives there; an unknown word says nothing."""
    return f"""CASE WHEN {pseudo} AND coalesce({stated}::VARCHAR, 'current') = 'current' THEN 'none_known'
        WHEN {stated}::VARCHAR IN {ADDRESS_STATUSES} THEN {stated}::VARCHAR END"""


def literal(text: str) -> str:
    """`text` as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def tidy(sql: str) -> str:
    """SQL of a text with runs of white space as one space and none around it; NULL when nothing is left."""
    return f"nullif(trim(regexp_replace({sql}, '\\s+', ' ', 'g')), '')"


def comparable(column: Column, sql: str) -> str:
    """SQL of the comparable code of a delivered one; a code that says nothing is NULL, an unlisted one stays."""
    changed = {code: value for code, value in column.codes.items() if code != value}
    if not changed:
        return sql
    cases = " ".join(
        f"WHEN {literal(code)} THEN {literal(value) if value else 'NULL'}" for code, value in changed.items()
    )
    return f"CASE {sql} {cases} ELSE {sql} END"


def truth(column: Column, sql: str) -> str:
    """SQL, never NULL: whether a flag, or a code that stands for one, is true."""
    if column.logical == "flag":
        return f"coalesce({sql}, false)"
    return f"coalesce({comparable(column, sql)} = 'true', false)"
