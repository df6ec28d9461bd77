"""The landing place: what is new there is found once, and what can never be taken in is named for as long as it lies there."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from upath import UPath

from pipelines.database import open_database
from pipelines.database.schema import landing_seen
from pipelines.deliveries import LandingKnowledge, look, lying, note_decided
from pipelines.deliveries import found as found_module
from pipelines.deliveries import listing as listing_module
from pipelines.deliveries import survey as survey_module
from pipelines.deliveries.codes import file_codes
from pipelines.deliveries.landing_findings import LISTED, landing_codes, shown
from pipelines.errors import IsindexError

NIGHT = date(2026, 11, 20)
CONTENT = b"id,name,note,born\n1,A,,\n2,B,,\n"
KNOWN = LandingKnowledge(
    authorities=frozenset({"302", "330", "331"}),
    agencies=frozenset({"health", "education", "police", "social_care"}),
    first_nights={"331": date(2026, 11, 10)},
    today=NIGHT,
)


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once, as they do two seconds after they were written."""
    monkeypatch.setattr(survey_module, "_SETTLED", -3600.0)


@pytest.fixture
def manifests(monkeypatch):
    """The places of the manifests that were opened, in order."""
    opened = []
    real = found_module.opened

    def counting(root, parts):
        if parts[-1] == "manifest.json":
            opened.append("/".join(parts[:-1]))
        return real(root, parts)

    monkeypatch.setattr(found_module, "opened", counting)
    return opened


def looked(site, known=KNOWN, **options):
    return look(str(site.landing), site.engine, known=known, **options)


def take_in(site, known=KNOWN):
    """Take in all that is new; the deliveries' ids."""
    done = []
    for found in looked(site, known).new:
        done.append(site.load(found)[0].delivery_id)
        note_decided(site.engine, found)
    return done


def rows(site):
    with site.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(landing_seen))


def told(look):
    return [(each.code, each.place) for each in look.findings]


# ---- what is new --------------------------------------------------------------------------------------------------


def test_a_delivery_is_new_until_it_is_decided(site, settled):
    site.deliver("health", {"health.csv": CONTENT})
    [first], [again] = looked(site).new, looked(site).new
    assert first.delivery_id == again.delivery_id
    assert take_in(site) == [first.delivery_id]
    assert looked(site).new == ()
    assert looked(site).decided == {"330/health/2026-11-20"}


def test_new_deliveries_come_by_date_authority_and_agency(site):
    for day, authority, agency in [
        (20, "330", "health"),
        (19, "331", "police"),
        (20, "302", "health"),
        (19, "331", "health"),
    ]:
        site.deliver(agency, {f"{agency}.csv": CONTENT}, authority=authority, night=date(2026, 11, day))
    assert [each.place for each in looked(site).new] == [
        "331/health/2026-11-19", "331/police/2026-11-19", "302/health/2026-11-20", "330/health/2026-11-20",
    ]  # fmt: skip
    assert [each.authority for each in looked(site, authorities=["302"]).new] == ["302"]


def test_each_manifest_is_read_once_however_many_nights_lie_there(site, settled, manifests):
    for number in range(15):
        for agency in ("health", "police"):
            night = NIGHT - timedelta(days=15 - number)
            site.deliver(agency, {f"{agency}.csv": CONTENT}, sequence=number, night=night)
        assert len(take_in(site)) == 2
        looked(site)
    assert len(manifests) == len(set(manifests)) == 30


def test_a_correction_in_the_same_folder_is_new_and_the_answer_in_it_is_not(site, settled, manifests):
    site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    assert (site.landing / "330/health/2026-11-20/ack.json").is_file()
    looked(site)
    assert len(manifests) == 1
    site.deliver("health", {"health.csv": CONTENT}, sequence=2)
    [found] = looked(site).new
    assert found.manifest.sequence == 2


def test_what_was_written_a_moment_ago_is_looked_at_again_since_a_coarse_clock_would_not_show_it(site, monkeypatch):
    monkeypatch.setattr(
        listing_module, "_of_status", lambda status: listing_module.Entry("file", status.st_size, "", status.st_ctime)
    )  # a clock that never moves
    site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    site.deliver("health", {"health.csv": CONTENT}, sequence=2)
    assert [each.manifest.sequence for each in looked(site).new] == [2]


