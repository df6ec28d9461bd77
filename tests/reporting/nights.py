"""Hand-made nights for the report tests: two authorities, three nights, every kind of thing a report must show."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, create_engine, insert

from pipelines.contracts.contract import Column, Contract, FileFormat, Rule, ServiceLevel
from pipelines.database.engine import metadata
from pipelines.database.schema import accreditation, attempt, delivery, feed_night, night
from pipelines.reporting import Directory, MatchTables, review_of
from pipelines.validation.checklist import checklist_of
from pipelines.validation.rejects import FAULTS

NIGHT = date(2026, 11, 20)
NHS = Rule(
    "HEALTH-NHS-001",
    "nhs_number",
    "query",
    "conformance",
    "nhs_number",
    "The NHS number fails its check digit.",
    "Correct the NHS number or leave it empty.",
)
BORN = Rule(
    "HEALTH-BIRTH-001",
    "required",
    "reject",
    "completeness",
    "birth_date",
    "The date of birth is missing.",
    "Send the date of birth.",
)
UPN = Rule(
    "EDUCATION-UPN-002", "upn", "query", "conformance", "UPN", "The UPN's check letter is wrong.", "Correct the UPN."
)
PLACE = Rule("POLICE-UNIT-001", "max_length", "query", "conformance", "unit", "The unit is too long.", "Shorten it.")


def _contract(agency: str, title: str, columns: tuple[Column, ...]) -> Contract:
    return Contract(
        f"{agency}/1",
        agency,
        "1.0.0",
        title,
        "owner",
        FileFormat(f"{agency}.csv", "csv"),
        columns,
        (),
        "withdrawn",
        "record",
        (),
        ServiceLevel(),
    )


def directory() -> Directory:
    contracts = (
        _contract(
            "health",
            "Health",
            (
                Column("local_patient_id", "text", "", privacy="identifier", key=True),
                Column("nhs_number", "text", "", concept="nhs_number", privacy="identifier", rules=(NHS,)),
                Column("birth_date", "date", "", rules=(BORN,)),
            ),
        ),
        _contract(
            "education",
            "Education",
            (
                Column("UPN", "text", "", concept="upn", privacy="identifier", key=True, rules=(UPN,)),
                Column("URN", "text", "", concept="school", privacy="operational", key=True),
            ),
        ),
        _contract(
            "police",
            "Police",
            (
                Column("contact_ref", "text", "", key=True),
                Column("unit", "text", "", privacy="sensitive", rules=(PLACE,)),
            ),
        ),
        _contract("social_care", "Social care", (Column("la_child_id", "text", "", key=True),)),
    )
    titles = {contract.agency: contract.title for contract in contracts}
    return Directory(titles, {"330": "Birmingham", "202": "Camden"}, contracts)


def rejects(rows: list[tuple[str, int, str, Rule, str]]) -> pa.Table:
    """Judged.rejects of a delivery from (reject_id, position, key, rule, masked)."""
    return pa.table(
        {
            "reject_id": [row[0] for row in rows],
            "sequence": pa.array([100 for _ in rows], pa.int64()),
            "position": pa.array([row[1] for row in rows], pa.int64()),
            "line": pa.array([row[1] + 1 for row in rows], pa.int64()),
            "key": pa.array([row[2] for row in rows], pa.string()),
            "outcome": ["rejected" if row[3].severity == "reject" else "queried" for row in rows],
            "rule": [row[3].code for row in rows],
            "severity": [row[3].severity for row in rows],
            "dimension": [row[3].dimension for row in rows],
            "field": [row[3].field for row in rows],
            "masked": pa.array([row[4] or None for row in rows], pa.string()),
            "message": [row[3].message for row in rows],
            "remedy": [row[3].remedy for row in rows],
            "contract": ["x/1" for _ in rows],
        }
    )


def tonight() -> dict[str, pa.Table]:
    health = [
        ("h1", 7, "P-0007", BORN, ""),
        ("h2", 7, "P-0007", NHS, "999 999 9999"),
        ("h3", 12, "=cmd|'/c'!A1", NHS, "9999999999"),
        ("h4", 3, "<script>alert(1)</script>", NHS, "AAAA"),
    ]
    health += [(f"hx{n}", 100 + n, f"P-{n:05}", NHS, "9999999999") for n in range(40)]
    return {
        "health": rejects(health),
        "education": rejects([("e1", 5, "H801200001001/100321", UPN, "A999999999999")]),
        "police": rejects([("p1", 2, "REF/77", PLACE, "AAAA AAAAAA AAAAAA")]),
    }


def large(rows: int) -> dict[str, pa.Table]:
    return {
        "health": rejects(
            [(f"r{n}", n + 1, f"P-{n:06}", BORN if n % 9 == 0 else NHS, "9999999999") for n in range(rows)]
        )
    }


DOUBT = "Another identity fits about as well (family name nearly agrees, sex agrees; address differs)."


def matching(pairs: int = 12) -> MatchTables:
    agencies = ("health", "education", "police", "social_care")
    keys = [f"{agencies[n % 4]}:k{n}" for n in range(400)]
    steps = ["nhs_number", "upn", "exact", "probabilistic", "new"]
    possible = pa.table(
        {
            "record_key_a": [f"health:SECRET{n}" for n in range(pairs)],
            "record_key_b": [f"police:HIDDEN{n}" for n in range(pairs)],
            "weight": [4.5 + n for n in range(pairs)],
            "reason": [
                f"Same birth date and surname, other given name. {DOUBT}" if n % 3 else "Twins: other given name."
                for n in range(pairs)
            ],
            "kind": ["review" if n % 3 else "refused" for n in range(pairs)],
            "priority": pa.array([1 + n % 3 for n in range(pairs)], pa.int8()),
            "fields": ["start −17, birth date +12, family name +9, given name −3"] * pairs,
            "rival_a": [f"social_care:CONCEALED{n}" if n % 2 else None for n in range(pairs)],
            "rival_weight_a": [11.2 if n % 2 else None for n in range(pairs)],
            "rival_joined_a": [True if n % 2 else None for n in range(pairs)],
            "rival_b": pa.nulls(pairs, pa.string()),
            "rival_weight_b": pa.nulls(pairs, pa.float64()),
            "rival_joined_b": pa.nulls(pairs, pa.bool_()),
        }
    )
    before = review_of(possible.slice(0, 2), NIGHT - timedelta(days=3))
    return MatchTables(
        identities=pa.table(
            {
                "record_key": keys,
                "index_id": [f"ID{n // 2}" for n in range(400)],
                "step": [steps[n % 5] for n in range(400)],
            }
        ),
        review=review_of(possible, NIGHT, previous=before),
        events=pa.table(
            {
                "kind": ["merged", "split", "minted"],
                "index_id": ["AAAA1", "BBBB2", "CCCC3"],
                "other_id": ["DDDD4", "EEEE5", None],
                "evidence": ['{"reason": "A new NHS number was verified."}', "{}", "{}"],
            }
        ),
        stats={"candidate_pairs": 12345.0, "scored_pairs": 678.0},
    )


def accredited(engine: Engine, agency: str) -> None:
    """Let a feed of 330 be accredited by what its last three nights came to."""
    found = checklist_of(engine, "330", agency)
    act = {
        "authority": "330", "agency": agency, "act": "grant", "standing": "accredited", "actor": "A. First", "reason": "agreement 7",
        "checklist": found.as_json(), "despite": list(found.unmet), "decided_at": "2026-11-21T09:00:00+00:00",
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(accreditation).values(act))


def database(url: str = "sqlite://") -> Engine:
    """Three nights of 330, one of 202; with stale, late, refused and missing feeds."""
    engine = empty_database(url)
    deliveries, feeds = [], []

    def came(
        authority, agency, back, state="loaded", codes=(), rejected=0, queried=0, rules=None, sequence=None, used=True
    ):
        on = NIGHT - timedelta(days=back)
        sequence = sequence or 100 - back
        name = f"{authority}/{agency}/{on}/{sequence}-abc"
        read = 1000
        counts = (
            {
                "rows_in_manifest": read,
                "rows_read": read,
                "accepted": read - rejected - queried,
                "queried": queried,
                "rejected": rejected,
                "repeats": 0,
                "lost": 0,
            }
            if state in ("loaded", "partly_loaded")
            else {}
        )
        deliveries.append(
            {
                "delivery_id": name,
                "authority": authority,
                "agency": agency,
                "business_date": on,
                "sequence": sequence,
                "mode": "full",
                "received_at": f"{on}T23:10:00Z",
                "manifest_sha256": "0" * 64,
                "state": state,
                "late": False,
                "codes": list(codes),
                "counts": counts,
                "rules": rules or {},
            }
        )
        if used:
            feeds.append(
                {
                    "authority": authority,
                    "business_date": on,
                    "agency": agency,
                    "state": state,
                    "delivery_id": name,
                    "as_of": on,
                    "live_records": read - rejected,
                    "measures": {
                        "rows": read,
                        "missing_rate/nhs_number": 0.02 + back / 100,
                        "missing_rate/birth_date": 0.0,
                    },
                }
            )

    columns = {
        "code": "COLUMNS_REFUSED",
        "file": "education.xml",
        "message": "2 columns are not in the contract: Ethnicity, SENstatus.",
        "remedy": "Leave them out of the extract.",
        "severity": "warn",
    }
    checksum = {
        "code": "CHECKSUM_MISMATCH",
        "file": "police.csv",
        "message": "The file is not the one in the manifest.",
        "remedy": "Send the delivery again.",
        "severity": "refuse",
    }
    for back in (2, 1, 0):
        came("330", "health", back, rejected=1 + 2 * back, queried=42, rules={NHS.code: 43, BORN.code: 1 + 2 * back})
        came("330", "education", back, "partly_loaded", [columns], queried=1, rules={UPN.code: 1})
        came("330", "social_care", back, codes=[{"code": "ALL_LOADED", "file": "", "message": "Loaded.", "remedy": ""}])
    came("330", "police", 1)
    came("330", "police", 0, "refused", [checksum], sequence=101, used=False)
    feeds.append(
        {
            "authority": "330",
            "business_date": NIGHT,
            "agency": "police",
            "state": "refused",
            "delivery_id": None,
            "as_of": NIGHT - timedelta(days=1),
            "live_records": 1000,
            "measures": {},
        }
    )
    came("202", "health", 0)
    feeds.append(
        {
            "authority": "202",
            "business_date": NIGHT,
            "agency": "education",
            "state": "late",
            "delivery_id": None,
            "as_of": NIGHT - timedelta(days=3),
            "live_records": 55,
            "measures": {},
        }
    )
    figures = {"children": 61234, "review_open": 8, "changes": {"added": 12, "changed": 40, "merged": 1}}
    with engine.begin() as connection:
        connection.execute(insert(delivery), deliveries)
        connection.execute(insert(feed_night), feeds)
        connection.execute(
            insert(night),
            [
                {
                    "authority": "330",
                    "business_date": NIGHT,
                    "state": "published",
                    "version": "v=1",
                    "figures": {"children": figures["children"]},
                    "finished_at": "x",
                },
            ],
        )
    tried(engine, "330", "published", version="v=1", figures=figures)
    tried(engine, "202", "held", reasons=["Gate volume: The index would lose 31 % of its children."], gates=[VOLUME])
    return engine


def empty_database(url: str = "sqlite://") -> Engine:
    """A database in which nothing has come yet."""
    engine = create_engine(url)
    metadata.create_all(engine)
    return engine


VOLUME = {
    "name": "volume",
    "description": "The index would lose 31 % of its children.",
    "passed": False,
    "overridden": False,
}


def tried(engine: Engine, authority: str, state: str, **told: Any) -> None:
    """One more attempt at the night of an authority, and what became of it."""
    row = {
        "authority": authority,
        "business_date": NIGHT,
        "digest": "0" * 64,
        "data_digest": "0" * 64,
        "state": state,
        "stage": "",
        "code": "",
        "version": None,
        "why": [],
        "reasons": [],
        "gates": [],
        "figures": {},
        "started_by": "a test",
        "started_at": "x",
        "finished_at": "x",
    }
    with engine.begin() as connection:
        connection.execute(insert(attempt).values(row | told))


def standing() -> pa.Table:
    """The faults of 330 as they stand after the night; one of the night before was not found again."""
    rows = [("h3", 9, 0), ("h1", 2, 0), ("gone", 5, 1)]
    return pa.Table.from_pylist(
        [
            {
                "agency": "health",
                "reject_id": key,
                "rule": NHS.code,
                "outcome": "queried",
                "field": "nhs_number",
                "first_night": NIGHT - timedelta(days=since),
                "last_night": NIGHT - timedelta(days=seen),
                "state": "open",
                "closed_night": None,
            }
            for key, since, seen in rows
        ],
        FAULTS.schema,
    )
