"""Deliveries from landing place to answer: manifests, files, register, store and the supplier's files."""

import csv
import gzip
import io
import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime

import fsspec
import pytest
import zstandard

from pipelines.database.schema import night as night_table
from pipelines.deliveries import lying
from pipelines.deliveries.files import Limits, verified
from pipelines.deliveries.manifest import parse_manifest
from pipelines.errors import IsindexError

NIGHT = date(2026, 11, 20)
CONTENT = b"id,name,note,born\n1,A,,\n2,B,,\n"


def codes(entry):
    return [each["code"] for each in entry.codes]


def ack(folder):
    return json.loads((folder / "ack.json").read_text())


def test_a_sound_delivery_is_loaded_kept_and_acknowledged(site):
    folder = site.deliver("health", {"health.csv": CONTENT}, sequence=412)
    [entry] = site.load()
    assert (entry.state, codes(entry)) == ("loaded", ["ALL_LOADED"])
    assert entry.delivery_id.startswith("330/health/2026-11-20/412-")
    answer = ack(folder)
    assert answer["state"] == "loaded"
    assert answer["counts"] == {
        "rows_in_manifest": 2, "rows_read": 2, "accepted": 2, "queried": 0, "rejected": 0, "repeats": 0, "lost": 0,
    }  # fmt: skip
    assert (folder / "rejects.csv").read_text().splitlines() == ["position,line,key,outcome,rule,field,message"]
    assert site.store.open(entry).accepted["id"].to_pylist() == ["1", "2"]
    assert site.register.for_night("330", NIGHT) == [site.register.entry(entry.delivery_id)]
    kept = sorted(path.name for path in (site.root / "home" / entry.stored_at).iterdir())
    assert kept == ["accepted.parquet", "manifest.json", "outcome.json", "rejected.parquet"]


def test_loading_again_changes_nothing_and_restores_a_lost_answer(site):
    from pipelines.deliveries import restore_answer

    folder = site.deliver("health", {"health.csv": CONTENT + b"3,C\n"})
    [first] = site.load()
    before = [(folder / name).read_bytes() for name in ("ack.json", "rejects.csv")]
    (folder / "ack.json").unlink()
    receipt = site.take()
    assert receipt.ruling.known == first
    assert receipt.read is None
    assert restore_answer(receipt.found, first, site.store)
    assert [(folder / name).read_bytes() for name in ("ack.json", "rejects.csv")] == before
    assert not list(folder.glob(".*"))


def test_after_a_kill_before_the_register_knows_the_same_is_done_again(site):
    site.deliver("health", {"health.csv": CONTENT})
    [first] = site.load()
    other = type(site)(site.root / "second", site.contracts) if (site.root / "second").mkdir() is None else None
    other.landing, other.store = site.landing, site.store  # a register that has forgotten, the same store
    [second] = other.load()
    assert replace(second, received_at="") == replace(first, received_at="")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("health.csv.gz", gzip.compress),
        ("health.csv.zst", zstandard.compress),
        ("health.csv.gz", lambda content: gzip.compress(content[:20]) + gzip.compress(content[20:])),
        ("health.csv.zst", lambda content: zstandard.compress(content[:20]) + zstandard.compress(content[20:])),
    ],
)
def test_compressed_files_are_read(site, name, pack):
    site.deliver("health", {name: pack(CONTENT)}, rows=2)
    assert site.load()[0].state == "loaded"


@pytest.mark.parametrize("name", ["health.csv.gz", "health.csv.zst"])
def test_a_cut_off_stream_is_unreadable(site, name):
    packed = gzip.compress(CONTENT * 50) if name.endswith("gz") else zstandard.compress(CONTENT * 50)
    site.deliver("health", {name: packed[:-9]}, rows=2)
    assert codes(site.load()[0]) == ["UNREADABLE"]


