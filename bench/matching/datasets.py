"""Person data whose truth is known, each set as a table in comparable form and a table of the truth.

Belongs here: reading and renaming. Invented children of any number come from `sample_feeds`; the public sets (see
`README.md` beside them) are read from a folder, by default `../shared/data/linkage`, and are left out where they are
not. Our matcher gets `people` and nothing else. Splink gets `further` too, columns that the
comparable form has no place for and that its authors use in their own demonstrations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.tables import fetch
from sample_feeds.people import people_table

__all__ = ["FOLDER", "FORM", "SETS", "TRUTH", "Dataset", "MissingDataError", "load"]

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "linkage"

FORM = pa.schema([
    ("record_key", pa.string()), ("source", pa.string()), ("given_names", pa.string()), ("family_name", pa.string()),
    ("former_family_name", pa.string()), ("birth_date", pa.date32()), ("sex", pa.string()), ("postcode", pa.string()),
    ("address", pa.string()), ("nhs_number", pa.string()), ("upn", pa.string()), ("phone", pa.string()),
])  # fmt: skip
TRUTH = pa.schema([
    ("record_key", pa.string()), ("source", pa.string()), ("entity", pa.string()), ("linkable", pa.bool_()),
    ("household", pa.string()), ("twin_set", pa.string()), ("adopted_pair", pa.string()),
])  # fmt: skip


class MissingDataError(Exception):
    """A public data set is not on this machine."""


@dataclass(frozen=True)
class Dataset:
    """One data set.

    Attributes:
        name: as given on the command line.
        people: `FORM`, what both engines get.
        truth: `TRUTH`; `linkable` is false for records with neither a name nor a birth date.
        recipe: which of Splink's published demonstrations fits: children, historical or febrl.
        unique_sources: by source, whether it holds each person once ("record") or each person number once
            ("person_number", the number is `nhs_number` or `upn`). Both engines are told.
        further: `record_key` and the columns that only Splink gets, or None.
    """

    name: str
    people: pa.Table
    truth: pa.Table
    recipe: str
    unique_sources: Mapping[str, str] = field(default_factory=dict)
    further: pa.Table | None = None


def load(name: str, children: int, seed: int = 7, folder: Path = FOLDER) -> Dataset:
    """The data set called `name`; `children` and `seed` are for the generator, `folder` for the public sets.

    Raises:
        MissingDataError: its file is not there.
    """
    return generator(children, seed) if name == "generator" else PUBLIC[name](folder)


def generator(children: int, seed: int = 7) -> Dataset:
    """Invented children in four feeds with the faults that such feeds have; about 1.8 records a child."""
    table = people_table(children, seed)
    truth = table.select(["record_key", "source", "child", "household", "twin_set", "adopted_pair"])
    truth = truth.rename_columns(["record_key", "source", "entity", "household", "twin_set", "adopted_pair"])
    people = table.select(FORM.names)
    numbered = {"health": "person_number", "education": "person_number"}
    return Dataset("generator", people, _truth(people, truth), "children", numbered)


def historical_50k(folder: Path, name: str = "historical_50k", *, full: bool = False) -> Dataset:
    """Historical persons of Wikidata with added errors. `full`: given names are all words of the full name but the last.

    A birth date that is no date is null in the form; Splink also gets it as the text it is.
    """
    # a full name of one word is a given name
    words = "array_to_string(string_split(full_name, ' ')[:-2], ' ')"
    given = f"coalesce(nullif(trim({words}), ''), first_name)" if full else "first_name"
    table = _query(f"""
        SELECT
            unique_id AS record_key, 'historical' AS source,
            {given} AS given_names, surname AS family_name,
            try_cast(dob AS date) AS birth_date,
            CASE gender WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' END AS sex,
            postcode_fake AS postcode, birth_place AS address,
            cluster AS entity,
            full_name, first_name, surname, dob, birth_place, postcode_fake, occupation
        FROM read_parquet('{_file(folder, "historical_50k.parquet")}') ORDER BY record_key
    """)
    further = table.select(
        ["record_key", "full_name", "first_name", "surname", "dob", "birth_place", "postcode_fake", "occupation"]
    )
    return _public(name, table, "historical", further=further)


def febrl3(folder: Path, name: str = "febrl3", *, identifier: bool = True) -> Dataset:
    """Invented Australians with up to five spoilt duplicates each; the social security number stands as `nhs_number`."""
    return _febrl(name, folder, {"febrl": "febrl3.csv"}, {}, identifier)


def febrl4(folder: Path, name: str = "febrl4", *, identifier: bool = True) -> Dataset:
    """Two files that hold each of 5,000 invented Australians once."""
    once = {"a": "record", "b": "record"}
    return _febrl(name, folder, {"a": "febrl4a.csv", "b": "febrl4b.csv"}, once, identifier)


def _febrl(name: str, folder: Path, files: dict[str, str], unique: dict[str, str], identifier: bool) -> Dataset:
    rows = " UNION ALL ".join(
        f"SELECT '{source}' AS source, * FROM {_csv(_file(folder, file))}" for source, file in files.items()
    )
    table = _query(f"""
        SELECT
            rec_id AS record_key, source, given_name AS given_names, surname AS family_name,
            try_strptime(date_of_birth, '%Y%m%d')::date AS birth_date, postcode,
            nullif(concat_ws(', ', nullif(concat_ws(' ', street_number, address_1), ''), suburb), '') AS address,
            {"soc_sec_id" if identifier else "NULL"} AS nhs_number,
            regexp_extract(rec_id, '^rec-[0-9]+') AS entity,
            given_name, surname, street_number, address_1, address_2, suburb, state, date_of_birth,
            {"soc_sec_id" if identifier else "cast(NULL AS varchar) AS soc_sec_id"}
        FROM ({rows}) ORDER BY record_key
    """)
    further = table.select(
        ["record_key", "given_name", "surname", "street_number", "address_1", "address_2", "suburb", "state",
         "date_of_birth", "soc_sec_id"]
    )  # fmt: skip
    return _public(name, table, "febrl", unique, further)


def _public(
    name: str, table: pa.Table, recipe: str, unique: dict[str, str] | None = None, further: pa.Table | None = None
) -> Dataset:
    people = _shaped(table, FORM)
    return Dataset(name, people, _truth(people, table), recipe, unique or {}, further)


def _truth(people: pa.Table, truth: pa.Table) -> pa.Table:
    """The truth in the columns of `TRUTH`, those that `truth` lacks null; rows are in the order of `people`."""
    known = pc.or_(pc.is_valid(people["given_names"]), pc.is_valid(people["family_name"]))
    linkable = pc.or_(known, pc.is_valid(people["birth_date"]))
    return _shaped(truth.append_column("linkable", linkable), TRUTH)


def _shaped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        table[column.name].cast(column.type) if column.name in table.column_names else pa.nulls(len(table), column.type)
        for column in schema
    ]
    return pa.table(columns, schema=schema)


def _query(sql: str) -> pa.Table:
    with duckdb.connect() as connection:
        return fetch(connection, sql)


def _csv(file: Path) -> str:
    """A FEBRL file: a blank after every comma, and blank fields for what is not known."""
    columns = ("rec_id", "given_name", "surname", "street_number", "address_1", "address_2", "suburb", "postcode", "state",
               "date_of_birth", "soc_sec_id")  # fmt: skip
    trimmed = ", ".join(f"nullif(trim({column}), '') AS {column}" for column in columns)
    names = "[" + ", ".join(f"'{column}'" for column in columns) + "]"
    return f"(SELECT {trimmed} FROM read_csv('{file}', header = true, all_varchar = true, names = {names}))"


def _file(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.exists():
        raise MissingDataError(f"{name} is not in {folder}; --data names the folder of the public data sets")
    return file


PUBLIC: dict[str, Callable[[Path], Dataset]] = {
    "historical_50k": historical_50k,
    "historical_50k_full": lambda folder: historical_50k(folder, "historical_50k_full", full=True),
    "febrl3": febrl3,
    "febrl4": febrl4,
    "febrl3_no_id": lambda folder: febrl3(folder, "febrl3_no_id", identifier=False),
    "febrl4_no_id": lambda folder: febrl4(folder, "febrl4_no_id", identifier=False),
}
SETS = ("generator", *PUBLIC)
