"""Which local indexes know a child: by a number, by names and birth date, or by an index id that one of them gave.

Belongs here: the look, which is audited before it is made, and what of it may be told. Nothing of a person is told, for nothing is here: who
may look into an index that is named looks there. Of a child who is protected, in whichever authority, not even that is told which those
are: where a protected child is known may be where it lives. Nor of two who stand at a firewall and are found by one look: one would lead to the other.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import cache

import duckdb
from sqlalchemy import Connection, and_, select

from pipelines.audit import account, append, may_see_protected, writing
from pipelines.errors import IsindexError
from pipelines.identities.mint import as_typed, mistyped, valid_index_id
from pipelines.network import database as db
from pipelines.network.findings import named, numbered
from pipelines.network.kept_back import beyond_walls, hidden_now
from pipelines.network.place import Network
from pipelines.tables import connect
from pipelines.validation.identifiers import install_identifiers

__all__ = ["Found", "Known", "find_by_id", "find_by_name", "find_by_number"]


@dataclass(frozen=True)
class Known:
    """An index that knows the child: which one, under which id, since which night; `to` when it does so no more."""

    authority: str
    index_id: str
    since: date
    to: date | None = None


@dataclass(frozen=True)
class Found:
    """A child of the nation that was found.

    Attributes:
        national_id: its id; "" where nothing is told of it.
        known: by whom it is known, in order of authority; who knew it before comes after.
        kept_back: the child is protected, and nothing is told to this user.
        custodian: the authority that has custody; "" where that is not told, or nobody has.
    """

    national_id: str
    known: tuple[Known, ...]
    kept_back: bool = False
    custodian: str = ""


def find_by_number(network: Network, number: str, *, why: str) -> list[Found]:
    """Who is known by an NHS number or a UPN, as delivered or with spaces between.

    Raises:
        IsindexError: PURPOSE_MISSING, NUMBER_INVALID.
    """
    plain = _plain_numbers(number)
    if not plain:
        raise IsindexError(
            "NUMBER_INVALID",
            "This is neither an NHS number nor a UPN: its length or its check character is wrong.",
            remedy="Compare it with where it was copied from. An NHS number has ten digits, a UPN a letter and twelve digits.",
        )
    return _found(network, [numbered(kind, each) for kind, each in plain], "by number", why)


def find_by_name(network: Network, family_name: str, given_names: str, birth_date: date, *, why: str) -> list[Found]:
    """Who is known by names, in use or not, and the birth date; capitals, accents and the order of the two do not count.

    Raises:
        IsindexError: PURPOSE_MISSING, NAME_MISSING.
    """
    tokens = named(family_name, given_names, birth_date)
    if not tokens:
        raise IsindexError(
            "NAME_MISSING",
            "Both a family name and a given name are needed.",
            where="--family-name / --given-names",
            remedy="Somebody with one name alone is found by a number, or by an index id.",
        )
    return _found(network, tokens, "by name and birth date", why)


def find_by_id(network: Network, index_id: str, *, authority: str | None = None, why: str) -> list[Found]:
    """Who bears an index id of an authority, or did; also a national id.

    Raises:
        IsindexError: PURPOSE_MISSING, INDEX_ID_INVALID.
    """
    asked = as_typed(index_id)
    if not valid_index_id(asked):
        raise mistyped()
    _audit(network, f"by index id {asked}", why, authority)
    pointer = db.pointer.c
    borne = and_(pointer.index_id == asked, *([pointer.authority == authority] if authority else []))
    with network.engine.connect() as connection:
        ids = set(connection.scalars(select(pointer.national_id).where(borne)))
        ids |= set(
            connection.scalars(select(db.national_id.c.national_id).where(db.national_id.c.national_id == asked))
        )
        return _told(network, connection, _led(connection, ids))


def _found(network: Network, tokens: Sequence[int], how: str, why: str) -> list[Found]:
    _audit(network, f"{how} {' '.join(f'{token:016x}' for token in tokens)}", why, None)
    pointer, finding = db.pointer.c, db.finding.c
    query = (
        select(pointer.national_id)
        .join(db.finding, and_(finding.authority == pointer.authority, finding.index_id == pointer.index_id))
        .where(finding.token.in_(tokens), pointer.to_night.is_(None))
    )
    with network.engine.connect() as connection:
        return _told(network, connection, set(connection.scalars(query)))


def _audit(network: Network, subject: str, why: str, authority: str | None) -> None:
    if not why.strip():
        raise IsindexError(
            "PURPOSE_MISSING",
            "A child is looked for with a purpose only.",
            where="--why",
            remedy="Say why you look; it is kept.",
        )
    with writing(network.deployment) as connection:
        append(connection, "network find", actor=account(), why=why, authority=authority, subject=subject)


def _led(connection: Connection, ids: Collection[str]) -> set[str]:
    """Where these national ids lead to by now."""
    national, found = db.national_id.c, set(ids)
    for _ in range(1000):
        onward = dict(
            connection.execute(
                select(national.national_id, national.redirects_to).where(
                    national.national_id.in_(found), national.redirects_to.is_not(None)
                )
            ).all()
        )
        if not onward:
            break
        found = {onward.get(each, each) for each in found}
    return found


def _told(network: Network, connection: Connection, ids: Collection[str]) -> list[Found]:
    pointer = db.pointer.c
    rows = connection.execute(
        select(pointer.national_id, pointer.authority, pointer.index_id, pointer.from_night, pointer.to_night)
        .where(pointer.national_id.in_(ids))
        .order_by(pointer.national_id, pointer.to_night.is_not(None), pointer.authority, pointer.from_night)
    ).all()
    told = {row.national_id for row in rows}
    hidden = hidden_now(network, connection, told)
    hidden |= beyond_walls(network, connection, told)
    found: dict[str, list[Known]] = {}
    for row in rows:
        found.setdefault(row.national_id, []).append(Known(row.authority, row.index_id, row.from_night, row.to_night))
    sees = may_see_protected()
    custody = db.custody.c
    query = select(custody.national_id, custody.custodian).where(custody.national_id.in_(ids))
    custodian = {row.national_id: row.custodian for row in connection.execute(query)}
    return [
        Found(each, tuple(known), custodian=custodian.get(each, ""))
        if sees or each not in hidden
        else Found("", (), kept_back=True)
        for each, known in found.items()
    ]


_one_at_a_time = threading.Lock()


@cache
def _identifiers() -> tuple[ExitStack, duckdb.DuckDBPyConnection]:
    """The query engine with the checks of identifiers, made once: whoever looks often waits for it once. The stack keeps it open."""
    stack = ExitStack()
    duck = stack.enter_context(connect())
    install_identifiers(duck)
    return stack, duck


def _plain_numbers(number: str) -> list[tuple[str, str]]:
    """The number in its plain form, by each kind that it may be; none where it is none."""
    with _one_at_a_time:
        _, duck = _identifiers()
        query = """
            SELECT CASE WHEN nhs_number_fails($number) IS NULL THEN nhs_number_normalised($number) END,
                CASE WHEN upn_fails($number) IS NULL THEN upn_normalised($number) END
        """
        nhs, upn = duck.execute(query, {"number": number.strip().upper()}).fetchall()[0]
    return [(kind, each) for kind, each in (("nhs", nhs), ("upn", upn)) if each]