@pytest.mark.parametrize("name", ["health.csv.gz", "health.csv.zst"])
def test_what_unpacks_to_far_too_much_is_stopped(site, name):
    content = bytes(3_000_000)
    packed = gzip.compress(content) if name.endswith("gz") else zstandard.compress(content)
    site.deliver("health", {name: packed}, rows=2)
    found = lying(str(site.landing))[0]
    with verified(found, found.manifest.files, Limits(total=1 << 30, free=100_000, ratio=20)) as files:
        assert [each.code for each in files.findings] == ["TOO_LARGE"]
    with verified(found, found.manifest.files, Limits(total=1_000_000)) as files:
        assert [each.code for each in files.findings] == ["TOO_LARGE"]


def test_several_files_are_one_delivery_with_running_positions(site):
    site.deliver("health", {"health-1.csv": CONTENT, "health-2.csv": CONTENT.replace(b"1,A", b"3")})
    receipt = site.take()
    assert receipt.read.records["position"].to_pylist() == [1, 2, 4]
    assert receipt.read.unreadable.drop_columns("may_be").to_pylist() == [
        {"position": 3, "line": 2, "key": None, "rule": "RECORD-FIELD-COUNT"}
    ]


@pytest.mark.parametrize("counted", [0, 1, 2])
def test_rows_with_no_value_are_blank_lines_whether_the_manifest_counts_them_or_not(site, counted):
    blank = b"," * (CONTENT.splitlines()[0].count(b",")) + b"\r\n"
    site.deliver("health", {"health.csv": CONTENT + blank * 2}, rows=2 + counted)
    [entry] = site.load()
    assert (entry.state, entry.counts["rows_in_manifest"], entry.counts["rows_read"]) == ("loaded", 2, 2)


def test_what_was_cleaned_is_told_by_column(site):
    head, first, *others = CONTENT.splitlines(keepends=True)
    site.deliver("health", {"health.csv": b"".join([head, first.replace(b"A", b" A ", 1), *others])}, rows=2)
    [entry] = site.load()
    assert entry.state == "loaded" and list(entry.cleaned.values()) == [1]
    assert ack(next(site.landing.rglob("ack.json")).parent)["cleaned"] == entry.cleaned


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"authority": "331"}, "WRONG_AUTHORITY"),
        ({"agency": "police"}, "WRONG_AGENCY"),
        ({"business_date": "2026-11-19"}, "WRONG_DATE"),
        ({"contract": "health/9"}, "CONTRACT_UNKNOWN"),
        ({"contract": "police/1"}, "WRONG_AGENCY"),
        ({"mode": "partial"}, "MANIFEST_INVALID"),
        ({"sequence": "412"}, "MANIFEST_INVALID"),
        ({"sequence": True}, "MANIFEST_INVALID"),
        ({"files": "health.csv"}, "MANIFEST_INVALID"),
        ({"files": []}, "MANIFEST_INVALID"),  # else the file that lies there would be looked at by nobody
        ({"created_at": "yesterday"}, "MANIFEST_INVALID"),
        ({"created_at": "0999-12-31T23:59:59Z"}, "MANIFEST_INVALID"),
        ({"files": [{"name": "\ud800.csv", "bytes": 1, "rows": 1, "sha256": "0" * 64}]}, "MANIFEST_INVALID"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_and_answered(site, change, code):
    folder = site.deliver("health", {"health.csv": CONTENT}, stated=change)
    [entry] = site.load()
    assert (entry.state, codes(entry)[:1]) == ("refused", [code])
    assert ack(folder)["codes"][0]["remedy"]
    assert not site.register.for_night("330", NIGHT)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 100_000, b" " * 2_000_000])
def test_no_manifest_crashes_the_intake(site, content):
    folder = site.deliver("health", {"health.csv": CONTENT})
    (folder / "manifest.json").write_bytes(content)
    [entry] = site.load()
    assert codes(entry) == ["MANIFEST_INVALID"]


