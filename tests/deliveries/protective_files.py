"""Little files with protective columns, one of each kind, and what a reader makes of them."""

import json
from dataclasses import replace
from html import escape

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import load_contract
from pipelines.contracts.contract import FileFormat
from pipelines.deliveries.readers.csv import read_csv
from pipelines.deliveries.readers.jsonl import read_jsonl
from pipelines.deliveries.readers.parquet import read_parquet
from pipelines.deliveries.readers.result import assemble
from pipelines.deliveries.readers.xml import read_xml

HEALTH = load_contract("health/1")
SOCIAL_CARE = load_contract("social_care/1")
PATIENTS = replace(HEALTH, file=FileFormat("health.xml", "xml", root="Patients", record="Patient"))
"""The health contract as it would come in XML."""

PERSON = {"local_patient_id": "P1", "nhs_number": "943 476 5919", "family_name": "Ham", "birth_date": "2015-01-02"}
CHILD = {
    "la_child_id": "C1",
    "nhs_number": "9434765919",
    "names": [{"family": "Ham", "given": "Ann"}, {"family": "O'Old", "type": "former"}],
    "date_of_birth": "2015-01-02",
    "address": {"lines": ["1 High Street"], "postcode": "AA1 1AA"},
}


def patient(number=1, **changes):
    return dict.fromkeys(HEALTH.column_names, "") | PERSON | {"local_patient_id": f"P{number}"} | changes


def csv_of(rows, header=None):
    header = header or list(rows[0])
    return "\n".join([",".join(header), *(",".join(row.get(name, "") for name in header) for row in rows)]) + "\n"


def xml_of(*records):
    return f"<Patients>\n{''.join(records)}</Patients>\n"


def element(row, inside=""):
    texts = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in row.items() if text)
    return f"<Patient>{texts}{inside}</Patient>\n"


def jsonl_of(*documents):
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in documents)


def read(folder, content, contract, *, delta=False):
    """The result of reading one file: text, or a table for Parquet."""
    path = folder / "file"
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
        part = read_parquet(path, "file", contract, delta=delta, stated_rows=content.num_rows)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if contract.file.kind == "csv":
            rows = path.read_bytes().count(b"\n") - 1
            part = read_csv(path, "file", contract, delta=delta, stated_rows=rows)
        else:
            reader = read_xml if contract.file.kind == "xml" else read_jsonl
            part = reader(path, "file", contract, delta=delta)
    return assemble([part], contract, delta=delta, lost=0, findings=part.findings)


def codes(result):
    return {each.code for each in result.findings}


def asking(result):
    """Position → (path that asks, whether it is understood)."""
    return {each["position"]: (each["asked"], each["understood"]) for each in result.asking.to_pylist()}


def named(result, position):
    (row,) = (each for each in result.asking.to_pylist() if each["position"] == position)
    return [(each["concept"], each["value"]) for each in row["named"]]
