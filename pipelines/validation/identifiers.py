"""What makes an identifier good: NHS number, UPN, postcode, practice code, URN, LAESTAB, each defined once.

Belongs here: the definitions, as DuckDB macros over text. Rules use them on whole columns; `check_identifier` runs the
very same macros on one value. Not here: what happens to a bad value (the contract's rules say so).

Sources: NHS Data Dictionary (NHS NUMBER, modulus 11), DfE UPN guide (check letter, temporary form), BS 7666 postcodes.
Whether a practice or a school *exists* needs reference lists that are not part of the product: the folder named by
``ISINDEX_REFERENCE`` may hold ``gp_practices.csv`` (ods_code, status) and ``schools.csv`` (urn, laestab, status).
Without them only the shape is judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pa_csv

from pipelines.contracts import authorities
from pipelines.errors import IsindexError
from pipelines.settings import settings
from pipelines.tables import connect, install_macros

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "IDENTIFIER_KINDS",
    "IdentifierVerdict",
    "check_identifier",
    "check_identifiers",
    "install_identifiers",
    "reference_told",
    "upn_check_letter",
]

IDENTIFIER_KINDS = ("nhs_number", "upn", "postcode", "ods_practice_code", "urn", "laestab")
_PSEUDO_AUTHORITIES = (*range(1, 6), *range(660, 682), *range(701, 709))
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_LETTER = "[A-HJ-NP-RT-Z]"

# Each macro takes delivered text. `_fails` names the first fault (NULL: none, or no text), `_normalised` is the form
# that is kept, `_kind` tells more about it.
_OUTWARD = (
    "[A-PR-UWYZ][0-9][0-9]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9]?|[A-PR-UWYZ][0-9][A-HJKPSTUW]|"
    "[A-PR-UWYZ][A-HK-Y][0-9][ABEHMNPRVWXY]"
)
_MACROS = f"""
CREATE MACRO nhs_number_normalised(t) AS CASE
    WHEN regexp_full_match(t, '[0-9]{{10}}') THEN t
    WHEN regexp_full_match(t, '\\s*([0-9]{{10}}|[0-9]{{3}} [0-9]{{3}} [0-9]{{4}}|[0-9]{{3}}-[0-9]{{3}}-[0-9]{{4}})\\s*')
    THEN regexp_replace(t, '[^0-9]', '', 'g') END;