def test_of_the_manifest_its_own_keys_alone_are_kept(site):
    said = {"supplier": "Zoë \ud800\0 Fubtabrav, 14 Sidwick Lane", "note": "Fubtabrav lives at", "Fubtabrav": {"x": 1}}
    site.deliver("health", {"Fubtabrav.csv.GZ": gzip.compress(CONTENT)}, stated=said, rows=2)
    [entry] = site.load()
    assert (entry.state, entry.supplier) == ("loaded", None)
    folder = site.root / "home" / entry.stored_at
    kept = json.loads((folder / "manifest.json").read_text())
    assert set(kept) == {
        "contract", "authority", "agency", "business_date", "sequence", "mode", "created_at", "files", "manifest_sha256",
    }  # fmt: skip
    assert [set(file) for file in kept["files"]] == [{"kind", "bytes", "rows", "sha256"}]
    assert (kept["files"][0]["kind"], kept["manifest_sha256"]) == ("csv.gz", entry.manifest_sha256)
    for path in folder.iterdir():
        assert b"ubtabrav" not in path.read_bytes(), path.name


@pytest.mark.parametrize("supplier", [7, ["x"]])
def test_a_supplier_that_is_no_text_refuses_the_manifest(site, supplier):
    site.deliver("health", {"health.csv": CONTENT}, stated={"supplier": supplier})
    assert codes(site.load()[0]) == ["MANIFEST_INVALID"]


def test_a_contract_that_is_none_is_not_kept(site):
    folder = site.deliver("health", {"health.csv": CONTENT}, stated={"contract": "Fubtabrav/1"})
    [entry] = site.load()
    assert (entry.contract, codes(entry)) == (None, ["CONTRACT_UNKNOWN"])
    assert "Fubtabrav" not in (folder / "ack.json").read_text()


def test_an_authority_that_is_not_open_is_refused(site):
    site.deliver("health", {"health.csv": CONTENT}, authority="820")
    assert codes(site.load()[0]) == ["WRONG_AUTHORITY"]


def test_an_outdated_contract_is_refused_from_the_day_it_was_superseded(site, health):
    site.contracts["health/1"] = replace(health, superseded_on=NIGHT)
    site.deliver("health", {"health.csv": CONTENT})
    assert codes(site.load()[0]) == ["CONTRACT_OUTDATED"]


@pytest.mark.parametrize(
    "name",
    ["../x.csv", "/etc/passwd", "C:\\x.csv", "a\\..\\x", "a/../../x", "~/x", "memory://x", "./x", "a//b", "x\ny"],
)
def test_a_name_that_leaves_the_folder_is_refused(name):
    stated = {
        "contract": "health/1", "authority": "330", "agency": "health", "business_date": "2026-11-20", "sequence": 1,
        "mode": "full", "created_at": "2026-11-20T22:14:03Z",
        "files": [{"name": name, "bytes": 1, "rows": 1, "sha256": "0" * 64}],
    }  # fmt: skip
    _, findings = parse_manifest(json.dumps(stated).encode(), "330", "health", NIGHT)
    assert [each.code for each in findings] == ["PATH_OUTSIDE"]


def test_a_link_that_leaves_the_folder_is_refused(site):
    folder = site.deliver("health", {"health.csv": CONTENT})
    shutil.move(folder / "health.csv", site.root / "elsewhere.csv")
    (folder / "health.csv").symlink_to(site.root / "elsewhere.csv")
    assert codes(site.load()[0]) == ["PATH_OUTSIDE"]


def test_missing_shortened_and_changed_files_are_told_apart(site):
    folder = site.deliver("health", {"health.csv": CONTENT})
    (folder / "health.csv").write_bytes(CONTENT[:-1])
    assert codes(site.load()[0]) == ["SIZE_MISMATCH"]
    (folder / "health.csv").write_bytes(CONTENT.replace(b"A", b"Z"))
    assert codes(site.load()[0]) == ["CHECKSUM_MISMATCH"]
    (folder / "health.csv").unlink()
    assert codes(site.load()[0]) == ["FILE_MISSING"]
    (folder / "health.csv").write_bytes(CONTENT)  # uploaded again, under the same manifest
    assert site.load()[0].state == "loaded"