def test_a_delivery_of_a_process_that_was_killed_before_it_noted_the_decision_is_new_once_more(
    site, settled, manifests
):
    site.deliver("health", {"health.csv": CONTENT})
    [found] = looked(site).new
    site.load(found)
    assert [each.delivery_id for each in looked(site).new] == [found.delivery_id]  # it may not have been answered
    note_decided(site.engine, found)
    reads = len(manifests)
    assert looked(site).new == ()
    assert len(manifests) == reads


def test_the_table_may_be_lost_or_the_landing_place_moved(site, settled):
    site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    site.landing = site.landing.rename(site.root / "moved")
    assert looked(site).new == ()
    with site.engine.begin() as connection:
        connection.execute(landing_seen.delete())
    assert looked(site).new == ()


def test_a_damaged_delivery_is_new_again_when_it_was_sent_whole_and_not_when_it_was_touched(site, settled):
    folder = site.deliver("health", {"health.csv": CONTENT})
    for content in (CONTENT[:-1], CONTENT.replace(b"A", b"Z"), None):
        (folder / "health.csv").unlink()
        if content is not None:
            (folder / "health.csv").write_bytes(content)
        assert len(take_in(site)) == 1
        assert looked(site).new == ()
    (folder / "manifest.json").touch()
    (folder / "manifest.json").chmod(0o600)
    assert looked(site).new == ()
    (folder / "health.csv").write_bytes(CONTENT)
    assert len(take_in(site)) == 1
    assert [each.state for each in site.register.known("330", "health")] == ["loaded"]


def test_a_delivery_refused_for_a_linked_file_is_new_again_when_the_file_itself_is_there(site, settled):
    folder = site.deliver("health", {"health.csv": CONTENT})
    (folder / "health.csv").rename(site.root / "outside.csv")
    (folder / "health.csv").symlink_to(site.root / "outside.csv")
    take_in(site)
    [entry] = site.register.known("330", "health")
    assert (entry.state, [code["code"] for code in entry.codes]) == ("refused", ["PATH_OUTSIDE"])
    assert told(looked(site)) == [("LINK_REFUSED", "330/health/2026-11-20/health.csv")]
    (folder / "health.csv").unlink()
    shutil.copy(site.root / "outside.csv", folder / "health.csv")
    take_in(site)
    assert site.register.known("330", "health")[0].state == "loaded"
    assert told(looked(site)) == []


def test_one_that_is_refused_for_what_its_manifest_says_is_not_taken_in_again(site, settled):
    folder = site.deliver("health", {"health.csv": CONTENT}, stated={"contract": "health/9"})
    take_in(site)
    (folder / "health.csv").write_bytes(CONTENT + b"3,C,,\n")
    assert looked(site).new == ()


@pytest.mark.parametrize("harm", ["other content", "another file", "gone"])
def test_a_decided_delivery_whose_files_change_under_the_same_manifest_is_named_until_they_are_as_they_were(
    site, settled, manifests, harm
):
    for night in (NIGHT - timedelta(days=1), NIGHT):
        site.deliver("health", {"health.csv": CONTENT}, night=night, sequence=night.day)
    take_in(site)
    assert told(looked(site)) == []
    folder = site.landing / "330/health/2026-11-20"
    changed = folder / ("second.csv" if harm == "another file" else "health.csv")
    changed.unlink() if harm == "gone" else changed.write_bytes(CONTENT.replace(b"A", b"Z"))
    manifests.clear()
    for _ in range(2):
        look = looked(site)
        assert told(look) == [("FILES_CHANGED", "330/health/2026-11-20")]
        assert (look.new, look.decided) == ((), {"330/health/2026-11-19", "330/health/2026-11-20"})
        assert "new sequence" in look.findings[0].remedy
    assert set(manifests) == {"330/health/2026-11-20"}  # nothing else is opened for that
    if harm == "another file":
        changed.unlink()
    else:
        changed.write_bytes(CONTENT)
    assert told(looked(site)) == []
    manifests.clear()
    assert (told(looked(site)), manifests) == ([], [])


@pytest.mark.parametrize("harm", ["other content", "another file", "gone", None])
def test_one_that_was_decided_while_it_was_too_young_to_tell_is_held_against_what_was_taken_in_once(
    site, manifests, monkeypatch, harm
):
    folder = site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    if harm:
        changed = folder / ("second.csv" if harm == "another file" else "health.csv")
        changed.unlink() if harm == "gone" else changed.write_bytes(CONTENT.replace(b"A", b"Z"))
    monkeypatch.setattr(survey_module, "_SETTLED", -3600.0)
    for _ in range(2):
        assert told(looked(site)) == ([("FILES_CHANGED", "330/health/2026-11-20")] if harm else [])
    manifests.clear()
    assert looked(site).new == ()
    assert len(manifests) == (1 if harm else 0)