CREATE MACRO nhs_number_sum(n) AS (
    (n // 1000000000) % 10 * 10 + (n // 100000000) % 10 * 9 + (n // 10000000) % 10 * 8 + (n // 1000000) % 10 * 7
    + (n // 100000) % 10 * 6 + (n // 10000) % 10 * 5 + (n // 1000) % 10 * 4 + (n // 100) % 10 * 3 + (n // 10) % 10 * 2
    + n % 10);
CREATE MACRO nhs_number_range(d) AS CASE
    WHEN d IS NULL THEN NULL
    WHEN d[1] IN ('4', '6', '7') THEN 'england_wales'
    WHEN d[1] = '9' THEN 'test'
    WHEN left(d, 3) BETWEEN '320' AND '399' THEN 'other_uk'
    WHEN d[1] < '4' AND try_strptime(left(d, 6), '%d%m%y') IS NOT NULL THEN 'other_uk'
    WHEN left(d, 3) BETWEEN '800' AND '859' THEN 'irish_ihi'
    ELSE 'unallocated' END;
CREATE MACRO nhs_number_kind(t) AS nhs_number_range(nhs_number_normalised(t));
CREATE MACRO nhs_number_lost_zero(t) AS
    regexp_full_match(t, '[0-9]{{9}}') AND nhs_number_sum(try_cast(t AS BIGINT)) % 11 = 0
    AND nhs_number_range('0' || t) = 'other_uk';
CREATE MACRO nhs_number_digits_fail(d) AS CASE
    WHEN d IS NULL THEN NULL
    WHEN try_cast(d AS BIGINT) % 1111111111 = 0 THEN 'repeated_digit'
    WHEN nhs_number_sum(try_cast(d AS BIGINT)) % 11 <> 0 THEN 'check_digit'
    WHEN nhs_number_range(d) IN ('irish_ihi', 'unallocated') THEN 'range' END;
CREATE MACRO nhs_number_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN nhs_number_normalised(t) IS NOT NULL THEN nhs_number_digits_fail(nhs_number_normalised(t))
    WHEN nhs_number_lost_zero(t) THEN 'lost_zero' ELSE 'format' END;

CREATE MACRO upn_normalised(t) AS upper(regexp_replace(t, '[\\s\\x{{00A0}}]', '', 'g'));
CREATE MACRO upn_letter(t) AS '{_UPN_LETTERS}'[(
    (ascii(t[2]) - 48) * 2 + (ascii(t[3]) - 48) * 3 + (ascii(t[4]) - 48) * 4 + (ascii(t[5]) - 48) * 5
    + (ascii(t[6]) - 48) * 6 + (ascii(t[7]) - 48) * 7 + (ascii(t[8]) - 48) * 8 + (ascii(t[9]) - 48) * 9
    + (ascii(t[10]) - 48) * 10 + (ascii(t[11]) - 48) * 11 + (ascii(t[12]) - 48) * 12
    + CASE WHEN t[13] <= '9' THEN ascii(t[13]) - 48 ELSE strpos('{_UPN_LETTERS}', t[13]) - 1 END * 13
    )::BIGINT % 23 + 1];
CREATE MACRO upn_kind(t) AS CASE
    WHEN regexp_full_match(t, '{_LETTER}[0-9]{{12}}') THEN 'permanent'
    WHEN regexp_full_match(t, '{_LETTER}[0-9]{{11}}{_LETTER}') THEN 'temporary' END;
CREATE MACRO upn_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN upn_kind(t) IS NULL THEN 'format'
    WHEN upn_letter(t) <> t[1] THEN 'check_letter'
    WHEN NOT (known_authority(substr(t, 2, 3)) OR pseudo_authority(substr(t, 2, 3))) THEN 'la_code' END;

CREATE MACRO postcode_normalised(t) AS
    regexp_replace(
        upper(regexp_replace(t, '^\\s+|\\s+$', '', 'g')), '^([A-Z0-9]{{2,4}}) ?([0-9][A-Z]{{2}})$', '\\1 \\2');
CREATE MACRO postcode_kind(t) AS CASE
    WHEN regexp_full_match(postcode_normalised(t), 'ZZ99 [0-9][A-Z]{{2}}') THEN 'pseudo' END;
CREATE MACRO postcode_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN postcode_kind(t) = 'pseudo' THEN 'pseudo'
    WHEN NOT regexp_full_match(postcode_normalised(t), '({_OUTWARD}) [0-9][ABD-HJLNP-UW-Z]{{2}}|GIR 0AA') THEN 'format'
    END;

CREATE MACRO ods_practice_code_normalised(t) AS CASE WHEN regexp_full_match(t, '[A-Z][0-9]{{5}}') THEN t END;
CREATE MACRO ods_practice_code_kind(t) AS CASE
    WHEN t IN ('V81997', 'V81998', 'V81999') THEN 'default'
    WHEN NOT practices_listed() THEN NULL
    WHEN listed_practice(t, 'active') THEN 'active'
    WHEN listed_practice(t, 'closed') THEN 'closed'
    WHEN listed_practice(t, 'dormant') THEN 'dormant'
    ELSE 'not listed' END;
CREATE MACRO ods_practice_code_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN ods_practice_code_normalised(t) IS NULL THEN 'format'
    WHEN t IN ('V81997', 'V81998', 'V81999') THEN 'default'
    WHEN practices_listed() AND NOT listed_practice(t, NULL) THEN 'not_listed' END;

CREATE MACRO urn_normalised(t) AS CASE WHEN regexp_full_match(t, '[1-9][0-9]{{5}}') THEN t END;
CREATE MACRO urn_kind(t) AS CASE
    WHEN NOT schools_listed() THEN NULL
    WHEN listed_school(t, 'open') THEN 'open'
    WHEN listed_school(t, 'closed') THEN 'closed'
    ELSE 'not listed' END;
CREATE MACRO urn_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN urn_normalised(t) IS NULL THEN 'format'
    WHEN try_cast(t AS INTEGER) % 111111 = 0 THEN 'placeholder'
    WHEN schools_listed() AND NOT listed_school(t, NULL) THEN 'not_listed' END;

CREATE MACRO laestab_normalised(t) AS CASE WHEN regexp_full_match(t, '[0-9]{{3}}[/ -]?[0-9]{{4}}')
    THEN regexp_replace(t, '[^0-9]', '', 'g') END;
CREATE MACRO laestab_kind(t) AS CASE
    WHEN laestab_normalised(t) IS NULL THEN NULL
    WHEN NOT known_authority(left(t, 3)) THEN 'unknown'
    ELSE coalesce('closed ' || authority_closed(left(t, 3)), 'open') END;
CREATE MACRO laestab_fails(t) AS CASE
    WHEN t IS NULL THEN NULL
    WHEN laestab_normalised(t) IS NULL THEN 'format'
    WHEN NOT known_authority(left(t, 3)) THEN 'la_code'
    WHEN laestab_normalised(t)[4] = '0' THEN 'establishment' END;
"""


@dataclass(frozen=True)
class IdentifierVerdict:
    """What the rules make of one value.

    Attributes:
        valid: whether it may be kept as this identifier.
        normalised: the form it is (or, repaired, would be) kept in; None when it has none.
        kind: nhs_number: england_wales, other_uk, test, irish_ihi, unallocated; upn: permanent, temporary;
            postcode: pseudo; ods_practice_code and urn: the status in the reference list; laestab: open, closed
            with its date, unknown.
        fails: the first thing wrong with it, for example ``check_digit``; None when valid.
    """

    valid: bool
    normalised: str | None
    kind: str | None
    fails: str | None


def check_identifier(kind: str, value: str, *, reference: Path | None = None) -> IdentifierVerdict:
    """The verdict on one value; `kind` is one of `IDENTIFIER_KINDS`, `reference` as in `install_identifiers`."""
    return check_identifiers(kind, [value], reference=reference)[0]


def check_identifiers(kind: str, values: Sequence[str], *, reference: Path | None = None) -> list[IdentifierVerdict]:
    """The verdicts on `values`, in order.

    Raises:
        IsindexError: IDENTIFIER_KIND_UNKNOWN.
    """
    if kind not in IDENTIFIER_KINDS:
        raise IsindexError("IDENTIFIER_KIND_UNKNOWN", f"There is no identifier called {kind!r}.")
    given = pa.table({"ordinal": pa.array(range(len(values)), pa.int64()), "t": pa.array(values, pa.string())})
    with connect({"given": given}) as connection:
        install_identifiers(connection, reference)
        rows = connection.execute(
            f"SELECT {kind}_normalised(t), {kind}_kind(t), {kind}_fails(t) FROM given ORDER BY ordinal"
        ).fetchall()
    return [IdentifierVerdict(fails is None, normalised, kind_, fails) for normalised, kind_, fails in rows]


def upn_check_letter(digits: str) -> str:
    """The check letter for the twelve places of a UPN after the first."""
    with connect() as connection:
        install_identifiers(connection)
        row = connection.execute("SELECT upn_letter('?' || ?)", [digits]).fetchone()
    return str(row[0]) if row else ""


def install_identifiers(connection: duckdb.DuckDBPyConnection, reference: Path | None = None) -> dict[str, bool]:
    """Make the macros known to `connection`.

    Args:
        connection: an open DuckDB connection, for example of `pipelines.tables.connect`.
        reference: folder with the optional reference lists; default the one ``ISINDEX_REFERENCE`` names.

    Returns:
        which lists were there: practices, schools.
    """
    folder = reference or settings().reference
    practices = _listed(folder, "gp_practices.csv", ("ods_code", "status"))
    schools = _listed(folder, "schools.csv", ("urn", "status"))
    install_macros(connection, _authority_macros())
    own = ""
    for table, listed, macro in (("practices", practices, "practice"), ("schools", schools, "school")):
        found = "false"
        if listed is not None:
            connection.register(f"reference_{table}", listed)
            found = (
                f"t IN (SELECT code FROM reference_{table} "
                "WHERE status <> 'default' AND (wanted IS NULL OR status = wanted))"
            )
        own += f"CREATE MACRO {table}_listed() AS {'false' if listed is None else 'true'};"
        own += f"CREATE MACRO listed_{macro}(t, wanted) AS {found};"
    if practices is None and schools is None:
        install_macros(connection, own + _MACROS)
    else:  # they look into tables of this connection
        connection.execute((own + _MACROS).replace("CREATE MACRO", "CREATE TEMP MACRO"))
    return {"practices": practices is not None, "schools": schools is not None}


def reference_told(reference: Path | None = None) -> str:
    """A digest of the reference lists; the folder as in `install_identifiers`."""
    folder = reference or settings().reference
    told = hashlib.sha256()
    for name, columns in (("gp_practices.csv", ("ods_code", "status")), ("schools.csv", ("urn", "status"))):
        listed = _listed(folder, name, columns)
        told.update(f"{name} {None if listed is None else listed.to_pylist()}\n".encode())
    return told.hexdigest()


def _authority_macros() -> str:
    """Macros on authority codes, from a text of a thousand places: a look-up costs no join and little to compile."""
    known = authorities.known()
    listed = "".join("1" if f"{code:03}" in known else "0" for code in range(1000))
    pseudo = "".join("1" if code in _PSEUDO_AUTHORITIES else "0" for code in range(1000))
    closed = authorities.closed()
    closings = ", ".join(f"'{code}': '{day.isoformat()}'" for code, day in sorted(closed.items()))
    return f"""
    CREATE MACRO known_authority(code) AS coalesce('{listed}'[try_cast(code AS INTEGER) + 1] = '1', false);
    CREATE MACRO pseudo_authority(code) AS coalesce('{pseudo}'[try_cast(code AS INTEGER) + 1] = '1', false);
    CREATE MACRO authority_closed(code) AS MAP {{{closings}}}[code];
    """


@cache
def _listed(folder: Path | None, name: str, columns: tuple[str, str]) -> pa.Table | None:
    """A reference list as code and status, or None when it is not there."""
    if folder is None or not (folder / name).is_file():
        return None
    text = pa_csv.ConvertOptions(include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()))
    return pa_csv.read_csv(folder / name, convert_options=text).rename_columns(["code", "status"])