def test_a_wrong_count_of_a_sound_file_refuses_it_whole(site):
    site.deliver("health", {"health.csv": CONTENT}, rows=3)
    [entry] = site.load()
    assert (entry.state, codes(entry)) == ("refused", ["COUNT_MISMATCH"])


def test_a_broken_xml_loads_what_is_readable_and_counts_the_rest_as_lost(site):
    content = b"<Pupils><Pupil><UPN>1</UPN><URN>1</URN></Pupil><Pupil><UPN>2</UPN><URN>1</URN></Pupil><Pupil><UPN>3"
    site.deliver("education", {"education.xml": content}, rows=4)
    [entry] = site.load()
    assert (entry.state, set(codes(entry))) == ("partly_loaded", {"RECORDS_LOST", "PARTLY_LOADED"})
    assert entry.counts["rows_in_manifest"] == entry.counts["rows_read"] + entry.counts["lost"] == 4
    assert site.store.open(entry).accepted["key"].to_pylist() == ["1/1", "2/1"]


def test_a_correction_supersedes_and_the_same_sequence_is_refused(site):
    site.deliver("health", {"health.csv": CONTENT})
    [first] = site.load()
    site.deliver("health", {"health.csv": CONTENT.replace(b"A", b"Z")})
    [repeated] = site.load()
    assert codes(repeated) == ["REPEATED"]
    site.deliver("health", {"health.csv": CONTENT.replace(b"A", b"Z")}, sequence=2)
    [second] = site.load()
    assert site.register.entry(first.delivery_id).state == "superseded"
    assert [each.delivery_id for each in site.register.for_night("330", NIGHT)] == [second.delivery_id]


def test_a_held_delta_loads_when_the_gap_is_filled_or_waived(site):
    change = b"id,name,note,born,change\n1,A,,,upsert\n2,,,,withdraw\n3,C,,,other\n"
    days = [date(2026, 11, day) for day in range(20, 24)]
    site.deliver("health", {"health.csv": CONTENT}, night=days[0])
    site.load()
    site.deliver("health", {"health.csv": change}, sequence=3, mode="delta", night=days[2])
    [held] = site.load()
    assert (held.state, codes(held)) == ("held", ["SEQUENCE_GAP"])
    with pytest.raises(IsindexError):
        site.register.waive("330", "health", 2, actor="", reason="", at=datetime.now(UTC))
    [freed] = site.register.waive("330", "health", 2, actor="A. Clerk", reason="never sent", at=datetime.now(UTC))
    assert (freed.delivery_id, freed.state) == (held.delivery_id, "partly_loaded")
    stored = site.store.open(freed)
    assert stored.accepted["change"].to_pylist() == ["upsert", "withdraw"]
    assert stored.rejected["rule"].to_pylist() == ["RECORD-CHANGE"]


@pytest.mark.parametrize("before", [date(2026, 11, 19), NIGHT], ids=["the night before", "what it would correct"])
def test_an_empty_full_delivery_is_held_against_what_the_feed_had(site, before):
    row = {
        "agency": "health",
        "state": "loaded",
        "delivery_id": None,
        "as_of": None,
        "live_records": 500,
        "measures": {},
    }
    site.register.set_feed_nights("330", before, [row])
    site.deliver("health", {"health.csv": CONTENT[:18]})
    site.register.waive("330", "health", 1, actor="A. Clerk", reason="never sent", at=datetime.now(UTC))
    [entry] = site.load()
    assert (entry.state, codes(entry)) == ("held", ["EMPTY"])
    [freed] = site.register.waive("330", "health", 1, actor="A. Clerk", reason="truly empty", at=datetime.now(UTC))
    assert (freed.delivery_id, freed.state) == (entry.delivery_id, "loaded")


