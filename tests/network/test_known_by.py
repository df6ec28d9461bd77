"""What hides across authorities by what is known of a child: what stays noted from night to night, what is carried on, and the gate that proves it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.network.gates import judge
from pipelines.network.known_by import bearers_of, hidden_after, hiding_tokens, tokens_of
from pipelines.network.reasons import noted_after, noted_before
from pipelines.protection.register import ELSEWHERE
from pipelines.seams.network import CHILDREN, HIDDEN_TOKENS, HIDING_TOKENS, KNOWN_BY, MESSAGES, REASONS
from pipelines.seams.seam import Seam
from pipelines.tables import connect, write_table
from tests.network.nation import Nation

DAY = date(2026, 11, 18)


def of(seam: Seam, *rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=seam.schema)


def child(row_key: str, **told: object) -> dict[str, object]:
    authority, _, index_id = row_key.partition(":")
    return {"row_key": row_key, "authority": authority, "index_id": index_id, "protected": False, "asks": False, **told}


def reasons(*rows: tuple[str, str]) -> pa.Table:
    return of(REASONS, *({"row_key": row_key, "reason": reason} for row_key, reason in rows))


def messages(*row_keys: str) -> pa.Table:
    return of(MESSAGES, *({"authority": each[:3], "index_id": each[4:], "since": DAY} for each in row_keys))


def found_by_the_gate(**given: pa.Table) -> int:
    """How many the gate finds who were not told of, of a child that is protected in 330 and one of 331 that is open."""
    ids = pa.table({"record_key": ["330:A", "331:B"], "index_id": ["ZZ1", "ZZ2"]})
    none = MESSAGES.empty_table()
    tables: dict[str, pa.Table] = {
        "children": of(CHILDREN, child("330:A", protected=True, asks=True, marked=True), child("331:B")), "identities": ids,
        "told": none, "told_before": none, "telling": none, "noted": reasons(), "hidden_tokens": HIDDEN_TOKENS.empty_table(),
        "bearers": KNOWN_BY.empty_table(), "own": KNOWN_BY.empty_table(),
    } | given  # fmt: skip
    others = {
        "firewalls": ["row_key_a", "row_key_b"], "who_left": ["row_key"], "pointers": ["national_id", "authority", "index_id", "from_night", "to_night"],
        "custody": ["national_id", "custodian"], "custody_before": ["national_id", "custodian"], "moves_before": ["move", "national_id", "to_authority"],
        "redirects": ["index_id", "redirects_to"], "accepted": ["move"], "reorganised": ["predecessor", "successor"],
    }  # fmt: skip
    empty = {name: pa.table({each: pa.array([], pa.string()) for each in columns}) for name, columns in others.items()}
    empty["pointers"] = empty["pointers"].set_column(4, "to_night", pa.array([], pa.date32()))
    empty["before"] = empty["pointers"]
    return next(each.found for each in judge(empty | tables) if each.name == "protection_told")


def test_the_gate_finds_who_bears_what_another_authority_knows_and_was_not_told_of() -> None:
    knows = of(HIDDEN_TOKENS, {"authority": "330", "token": "t"})
    bears = of(KNOWN_BY, {"row_key": "331:B", "kind": "number", "token": "t"})
    told = messages("331:B")
    assert found_by_the_gate() == 0
    assert found_by_the_gate(hidden_tokens=knows, bearers=bears) == 1
    assert found_by_the_gate(hidden_tokens=knows, bearers=bears, told=told, telling=told) == 0
    its_own = of(HIDDEN_TOKENS, {"authority": "331", "token": "t"})
    assert found_by_the_gate(hidden_tokens=its_own, bearers=bears) == 0


@pytest.mark.parametrize("known", [("hides 330:A", "asks 330:A", "is 330:A", "has k"), ("hides 330:A", "is 330:A", "has k"),
                                   ("asks 330:A", "is 330:A", "has k"), ("hides 330:A", "asks 330:A", "has k"),
                                   ("hides 330:A", "asks 330:A", "is 330:A")])  # fmt: skip
def test_the_gate_finds_who_was_told_of_before_there_was_a_reason(known: tuple[str, ...]) -> None:
    one = pa.table({"record_key": ["330:A", "331:B"], "index_id": ["ZZ1", "ZZ1"]})
    given = {
        "identities": one,
        "own": of(KNOWN_BY, {"row_key": "331:B", "kind": "key", "token": "k"}),
        "told": messages("331:B"),
        "noted": reasons(*(("331:B", each) for each in known)),
    }
    assert found_by_the_gate(**given) == (0 if len(known) == 4 else 1)
    assert found_by_the_gate(**given, telling=messages("331:B")) == 0


def test_a_reason_is_noted_when_it_is_told_or_known_and_until_its_ground_ends() -> None:
    before = reasons(("331:B", "hides 330:A"), ("331:B", "hides 330:Z"), ("331:B", "has k"))
    tonight = reasons(*((f"331:{each}", "hides 330:C") for each in "BCDE"))
    told = messages("331:B", "331:C", "331:D").append_column("anew", pa.array([False, True, False]))
    grounds = pa.table({"reason": ["hides 330:A", "hides 330:C"]})
    people = of(CHILDREN, child("331:B"), child("331:C"), child("331:D", protected=True), child("331:E"))
    after = noted_after(before, tonight, grounds, told, people)
    assert [tuple(row.values()) for row in after.to_pylist()] == [
        ("331:B", "has k"), ("331:B", "hides 330:A"), ("331:C", "hides 330:C"), ("331:D", "hides 330:C"),
    ]  # fmt: skip
    undecided = noted_after(before, tonight, grounds, told, people, {"331"})
    assert "331:D" not in undecided["row_key"].to_pylist()  # people may have opened it before


def test_of_whom_was_told_before_reasons_were_kept_all_are_noted(tmp_path: Path) -> None:
    network = Nation(tmp_path).network
    tonight = reasons(("331:B", "hides 330:A"), ("331:C", "hides 330:A"))
    assert noted_before(network, tonight, messages("331:B")).to_pylist() == tonight.slice(0, 1).to_pylist()
    write_table(reasons(), network.root / "nights" / "2026-11-18" / "x" / "reasons.parquet")
    assert noted_before(network, tonight, messages("331:B")).num_rows == 0


def test_what_an_authority_knew_is_carried_on_as_long_as_it_gives_nothing_new(tmp_path: Path) -> None:
    folders = {each: tmp_path / each for each in ("330", "331")}
    write_table(of(HIDING_TOKENS, {"token": "new"}), folders["330"] / "hiding_tokens.parquet")
    write_table(of(KNOWN_BY, *({"row_key": "330:A", "kind": kind, "token": token} for kind, token in (("key", "old"), ("number", "new"), ("person", "other")))),
                folders["330"] / "tokens.parquet")  # fmt: skip
    base = tmp_path / "base"
    rows = [{"authority": each, "token": "old"} for each in ("330", "331", "332")]
    write_table(of(HIDDEN_TOKENS, *rows), base / "hidden_tokens.parquet")
    hidden = hidden_after(folders, base)
    assert [tuple(row.values()) for row in hidden.to_pylist()] == [("330", "new"), ("331", "old"), ("332", "old")]
    assert bearers_of(folders, hidden)["token"].to_pylist() == ["new"]  # a key means nothing elsewhere
    assert tokens_of(folders, pa.table({"row_key": ["330:A"]})).num_rows == 3
    assert tokens_of(folders, pa.table({"row_key": ["331:A"]})).num_rows == 0
    assert hidden_after(folders, None)["token"].to_pylist() == ["new"]


def given(**told: list[tuple[object, ...]]) -> set[str]:
    """Which tokens an authority gives, by their names here; each record's key token is `key of <record>`."""
    columns = {
        "tokens": "record_key VARCHAR, kind VARCHAR, token VARCHAR", "identities": "record_key VARCHAR, index_id VARCHAR",
        "protected": "index_id VARCHAR", "asking": "index_id VARCHAR", "entries": "tokens VARCHAR[], asked VARCHAR, lifted_by BIGINT",
        "latched": "token VARCHAR, holder VARCHAR, shielded BOOLEAN, since DATE, own BOOLEAN, kind VARCHAR", "decisions": "kind VARCHAR, record_a VARCHAR",
    }  # fmt: skip
    with connect() as duck:
        duck.execute("SET VARIABLE elsewhere = ?", [ELSEWHERE])
        for name, form in columns.items():
            duck.execute(f"CREATE TEMP TABLE {name} ({form})")
            for row in told.get(name, []):
                duck.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", list(row))
        duck.execute(
            "CREATE TEMP TABLE wished AS SELECT DISTINCT unnest(tokens) AS token FROM entries WHERE lifted_by IS NULL AND asked <> getvariable('elsewhere')"
        )
        made = set(hiding_tokens(duck)["token"].to_pylist())
        names = {str(row[0]) for row in told.get("latched", [])} | {
            str(each) for row in told.get("entries", []) for each in row[0]
        }  # type: ignore[attr-defined]
        digest = "SELECT left(sha256(getvariable('known_by') || ' ' || ?), 32)"
        return {name for name in names if duck.execute(digest, [name]).fetchall()[0][0] in made}