def test_in_a_landing_place_at_another_address_a_file_that_the_manifest_does_not_name_is_told(site, settled):
    site.deliver("health", {"health.csv": CONTENT})
    site.deliver("police", {"police.csv": CONTENT})
    take_in(site)
    site.landing.rename(moved := site.landing.with_name("moved"))
    (moved / "330/police/2026-11-20/more.csv").write_bytes(CONTENT)
    found = look(str(moved), site.engine, known=KNOWN)
    assert told(found) == [("FILES_CHANGED", "330/police/2026-11-20")]
    assert found.new == ()


# ---- what is amiss ------------------------------------------------------------------------------------------------


def _link(place, target):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def _folder_of(site):
    return site.deliver("police", {"police.csv": CONTENT})


AMISS = {
    "an authority that is none": ("UNKNOWN_AUTHORITY_FOLDER", "999", lambda s: (s.landing / "999/health").mkdir(parents=True)),
    "a letter for a digit": ("UNKNOWN_AUTHORITY_FOLDER", "33O", lambda s: (s.landing / "33O").mkdir()),
    "a space behind": ("UNKNOWN_AUTHORITY_FOLDER", "999 ", lambda s: (s.landing / "330 ").mkdir()),
    "a mistyped agency": ("UNKNOWN_AGENCY_FOLDER", "330/helth", lambda s: s.deliver("helth", {"h.csv": CONTENT})),
    "an agency in capitals": ("UNKNOWN_AGENCY_FOLDER", "330/Health", lambda s: s.deliver("Health", {"h.csv": CONTENT})),
    "a hyphen": ("UNKNOWN_AGENCY_FOLDER", "330/social-care", lambda s: s.deliver("social-care", {"h.csv": CONTENT})),
    "wide letters": ("UNKNOWN_AGENCY_FOLDER", "330/AAAAAA", lambda s: s.deliver("ｈｅａｌｔｈ", {"h.csv": CONTENT})),
    "what people call an agency's folder": ("UNKNOWN_AGENCY_FOLDER", "330/AAAAA_AAAAAAAAAA", lambda s: s.deliver("Tibor_Quorthwick", {"h.csv": CONTENT})),
    "what people call a night": ("UNKNOWN_DATE_FOLDER", "330/health/AAAAAAAA", lambda s: (s.landing / "330/health/Heatherd").mkdir(parents=True)),
    "no date": ("UNKNOWN_DATE_FOLDER", "330/health/20261120", lambda s: (s.landing / "330/health/20261120").mkdir(parents=True)),
    "no day": ("UNKNOWN_DATE_FOLDER", "330/health/2026-02-30", lambda s: (s.landing / "330/health/2026-02-30").mkdir(parents=True)),
    "the day after tomorrow": ("DATE_IN_FUTURE", "330/police/2026-11-22", lambda s: s.deliver("police", {"p.csv": CONTENT}, night=date(2026, 11, 22))),
    "before the first night": ("DATE_TOO_OLD", "331/police/2026-11-09", lambda s: s.deliver("police", {"p.csv": CONTENT}, authority="331", night=date(2026, 11, 9))),
    "a linked authority": ("LINK_REFUSED", "302", lambda s: _link(s.landing / "302", s.landing / "330")),
    "a linked agency": ("LINK_REFUSED", "330/police", lambda s: _link(s.landing / "330/police", s.landing / "330/health")),
    "a linked date": ("LINK_REFUSED", "330/health/2026-11-19", lambda s: _link(s.landing / "330/health/2026-11-19", s.landing / "330/health/2026-11-20")),
    "a link to nowhere": ("LINK_REFUSED", "latest", lambda s: _link(s.landing / "latest", "nowhere")),
    "a linked manifest": ("LINK_REFUSED", "330/police/2026-11-20/manifest.json", lambda s: _link(s.landing / "330/police/2026-11-20/manifest.json", s.landing / "330/health/2026-11-20/manifest.json")),
    "a linked file beside": ("LINK_REFUSED", "330/health/2026-11-20/AAAA.csv", lambda s: _link(s.landing / "330/health/2026-11-20/more.csv", s.root / "index.db")),
    "a linked answer": ("LINK_REFUSED", "330/health/2026-11-20/ack.json", lambda s: _link(s.landing / "330/health/2026-11-20/ack.json", s.root / "index.db")),
    "a linked folder within": ("LINK_REFUSED", "330/health/2026-11-20/part", lambda s: _link(s.landing / "330/health/2026-11-20/part", s.root)),
    "a manifest that is a folder": ("MANIFEST_UNREADABLE", "330/police/2026-11-20/manifest.json", lambda s: (s.landing / "330/police/2026-11-20/manifest.json").mkdir(parents=True)),
    "a manifest in capitals": ("MANIFEST_MISNAMED", "330/police/2026-11-20/Manifest.JSON", lambda s: (_folder_of(s) / "manifest.json").rename(s.landing / "330/police/2026-11-20/Manifest.JSON")),
    "a manifest with an editor's ending": ("MANIFEST_MISNAMED", "330/police/2026-11-20/manifest.json.txt", lambda s: (_folder_of(s) / "manifest.json").rename(s.landing / "330/police/2026-11-20/manifest.json.txt")),
    "folders without end": ("FOLDER_UNREADABLE", "330/health/2026-11-20" + "/d" * 17, lambda s: (s.landing / ("330/health/2026-11-20" + "/d" * 40)).mkdir(parents=True)),
    "a file at the top": ("STRAY_FILE", "report.xlsx", lambda s: (s.landing / "report.xlsx").write_bytes(b"x")),
    "a file for an authority": ("STRAY_FILE", "302", lambda s: (s.landing / "302").write_bytes(b"x")),
    "a file beside the agencies": ("STRAY_FILE", "330/health.csv", lambda s: (s.landing / "330/health.csv").write_bytes(b"x")),
    "a file for a date": ("STRAY_FILE", "330/health/2026-11-19", lambda s: (s.landing / "330/health/2026-11-19").write_bytes(b"x")),
    "a pipe": ("STRAY_FILE", "330/health/2026-11-20/AAAA", lambda s: os.mkfifo(s.landing / "330/health/2026-11-20/pipe")),
}  # fmt: skip