def test_late_is_said_when_the_night_was_processed_without_it(site):
    with site.engine.begin() as connection:
        row = {"authority": "330", "business_date": NIGHT, "state": "published", "figures": {}, "finished_at": ""}
        connection.execute(night_table.insert().values(**row))
    site.deliver("health", {"health.csv": CONTENT})
    [entry] = site.load()
    assert entry.late
    assert "LATE" in codes(entry)


def test_the_suppliers_rejects_are_safe_to_open_in_a_spreadsheet(site):
    long = b"x" * 10_001
    content = CONTENT + b"=1+1,A," + long + b',\n"a\nb",B,' + long + b",\n"
    folder = site.deliver("health", {"health.csv": content}, rows=4)
    site.load()
    rows = list(csv.DictReader(io.StringIO((folder / "rejects.csv").read_bytes().decode())))
    assert [(row["position"], row["line"], row["key"]) for row in rows] == [("3", "4", "'=1+1"), ("4", "5", "a b")]
    assert {row["rule"] for row in rows} == {"RECORD-TOO-LARGE"}
    assert not any(row["key"].startswith("=") or "\n" in row["key"] for row in rows)


@pytest.mark.parametrize("size", [10_001, 1_000_000])
def test_a_value_too_large_costs_its_record_whose_key_stays_known(site, size):
    site.deliver("health", {"health.csv": CONTENT + b"3,C," + b"x" * size + b",\n4,D,,\n"}, rows=4)
    read = site.take().read
    assert read.records["key"].to_pylist() == ["1", "2", "4"]
    assert read.unreadable.drop_columns("may_be").to_pylist() == [
        {"position": 3, "line": 4, "key": "3", "rule": "RECORD-TOO-LARGE"}
    ]


def test_the_first_time_of_receipt_stays(site):
    site.deliver("health", {"health.csv": CONTENT})
    [entry] = site.load()
    site.register.record(replace(entry, received_at="2099-01-01T00:00:00+00:00"))
    assert site.register.entry(entry.delivery_id).received_at == entry.received_at


def test_deliveries_are_found_at_any_address_and_answered_there(site):
    site.deliver("health", {"health.csv.gz": gzip.compress(CONTENT)}, rows=2)
    memory = fsspec.filesystem("memory")
    for path in site.landing.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/landing/{path.relative_to(site.landing)}", path.read_bytes())
    [found] = lying("memory://landing")
    [entry] = site.load(found)
    assert entry.state == "loaded"
    assert json.loads(memory.cat_file("/landing/330/health/2026-11-20/ack.json"))["state"] == "loaded"
    [local] = lying(f"file://{site.landing}")
    assert local.delivery_id == found.delivery_id
    assert site.take(local).ruling.known


def test_only_what_is_complete_and_asked_for_is_found(site):
    site.deliver("health", {"health.csv": CONTENT})
    site.deliver("police", {"police.csv": b""}, authority="331")
    (site.landing / "330" / "health" / "2026-11-21").mkdir()
    (site.landing / "330" / "health" / "2026-13-45").mkdir()
    (site.landing / "notes").mkdir()
    (site.landing / "notes.txt").write_text("x")
    place = str(site.landing)
    assert [each.agency for each in lying(place)] == ["health", "police"]
    assert [each.agency for each in lying(place, authority="331")] == ["police"]
    assert [each.authority for each in lying(place, agency="health")] == ["330"]
    assert lying(place, business_date=date(2026, 11, 19)) == []
    assert lying(place, authority="331", agency="health", business_date=NIGHT) == []
    with pytest.raises(IsindexError):
        lying(str(site.root / "nowhere"))


def test_a_landing_place_that_cannot_be_written_does_not_stop_the_load(site, monkeypatch):
    from pipelines.deliveries.found import FoundDelivery

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(FoundDelivery, "put", refuse)
    site.deliver("health", {"health.csv": CONTENT})
    assert site.load()[0].state == "loaded"
