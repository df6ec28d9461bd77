"""Deliveries that are refused as a whole, whatever their file is called and however it is spoilt: who asks in it is heard.

Belongs here: `receive` on one delivery of health, with what the register keeps of it. Not here: single records (`test_asking`), what
becomes of a wish (tests/nights/test_overheard.py).
"""

import base64
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines.deliveries import lying
from pipelines.deliveries.found import FoundDelivery
from pipelines.deliveries.overheard import overheard
from tests.deliveries.conftest import Site
from tests.deliveries.protective_files import HEALTH, SOCIAL_CARE, csv_of, jsonl_of, patient, read

CSV = csv_of([patient(1), patient(2, confidentiality="S"), patient(3)]).encode()
GZIP = gzip.compress(CSV)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(CSV)
QUIET = csv_of([patient(4), patient(5)]).encode()
SHIELDED = {"la_child_id": "C1", "shield": {"requested": True, "by": "x", "reason_code": "other"}}


@pytest.fixture
def given(tmp_path):
    made = Site(tmp_path, {"health/1": HEALTH})
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("files", "stated"),
    [
        ({"health.txt": CSV}, {}),
        ({"health": CSV}, {}),
        ({"health.jsonl": CSV}, {}),
        ({"health.csv.gz": gzip.compress(CSV) + b"\x1a"}, {}),
        ({"health.csv.gz": gzip.compress(CSV) + b"\x1a"}, {"mode": "?"}),
        ({"health.csv.gz": gzip.compress(CSV, 0)[:-9]}, {}),
        ({"health.csv": CSV}, {"files": []}),
        ({"health.csv": CSV.decode().encode("utf-16")}, {}),
        ({"health.csv": CSV.decode().encode("utf-16")}, {"mode": "?"}),
    ],
)
def test_who_asks_in_a_refused_delivery_is_heard(given, files, stated):
    given.deliver("health", files, rows=3, stated=stated)
    receipt = given.take()
    assert receipt.ruling.state == "refused"
    assert receipt.asking is not None
    assert receipt.asking["key"].to_pylist() == ["P2"]


def spoilt(data, place):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def parquet():
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([patient(1), patient(2, confidentiality="S"), patient(3)]), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("health.csv.gz", spoilt(GZIP, -6)), ("health.csv.gz", spoilt(GZIP, -1)), ("health.csv.gz", spoilt(gzip.compress(CSV, 0), -20)),
        ("health.csv.zst", spoilt(ZSTD, -1)), ("health.csv.zst", ZSTD[:-4]), ("health.csv.gz", CSV), ("health.csv.zst", CSV),
        ("health.csv", GZIP), ("health.csv", ZSTD), ("health.csv.gz", ZSTD), ("health.csv.zst", GZIP), ("health.csv.gzip", GZIP),
        ("health.csv.gz", gzip.compress(GZIP)), ("health.csv.zst", zstandard.compress(GZIP)), ("health.csv", parquet()),
        ("health.csv.gz", gzip.compress(parquet())), ("health.parquet", CSV), ("health.parquet", GZIP), ("health.parquet", gzip.compress(parquet())),
        ("health.parquet.gz", spoilt(gzip.compress(parquet()), -6)), ("health.csv", base64.encodebytes(CSV)),
    ],
)  # fmt: skip
def test_a_file_is_heard_as_what_it_is_whatever_its_name_says_and_refused_as_ever(given, name, data):
    given.deliver("health", {name: data}, rows=3)
    receipt = given.take()
    assert receipt.ruling.state == "refused"
    assert receipt.read is None
    assert receipt.asking["key"].to_pylist() == ["P2"]


def left_out(folder):
    (folder / "b.csv").unlink()


def linked(folder):
    (folder / "b.csv").unlink()
    (folder / "b.csv").symlink_to(folder / "a.csv")


def below(folder):
    (folder / "b.csv").unlink()
    (folder / "b.csv").mkdir()


def too_large(folder):
    (folder / "b.csv").write_bytes(gzip.compress(b"\n" * (101 << 20)))


def foreign(folder):
    (folder / "b.csv").unlink()
    (folder / "readme.md").write_text("Extracts of patients, S. Ham\n")
    (folder / "Thumbs.db").write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize("spoil", [left_out, linked, below, too_large, foreign])