@pytest.mark.parametrize("amiss", AMISS)
def test_what_is_amiss_is_named_on_every_look_and_changes_nothing_of_what_is_new(site, settled, amiss):
    code, place, make = AMISS[amiss]
    site.deliver("health", {"health.csv": CONTENT})
    make(site)
    for _ in range(2):
        look = looked(site)
        assert told(look) == [(code, place)]
        assert [each.place for each in look.new] == ["330/health/2026-11-20"]
        assert look.findings[0].message
        assert look.findings[0].remedy
    take_in(site)
    assert (told(looked(site)), looked(site).new) == ([] if amiss == "a linked answer" else [(code, place)], ())


def test_old_stock_is_not_gone_through_for_wishes_and_what_came_since_the_first_night_is(site):
    site.deliver("police", {"p.csv": CONTENT}, authority="331", night=date(2026, 11, 9))
    for first, heard in ((date(2026, 11, 10), ["331/police/2026-11-09"]), (date(2999, 1, 1), [])):
        found = looked(site, replace(KNOWN, first_nights={"331": first}))
        assert told(found) == [("DATE_TOO_OLD", "331/police/2026-11-09")]
        assert [each.place for each in found.astray] == heard


def test_every_code_of_the_landing_place_is_tested_here():
    elsewhere = {
        "AUTHORITY_NOT_HOSTED",
        "MANIFEST_VANISHED",
        "FILES_CHANGED",
        "ASTRAY_FLOOD",
        "ASTRAY_UNHEARD",
        "FLOOD_WAITS",
    }
    assert {code for code, _, _ in AMISS.values()} | elsewhere == set(landing_codes())


def test_a_finding_says_whose_it_is_and_what_may_be_meant(site):
    site.deliver("helth", {"h.csv": CONTENT})
    site.deliver("Social Care", {"h.csv": CONTENT})
    site.deliver("police", {"p.csv": CONTENT}, night=date(2027, 11, 20))
    future, spaced, mistyped = looked(site).findings
    assert (future.authority, future.agency, future.business_date) == ("330", "police", date(2027, 11, 20))
    assert (mistyped.authority, mistyped.agency, mistyped.business_date) == ("330", None, None)
    assert mistyped.message.endswith("; it may mean health.")
    assert spaced.message.endswith("; it is nearly social_care.")
    assert "education, health, police, social_care" in mistyped.remedy
    assert json.loads(json.dumps([each.as_json() for each in (future, mistyped)]))[0]["business_date"] == "2027-11-20"


