"""The co-ordinating index in a database on a real PostgreSQL: what the nights write, what people decide, and what is put back when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipelines.network.decisions import decide, decided_now, take_back
from pipelines.network.find import find_by_number
from pipelines.network.moves import answer, claim, moves_of, unclaimed
from tests.databases import empty_database
from tests.network.nation import HERE, THERE, Nation
from tests.nights.little_authority import children

pytestmark = [pytest.mark.postgres, pytest.mark.in_full]

CHILD, OTHER = children()[1], children()[0]


def test_a_move_decisions_and_a_database_that_is_lost(
    tmp_path: Path, postgres_server: Any, setting: Callable[[str, str], None]
) -> None:
    with empty_database(postgres_server) as url:
        setting("ISINDEX_NETWORK_DATABASE_URL", url)
        nation = Nation(tmp_path)
        nation.night(0)
        nation.hold(THERE, replace(CHILD, street="9 Faraway Street"))
        assert nation.night(1).state == "published"
        here, there = (nation.index_id(place, CHILD) for place in (HERE, THERE))
        pair = [f"{HERE}:{nation.index_id(HERE, OTHER)}", f"{THERE}:{there}"]
        first = decide(nation.network, "not_the_same", *pair, actor="Ruth", reason="seen")
        take_back(nation.network, first)
        decide(nation.network, "not_the_same", *pair, actor="Ruth", reason="seen again")
        claim(nation.network, f"{THERE}:{there}", reason="lives there")
        nation.run(1)
        (move,) = moves_of(nation.network).moves
        answer(nation.network, move.move, "refused", authority=HERE, reason="no")
        nation.lose(HERE, CHILD)
        assert nation.night(2).state == "published"
        (found,) = find_by_number(nation.network, CHILD.nhs, why="a test")
        assert (found.custodian, [each.authority for each in found.known]) == (HERE, [THERE, HERE])
        (gone,) = moves_of(nation.network).moves
        assert gone.evidence == "gone" and [each.move for each in unclaimed(nation.network).moves] == [gone.move]
        decided = decided_now(nation.network)

        with nation.network.engine.begin() as connection:
            for table in ("decision", "answer", "claim", "pointer", "published", "move", "custody"):
                connection.execute(text(f"DELETE FROM {table}"))
            for table, column in (("decision", "decision_id"), ("answer", "answer_id"), ("claim", "claim_id")):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), 1, false)"))
        assert nation.run(2).state == "unchanged"
        assert decided_now(nation.network) == decided
        assert [each.move for each in unclaimed(nation.network).moves] == [gone.move]
        assert (
            decide(nation.network, "not_the_same", f"{HERE}:{here}", pair[1], actor="Ruth", reason="x")
            > decided[0].number
        )
        nation.network.engine.dispose()
