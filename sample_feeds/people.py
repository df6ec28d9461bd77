"""People in comparable form with the truth beside them: what matching is trained on and measured with, at any size.

Belongs here: turning holdings into the columns of the matcher's general entry, without files and faults in between.
Not here: what the product itself makes of a delivery.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sample_feeds.agencies.holdings import Holding
from sample_feeds.customs import CUSTOMS
from sample_feeds.places import known_authorities
from sample_feeds.randomness import Objects, as_objects
from sample_feeds.truth import child_ids
from sample_feeds.world import AGENCIES, World

__all__ = ["PEOPLE", "people_table", "records_of", "write_people"]

PEOPLE = pa.schema([
    ("record_key", pa.string()), ("source", pa.string()), ("given_names", pa.string()), ("family_name", pa.string()),
    ("former_family_name", pa.string()), ("birth_date", pa.date32()), ("sex", pa.string()), ("postcode", pa.string()),
    ("address", pa.string()), ("nhs_number", pa.string()), ("upn", pa.string()), ("phone", pa.string()),
    ("child", pa.string()), ("custom", pa.string()), ("household", pa.string()), ("twin_set", pa.string()), ("adopted_pair", pa.string()),
    ("shielded", pa.bool_()),
])  # fmt: skip
_DAY = dt.date(2026, 11, 18)
_AT_A_TIME = 60_000


def people_table(children: int, seed: int = 1) -> pa.Table:
    """About 1.9 records per child of `children` children, in the columns of PEOPLE.

    The first twelve columns are those of the matcher's general entry (`source` is the agency; `sex` is M, F or
    null); the
    last six are the truth: `child` names the identity a record is about (an adopted child has two, which share
    `adopted_pair` and must never be joined), `custom` the naming custom of
    the family, `twin_set` those born together. Ordered by record_key within each batch.
    """
    return pa.concat_tables(_batches(children, seed))


def write_people(path: Path | str, children: int, seed: int = 1) -> int:
    """Write `people_table(children, seed)` to a Parquet file, 60,000 children at a time; returns the number of
    records.
    """
    count = 0
    with pq.ParquetWriter(path, PEOPLE, compression="zstd") as writer:
        for batch in _batches(children, seed):
            writer.write_table(batch)
            count += batch.num_rows
    return count


def _batches(children: int, seed: int) -> Iterator[pa.Table]:
    """The people of one authority after the other, none larger than needs be."""
    open_ones = [code for code, row in known_authorities().items() if not row["closed"]]
    each = max(_AT_A_TIME, -(-children // len(open_ones)))
    for number, start in enumerate(range(0, children, each)):
        yield records_of(World(open_ones[number], min(each, children - start), seed, _DAY))


def records_of(world: World) -> pa.Table:
    """What all agencies hold of a world's children tonight, in the columns of PEOPLE, ordered by record_key."""
    tables = [_of_holding(world, agency, world.holdings[agency]) for agency in AGENCIES]
    return pa.concat_tables(tables).sort_by("record_key")