def latch(holder: str, *tokens: str, own: bool = True) -> list[tuple[object, ...]]:
    kinds = {"k": "key", "n": "number", "p": "person", "y": "nearly"}
    return [(each, holder, own, DAY, own, kinds[each[0]]) for each in tokens]


# a child S of records 1 (live) and 2 (gone); k1 and k2 are the tokens of their keys
LIVE = {
    "tokens": [("1", "key", "k1"), ("1", "number", "n1"), ("1", "person", "p1")],
    "identities": [("1", "S")],
    "protected": [("S",)],
}
LATCHES = [*latch("k1", "k1", "n1", "p1", "y1"), *latch("k2", "k2", "n2", "p1")]
OWN, MESSAGE = (["k1", "n1", "p1"], "record.confidentiality", None), (["k1", "n1", "p1"], ELSEWHERE, None)


@pytest.mark.parametrize(("told", "gives"), [
    ({**LIVE, "entries": [OWN], "asking": [("S",)], "latched": LATCHES}, {"k1", "n1", "p1", "n2"}),
    ({**LIVE, "entries": [MESSAGE], "latched": LATCHES}, set()),
    ({**LIVE, "entries": [OWN, MESSAGE], "asking": [("S",)], "latched": LATCHES}, {"k1", "n1", "p1", "n2"}),
    ({"entries": [OWN], "latched": LATCHES}, {"k1", "n1", "p1", "n2"}),
    ({"entries": [MESSAGE], "latched": LATCHES}, set()),
    ({"entries": [(MESSAGE[0], ELSEWHERE, 7)], "latched": LATCHES}, set()),
    ({"entries": [(OWN[0], OWN[1], 7), MESSAGE], "latched": LATCHES}, set()),
    ({"latched": LATCHES}, {"n1", "p1", "n2"}),
    ({"entries": [(["n9"], "record.shield", None)]}, {"n9"}),
    ({"entries": [(["n9"], "record.shield", 7)]}, set()),
    # through another record of the child, which shares nothing with the wish itself
    ({"entries": [OWN, (["k2", "n2"], ELSEWHERE, None), (["n3"], ELSEWHERE, None)], "latched": [*LATCHES, *latch("k3", "n2", "n3")]},
     {"k1", "n1", "p1", "k2", "n2", "n3"} - {"k2"}),
    # withheld for the sake of another: with its identity there and open it hides nobody
    ({**LIVE, "protected": [], "latched": latch("k1", "n1", own=False)}, set()),
    ({"latched": latch("k1", "n1", own=False)}, {"n1"}),
], ids=["asks", "a message", "both", "asked and is gone", "a message and is gone", "a message that was lifted", "lifted, and a message since", "latched alone",
        "a wish that means nobody", "such a one that was ended", "from record to record", "withheld and open", "withheld and gone"])  # fmt: skip
def test_an_authority_gives_what_it_knows_for_a_reason_of_its_own(
    told: dict[str, list[tuple[object, ...]]], gives: set[str]
) -> None:
    assert given(**told) == gives


def test_who_was_gone_before_the_upgrade_is_not_forgotten(tmp_path: Path) -> None:
    write_table(pa.table({"row_key": ["330:A", "331:B"], "token": ["x", "y"]}), tmp_path / "base" / "gone.parquet")
    write_table(of(HIDING_TOKENS), tmp_path / "331" / "hiding_tokens.parquet")
    hidden = hidden_after({"331": tmp_path / "331"}, tmp_path / "base")
    assert hidden["authority"].to_pylist() == ["330"]