@pytest.mark.parametrize(
    "name", ["Zoë Müller 04-05-2015", "O'Brien, Mary", "x" * 41, "a\nb", b"\xff\xfe".decode("utf-8", "surrogateescape")]
)
def test_a_name_that_does_not_look_technical_is_shown_by_its_shape(site, name):
    (site.landing / "330" / name).mkdir(parents=True)
    [finding] = looked(site).findings
    assert name not in str(finding)
    assert not any(part in str(finding) for part in ("Zoë", "Müller", "2015", "Brien", "Mary"))
    json.dumps(finding.as_json()).encode()


def test_thousands_of_a_kind_are_told_as_a_number(site):
    for number in range(1500):
        (site.landing / f"folder-{number:04}").mkdir()
        (site.landing / "330" / f"folder-{number:04}").mkdir(parents=True)
    findings = looked(site).findings
    assert len(findings) == 2 * (LISTED + 1)
    assert sum(each.places for each in findings) == 3000
    assert {each.places for each in findings} == {1, 1480}


def test_hidden_names_and_the_disks_own_are_passed_over(site):
    for name in (".ssh", "lost+found", "330/.snapshot", "330/health/.trash"):
        (site.landing / name).mkdir(parents=True)
    for name in (".DS_Store", "330/.DS_Store", "330/health/.DS_Store"):
        (site.landing / name).write_bytes(b"x")
    assert told(looked(site)) == []


def test_with_some_authorities_asked_for_only_theirs_and_what_is_nobodys_is_named(site):
    for name in ("331/helth", "330/helth", "999"):
        (site.landing / name).mkdir(parents=True)
    _link(site.landing / "302", site.landing / "330")
    assert told(looked(site, authorities=["330"])) == [
        ("UNKNOWN_AGENCY_FOLDER", "330/helth"),
        ("UNKNOWN_AUTHORITY_FOLDER", "999"),
    ]


def test_a_future_date_is_new_once_tomorrow_is_that_day_and_an_old_one_once_it_is_wanted(site, settled):
    site.deliver("police", {"p.csv": CONTENT}, authority="331", night=date(2026, 11, 22))
    site.deliver("police", {"p.csv": CONTENT}, authority="331", night=date(2026, 11, 9))
    assert looked(site).new == ()
    later = replace(KNOWN, today=date(2026, 11, 21), first_nights={})
    assert [each.business_date.day for each in looked(site, later).new] == [9, 22]
    since = replace(KNOWN, first_nights={"331": date(2026, 11, 9)})
    assert [each.business_date.day for each in looked(site, since).new] == [9]


def test_a_decided_delivery_is_not_too_old_when_the_first_night_has_moved(site, settled):
    site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    moved = replace(KNOWN, first_nights={"330": date(2026, 12, 1)})
    assert told(looked(site, moved)) == []
    with site.engine.begin() as connection:
        connection.execute(delete(landing_seen))  # as after the landing place was moved: only the register knows it
    assert told(looked(site, moved)) == []
    site.deliver("health", {"health.csv": CONTENT}, sequence=9)
    assert told(looked(site, moved)) == [("DATE_TOO_OLD", "330/health/2026-11-20")]


def test_an_empty_folder_of_an_odd_date_is_nothing(site):
    for day in ("2020-01-01", "2030-01-01"):
        (site.landing / "331" / "health" / day).mkdir(parents=True)
    look = looked(site)
    assert (told(look), len(look.incomplete)) == ([], 2)


# ---- manifests that are gone --------------------------------------------------------------------------------------


def test_a_manifest_that_is_gone_while_files_lie_there_is_named_until_it_is_back(site, settled):
    folder = site.deliver("health", {"health.csv": CONTENT})
    take_in(site)
    (folder / "manifest.json").unlink()
    for _ in range(2):
        assert told(looked(site)) == [("MANIFEST_VANISHED", "330/health/2026-11-20")]
    site.deliver("health", {"health.csv": CONTENT})
    assert (told(looked(site)), looked(site).new) == ([], ())


def test_a_landing_place_emptied_after_all_is_decided_is_nothing_and_is_forgotten(site, settled):
    for agency in ("health", "police", "education"):
        site.deliver(agency, {f"{agency}.csv": CONTENT})
    take_in(site)
    shutil.rmtree(site.landing / "330" / "health")
    shutil.rmtree(site.landing / "330" / "police" / "2026-11-20")
    (site.landing / "330/education/2026-11-20/manifest.json").unlink()
    (site.landing / "330/education/2026-11-20/education.csv").unlink()  # our answers still lie there
    assert rows(site) == 3
    assert told(looked(site)) == []
    assert rows(site) == 0