def _of_holding(world: World, agency: str, holding: Holding) -> pa.Table:
    """One agency's records: its columns renamed, the truth joined on."""
    own, those = holding.columns, world.children
    count = len(holding)
    if agency == "health":
        key, fields = (
            own["local_patient_id"],
            {
                "given_names": _words(own["given_name"], own["other_given_names"]),
                "family_name": own["family_name"],
                "former_family_name": own["former_family_name"],
                "birth_date": own["birth_date"],
                "sex": _sexes(own["gender"], {"1": "M", "2": "F"}),
                "postcode": own["postcode"],
                "address": _joined(own["address_line_1"], own["address_line_2"], own["address_line_3"]),
                "nhs_number": own["nhs_number"],
            },
        )
    elif agency == "education":
        former = np.where(own["FormerSurname"] == None, own["PreferredSurname"], own["FormerSurname"])  # noqa: E711
        key, fields = (
            own["UPN"] + "/" + own["URN"],
            {
                "given_names": _words(own["Forename"], own["MiddleNames"]),
                "family_name": own["Surname"],
                "former_family_name": former,
                "birth_date": own["DOB"],
                "sex": _sexes(own["Sex"], {"M": "M", "F": "F"}),
                "postcode": own["Postcode"],
                "address": _joined(own["AddressLine1"], own["AddressLine2"], own["AddressLine3"]),
                "upn": own["UPN"],
            },
        )
    elif agency == "police":
        key, fields = own["contact_ref"], {
            "given_names": own["forenames"], "family_name": own["surname"], "birth_date": own["date_of_birth"],
            "sex": _sexes(own["sex"], {"M": "M", "F": "F"}), "postcode": own["postcode"], "address": own["location"],
        }  # fmt: skip
    else:
        key, fields = own["la_child_id"], _of_documents(own)
    pattern = "%d/%m/%Y" if agency == "police" else "%Y-%m-%d"
    born = pc.strptime(pa.array(fields["birth_date"], pa.string(), from_pandas=True), format=pattern, unit="s")
    start = pa.array(np.full(count, f"{agency}:{world.authority}-", dtype=object), pa.string())
    columns: dict[str, pa.Array] = {
        "record_key": pc.binary_join_element_wise(start, pa.array(key, pa.string()), ""),
        "source": pa.array(np.full(count, agency, dtype=object), pa.string()),
        "birth_date": born.cast(pa.date32()),
        "child": child_ids(world.authority, holding.child),
        "custom": pa.array(as_objects(list(CUSTOMS))[those.custom[holding.child]], pa.string()),
        "household": _shared(world, those.household[holding.child]),
        "twin_set": _shared(world, those.twin_set[holding.child]),
        "adopted_pair": _shared(world, those.adopted_pair[holding.child]),
        "shielded": pa.array(those.shielded[holding.child]),
    }
    for name in PEOPLE.names:
        if name not in columns:
            columns[name] = _text(fields[name]) if name in fields else pa.nulls(count, pa.string())
    return pa.table([columns[name] for name in PEOPLE.names], schema=PEOPLE)


def _of_documents(own: dict[str, Objects]) -> dict[str, Objects]:
    """Social care's nested fields, flat: the current name, another one, the address in one line, the first carer's
    number.
    """
    first = [entries[0] for entries in own["names"]]
    lines = [", ".join(address.get("lines", ())) or None for address in own["address"]]
    return {
        "given_names": _column(entry["given"] for entry in first),
        "family_name": _column(entry["family"] for entry in first),
        "former_family_name": _column(entries[1]["family"] if len(entries) > 1 else None for entries in own["names"]),
        "birth_date": own["date_of_birth"],
        "sex": _sexes(own["sex"], {"M": "M", "F": "F"}),
        "postcode": _column(address.get("postcode") for address in own["address"]),
        "address": _column(lines),
        "nhs_number": own["nhs_number"],
        "upn": own["upn"],
        "phone": _column(carers[0]["contact"] if carers else None for carers in own["carers"]),
    }


def _text(values: Objects | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string(), from_pandas=True)


def _column(values: object) -> Objects:
    listed = list(values)  # type: ignore[call-overload]
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def _sexes(values: Objects, known: dict[str, str]) -> Objects:
    sexes = np.full(len(values), None, dtype=object)
    for delivered, sex in known.items():
        sexes[values == delivered] = sex
    return sexes


def _words(first: Objects, further: Objects) -> Objects:
    return np.where(further == None, first, first + " " + np.where(further == None, "", further))  # noqa: E711


def _joined(*lines: Objects) -> pa.Array:
    arrays = [pc.fill_null(_text(line), "") for line in lines]
    # null_handling="skip" loses rows that are null throughout (pyarrow 26), so gaps are closed here
    joined = pc.replace_substring_regex(pc.binary_join_element_wise(*arrays, "|"), r"\|+", "|")
    joined = pc.replace_substring(pc.utf8_trim(joined, "|"), "|", ", ")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _shared(world: World, marks: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
    text = pc.binary_join_element_wise(world.authority, pa.array(marks).cast(pa.string()), "-")
    return pc.if_else(pa.array(marks >= 0), text, pa.scalar(None, pa.string()))