@pytest.mark.parametrize("stated", [{}, {"files": []}, {"mode": "?"}])
def test_a_neighbour_that_cannot_be_read_hides_nobody(given, spoil, stated):
    folder = given.deliver(
        "health", {"a.csv": CSV, "b.csv": QUIET, "c.csv": QUIET.replace(b",P", b",X")}, stated=stated
    )
    spoil(folder)
    receipt = given.take()
    assert receipt.ruling.state == "refused"
    assert receipt.asking["key"].to_pylist() == ["P2"]


def test_a_file_that_may_not_be_read_hides_nobody_in_another(given, monkeypatch):
    given.deliver("health", {"a.csv": CSV, "b.csv": QUIET}, rows=3)
    opened = FoundDelivery.opened

    def closed(found, name):
        if name == "b.csv":
            raise PermissionError(13, "closed")
        return opened(found, name)

    monkeypatch.setattr(FoundDelivery, "opened", closed)
    receipt = given.take()
    assert receipt.entry.codes[-1]["code"] == "FILE_CLOSED"
    assert receipt.asking["key"].to_pylist() == ["P2"]


@pytest.mark.parametrize("name", ["Health.CSV", "rejects.csv", "ack.json", "again/health.csv"])
def test_a_file_is_heard_wherever_it_was_put_if_the_manifest_names_it_or_it_lies_there(given, name):
    folder = given.deliver("health", {"health.csv": QUIET}, rows=2)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] += [manifest["files"][0] | {"name": "again/health.csv"}]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(CSV)
    receipt = given.take()
    assert receipt.ruling.state == "refused"
    assert receipt.asking["key"].to_pylist() == ["P2"]


def test_an_answer_of_ours_is_not_heard(given):
    folder = given.deliver("health", {"health.csv": CSV}, stated={"mode": "?"})
    given.load()
    (folder / "health.csv").write_bytes(QUIET)
    assert (folder / "ack.json").is_file() and (folder / "rejects.csv").is_file()
    [found] = lying(str(given.landing))
    result = overheard(found, None, HEALTH)
    assert (result.rows_read, result.asking.num_rows) == (2, 0)


@pytest.mark.parametrize("name", ["readme.txt", "Thumbs.db", "notes"])
def test_a_foreign_file_does_not_ask(given, name):
    given.deliver(
        "health",
        {"health.csv": QUIET, name: b"Extract S, of patients; shielded children are marked S.\nS\n"},
        stated={"mode": "?"},
    )
    assert given.take().asking.num_rows == 0


def test_of_a_packed_file_that_holds_far_too_much_nothing_is_read(given):
    given.deliver("health", {"health.csv.gz": gzip.compress(b"\n" * (101 << 20))}, rows=3)
    receipt = given.take()
    assert [each.code for each in receipt.ruling.findings] == ["TOO_LARGE"]
    assert receipt.asking is None


def test_zeros_between_the_letters_of_a_document_hide_no_mark(tmp_path):
    result = read(tmp_path, b"x\n" + jsonl_of(SHIELDED).encode("utf-16-be"), SOCIAL_CARE)
    assert result.asking["key"].to_pylist() == ["C1"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("health.csv", "health.csv"),
        ("health_330_20261120.csv.gz", "health_330_20261120.csv.gz"),
        ("Arthur Smith.csv", "AAAAAA AAAAA.csv"),
        ("Fubtabrav.csv.GZ", "AAAAAAAAA.csv.gz"),
        ("4000000000.csv", "9999999999.csv"),
        ("health_4000000000.csv", "AAAAAA_9999999999.csv"),
    ],
)
def test_a_file_is_told_by_its_name_where_that_can_be_no_childs(given, name, told):
    packed = name.lower().endswith("gz")
    folder = given.deliver("health", {name: gzip.compress(CSV) if packed else CSV}, rows=2)
    [entry] = given.load()
    assert [(each["code"], each["file"]) for each in entry.codes] == [("COUNT_MISMATCH", told)]
    assert json.loads((folder / "ack.json").read_text())["codes"][0]["file"] == told


def test_what_is_no_agencys_name_is_not_told(given):
    folder = given.deliver("health", {"health.csv": CSV}, rows=3, stated={"agency": "fubtabrav_arthur"})
    [entry] = given.load()
    assert [each["code"] for each in entry.codes] == ["WRONG_AGENCY"]
    assert "ubtabrav" not in (folder / "ack.json").read_text()