def test_a_delivery_that_went_away_before_it_was_decided_is_named_until_it_comes_or_is_waived(site, settled):
    folders = [site.deliver("health", {"health.csv": CONTENT}, sequence=7)]
    folders.append(site.deliver("police", {"police.csv": CONTENT}, sequence=8))
    looked(site)
    for folder in folders:
        shutil.rmtree(folder)
    both = [("MANIFEST_VANISHED", "330/health/2026-11-20"), ("MANIFEST_VANISHED", "330/police/2026-11-20")]
    assert (told(looked(site)), told(looked(site))) == (both, both)
    site.deliver("health", {"health.csv": CONTENT}, sequence=7, night=date(2026, 11, 19))  # where it belongs
    take_in(site)
    site.register.waive("330", "police", 8, actor="A. Clerk", reason="sent by mistake", at=datetime.now(UTC))
    assert told(looked(site)) == []
    assert rows(site) == 1


def test_a_folder_that_cannot_be_looked_into_is_named_and_nothing_in_it_counts_as_gone(settled, health):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not look")
    with tempfile.TemporaryDirectory() as place:
        site = _site_of_nobody(Path(place), health)
        site.deliver("health", {"health.csv": CONTENT})
        site.deliver("health", {"health.csv": CONTENT}, authority="331")
        assert file_codes() and looked(site)  # read and imported while everything may be
        closed = [site.landing / "330", site.landing / "331/health/2026-11-20"]
        for folder in closed:
            folder.chmod(0)
        os.seteuid(65534)
        try:
            assert told(looked(site)) == [
                ("FOLDER_UNREADABLE", "330"),
                ("FOLDER_UNREADABLE", "331/health/2026-11-20"),
            ]
        finally:
            os.seteuid(0)
        for folder in closed:
            folder.chmod(0o755)
        (site.landing / "330/health/2026-11-20/manifest.json").chmod(0)
        (site.landing / "331/health/2026-11-20/health.csv").chmod(0)
        os.seteuid(65534)
        try:
            look = looked(site)
            assert told(look) == [("MANIFEST_UNREADABLE", "330/health/2026-11-20/manifest.json")]
            [found] = look.new
            assert [each.code for each in site.take(found).ruling.findings] == ["FILE_CLOSED"]
        finally:
            os.seteuid(0)
        site.landing.chmod(0)
        os.seteuid(65534)
        try:
            with pytest.raises(IsindexError) as fault:
                looked(site)
            assert fault.value.code == "LANDING_UNREADABLE"
        finally:
            os.seteuid(0)


def _site_of_nobody(place, contract):
    from tests.deliveries.conftest import Site

    place.chmod(0o777)
    site = Site(place, {contract.id: contract})
    (place / "index.db").chmod(0o666)
    return site


# ---- links are not followed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "linked", ["330", "330/health", "330/health/2026-11-20", "330/health/2026-11-20/manifest.json"]
)
def test_nothing_outside_the_landing_place_is_read_or_written(site, settled, linked):
    site.deliver("health", {"health.csv": CONTENT})
    outside = site.root / "outside"
    (site.landing / linked).rename(outside)
    (site.landing / linked).symlink_to(outside)
    before = sorted(str(path) for path in outside.rglob("*"))
    assert told(looked(site)) == [("LINK_REFUSED", linked)]
    assert looked(site).new == ()
    assert lying(str(site.landing)) == []
    assert lying(str(site.landing), authority="330", agency="health", business_date=NIGHT) == []
    assert sorted(str(path) for path in outside.rglob("*")) == before


def test_a_folder_changed_for_a_link_after_it_was_found_is_neither_read_nor_answered(site, settled):
    folder = site.deliver("health", {"health.csv": CONTENT})
    [found] = looked(site).new
    folder.rename(site.root / "outside")
    folder.symlink_to(site.root / "outside")
    [entry] = site.load(found)
    assert [each["code"] for each in entry.codes] == ["PATH_OUTSIDE"]
    assert sorted(path.name for path in (site.root / "outside").iterdir()) == ["health.csv", "manifest.json"]


def test_a_folder_changed_for_a_link_while_it_is_listed_is_not_looked_into(site):
    folder = site.deliver("health", {"health.csv": CONTENT}).parent

    def enter(parts):
        if parts == ("330", "health"):
            folder.rename(site.root / "outside")
            folder.symlink_to(site.root / "outside")
        return True

    assert listing_module.listed(UPath(site.landing), enter)["330"].inside["health"].inside == {}


def test_the_landing_place_itself_may_be_a_link(site):
    site.deliver("health", {"health.csv": CONTENT})
    (site.root / "door").symlink_to(site.landing)
    look_through = look(str(site.root / "door"), site.engine, known=KNOWN)
    assert (len(look_through.new), told(look_through)) == (1, [])


# ---- other addresses and databases --------------------------------------------------------------------------------


@pytest.fixture
def memory(site):
    """Puts the site's landing place into memory, and gives its address."""
    system = fsspec.filesystem("memory")
    system.rm("/landing", recursive=True) if system.exists("/landing") else None

    def upload():
        for path in site.landing.rglob("*"):
            place = f"/landing/{path.relative_to(site.landing)}"
            if path.is_dir():
                system.makedirs(place, exist_ok=True)
            elif not system.exists(place) or system.cat_file(place) != path.read_bytes():
                system.pipe_file(place, path.read_bytes())
        return "memory://landing"

    yield upload
    system.rm("/landing", recursive=True)


def test_elsewhere_the_same_is_new_and_the_same_is_amiss(site, settled, memory, manifests):
    site.deliver("health", {"health.csv": CONTENT})
    for name in ("999", "330/helth", "330/health/tomorrow"):
        (site.landing / name).mkdir(parents=True)
    (site.landing / "notes.txt").write_bytes(b"x")
    site.deliver("police", {"p.csv": CONTENT}, night=date(2027, 1, 1))
    site.deliver("police", {"p.csv": CONTENT}, authority="331", night=date(2026, 1, 1))
    address = memory()
    first = look(address, site.engine, known=KNOWN)
    assert told(first) == told(looked(site))
    assert len(first.findings) == 6
    [found] = first.new
    [entry] = site.load(found)
    note_decided(site.engine, found)
    assert json.loads(fsspec.filesystem("memory").cat_file(f"/landing/{found.place}/ack.json"))["state"] == entry.state
    reads = len(manifests)
    again = look(address, site.engine, known=KNOWN)
    assert (again.new, again.decided, len(manifests)) == ((), {found.place}, reads)
    site.deliver("health", {"health.csv": CONTENT}, sequence=2)
    assert [each.manifest.sequence for each in look(memory(), site.engine, known=KNOWN).new] == [2]
    fsspec.filesystem("memory").rm(f"/landing/{found.place}/manifest.json")
    assert ("MANIFEST_VANISHED", found.place) in told(look(address, site.engine, known=KNOWN))


def test_elsewhere_one_delivery_is_found_without_listing_all(site, memory, monkeypatch):
    for agency in ("health", "police"):
        site.deliver(agency, {f"{agency}.csv": CONTENT})
    address = memory()
    asked = []
    system = type(fsspec.filesystem("memory"))
    real = system.ls
    monkeypatch.setattr(system, "ls", lambda self, path, **options: asked.append(path) or real(self, path, **options))
    monkeypatch.setattr(system, "find", lambda *_, **__: pytest.fail("everything was listed"))
    [found] = lying(address, authority="330", agency="health", business_date=NIGHT)
    assert found.place == "330/health/2026-11-20"
    assert not [path for path in asked if "police" in path]


@pytest.mark.filterwarnings("ignore:.*elsewhere:UserWarning")  # said once a process, of a file system it does not know
def test_elsewhere_links_are_named_as_on_a_disk(site):
    from tests.deliveries.test_inside import Elsewhere  # noqa: F401 (registers the file system)

    site.deliver("health", {"health.csv": CONTENT})
    _link(site.landing / "330/police", site.landing / "330/health")
    _link(site.landing / "330/health/2026-11-19", site.landing / "330/health/2026-11-20")
    _link(site.landing / "330/health/2026-11-20/more.csv", site.root / "index.db")
    far = look(f"elsewhere://{site.landing}", site.engine, known=KNOWN)
    near = looked(site)
    assert told(far) == told(near)
    assert [each.place for each in far.new] == [each.place for each in near.new]


@pytest.mark.filterwarnings("ignore:UPath:UserWarning")
@pytest.mark.parametrize("address", ["nowhere", "file", "memory://nowhere", "nosuchprotocol://landing", ""])
def test_a_landing_place_that_is_missing_has_its_code(site, tmp_path, address):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(IsindexError) as fault:
        look(str(tmp_path / address) if address.isalpha() else address, site.engine, known=KNOWN)
    assert fault.value.code == "LANDING_MISSING"


@pytest.mark.filterwarnings("ignore:UPath:UserWarning")
def test_what_an_address_holds_besides_the_place_is_not_told(site):
    with pytest.raises(IsindexError) as fault:
        look("nosuchprotocol://somebody:a-password@landing", site.engine, known=KNOWN)
    assert fault.value.where == "nosuchprotocol://landing"


@pytest.mark.postgres
def test_on_postgresql_the_same_is_noted(site, settled, postgres_url, manifests):
    site.engine = open_database(postgres_url)
    site.register = type(site.register)(site.engine)
    site.deliver("health", {"health.csv": CONTENT})
    site.deliver("police", {"police.csv": CONTENT}, sequence=3)
    assert len(looked(site).new) == 2
    shutil.rmtree(site.landing / "330" / "police")
    assert told(looked(site)) == [("MANIFEST_VANISHED", "330/police/2026-11-20")]
    assert len(take_in(site)) == 1
    reads = len(manifests)
    assert looked(site).new == ()
    assert (len(manifests), rows(site)) == (reads, 2)
    site.engine.dispose()


# ---- all of it ----------------------------------------------------------------------------------------------------

AUTHORITY = st.sampled_from(["330", "331", "999", "33O"])
AGENCY = st.sampled_from(["health", "police", "helth", "Health", "health "])
DAY = st.sampled_from(["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-09", "2026-13-01", "today"])
HELD = st.sampled_from(
    ["empty", "files", "complete", "linked file", "linked", "answers", "manifest folder", "misnamed"]
)
FOLDERS = st.dictionaries(st.tuples(AUTHORITY, AGENCY, DAY), HELD, max_size=12)


@pytest.mark.in_full
@settings(max_examples=40, deadline=None)
@given(folders=FOLDERS, decided=st.sets(st.integers(0, 11)), emptied=st.sets(st.integers(0, 11)))
@example(folders={("330", "health", "2026-11-20"): "complete"}, decided=set(), emptied={0})
def test_every_folder_is_new_decided_incomplete_or_named(folders, decided, emptied):
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey_module, "_SETTLED", -3600.0)
        from tests.deliveries.conftest import Site

        site = Site(Path(place), {})
        for number, (parts, held) in enumerate(folders.items()):
            _make(site.landing.joinpath(*parts), held, number, Path(place))
        first = looked(site)
        for number, found in enumerate(first.new):
            if number in decided:
                site.load(found)
                note_decided(site.engine, found)
        for number, found in enumerate(first.new):
            if number in emptied and not (site.landing / found.place / "data.csv").is_symlink():
                shutil.rmtree(site.landing / found.place)
        second = looked(site)
        _covers(site, second)
        waiting = {each.place for number, each in enumerate(first.new) if number not in decided}
        lost = {place for place in waiting if not (site.landing / place).exists()}
        assert {each.place for each in second.new} == waiting - lost
        assert set(told(second)) == set(told(first)) | {("MANIFEST_VANISHED", place) for place in lost}
        assert told(looked(site)) == told(second)
        site.engine.dispose()


def _make(folder, held, number, outside):
    if held == "linked":
        _link(folder, outside)
        return
    folder.mkdir(parents=True)
    authority, agency, day = folder.parts[-3:]
    file = {
        "name": "data.csv",
        "bytes": len(CONTENT),
        "rows": max(CONTENT.count(b"\n") - 1, 0),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    manifest = {
        "contract": f"{agency}/1", "authority": authority, "agency": agency, "business_date": day, "sequence": number + 1,
        "mode": "full", "created_at": "2026-11-20T22:14:03Z", "supplier": "", "files": [file],
    }  # fmt: skip
    if held in ("files", "complete", "misnamed", "manifest folder"):
        (folder / "data.csv").write_bytes(CONTENT)
    if held in ("complete", "linked file"):
        (folder / "manifest.json").write_text(json.dumps(manifest))
    if held == "misnamed":
        (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    if held == "manifest folder":
        (folder / "manifest.json").mkdir()
    if held == "linked file":
        (folder / "data.csv").symlink_to(outside / "index.db")
    if held == "answers":
        (folder / "ack.json").write_bytes(b"{}")


def _covers(site, look):
    """Each folder on the first three levels is accounted for, by itself or by the unknown folder it lies in."""
    named = {each.place for each in look.findings}
    told = named | look.decided | look.incomplete | {each.place for each in look.new}
    for folder in sorted(site.landing.glob("*/*/*")):
        parts = folder.relative_to(site.landing).parts
        above = {shown(parts[:depth]) for depth in (1, 2, 3)}
        assert above & told or any(each.startswith(shown(parts) + "/") for each in named), parts
