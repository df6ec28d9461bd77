"""Why two records of a night are one child or not, with the night's own tables.

Belongs here: finding the night and its records, what of it may be told, and the entry in the audit, which is made before anything is
read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import select

from pipelines.audit import account, append, may_see_protected, writing
from pipelines.contracts import contract_for, registered_agencies
from pipelines.database import schema as db
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.matching.explain import Explanation, explain, in_context
from pipelines.matching.weighing.match_model import Model
from pipelines.nights.attempts import Attempt, latest_matched
from pipelines.nights.hidden_records import not_told_of
from pipelines.nights.references import record_keys, reference_of, told_reference
from pipelines.nights.walls import firewall_stands, refuse_across
from pipelines.nights.whole import latest_whole
from pipelines.nights.wishes_of_child import records_with
from pipelines.publishing.in_step import refuse_out_of_step
from pipelines.tables import read_table

__all__ = ["explain_night"]


def explain_night(
    deployment: Deployment,
    authority: str,
    night: date | None,
    record_a: str,
    record_b: str,
    *,
    why: str,
    model: Model | None = None,
) -> Explanation:
    """The waterfall of a pair, what the night made of it, and the runner-up. The look is audited.

    The two are named as they were asked for, the runners-up by reference: a key may be a number that an agency has issued.

    Args:
        deployment: where.
        authority: 3-digit code.
        night: business date; default the latest night that was matched.
        record_a: a record, by its key or by the reference that the review list shows.
        record_b: another.
        why: for what purpose; kept in the audit.
        model: default the model in force.

    Raises:
        IsindexError: PURPOSE_MISSING; NIGHT_UNKNOWN when nothing was matched then; RECORD_UNKNOWN; CHILD_PROTECTED when one of them
            is of a shielded or withheld child, or stands at a firewall, whatever the other is, and this user may not see those (a
            runner-up of that kind is left out); to who may, FIREWALL_STANDS when one stands between the two, in that night or in
            the latest; STORE_DAMAGED when what says so is damaged or gone; DATABASE_OLDER when the index database does not show what is in force.
    """
    if not why.strip():
        raise IsindexError(
            "PURPOSE_MISSING",
            "A pair is explained for a purpose only.",
            where="--why",
            remedy="Say why you look; it is kept.",
        )
    refuse_out_of_step(deployment, [authority])
    with writing(deployment) as connection:
        about = f"{told_reference(record_a)} {told_reference(record_b)}"
        append(connection, "explain", actor=account(), why=why, authority=authority, subject=about)
    latest_whole(deployment, authority)
    attempt = latest_matched(deployment, authority, night)
    folder = attempt.folder
    asked = record_a, record_b
    record_a, record_b = record_keys(folder, asked)
    latest = latest_matched(deployment, authority)
    if not may_see_protected() and not_told_of(attempt, {record_a, record_b}, latest):
        raise _protected(authority)
    for each in {folder, latest.folder}:
        refuse_across(each, (record_a, record_b))
    _refuse_parted_since(latest, record_a, record_b)
    contracts = [contract_for(agency.agency) for agency in registered_agencies()]
    told = explain(
        read_table(folder / "person" / "records.parquet"),
        record_a,
        record_b,
        names=read_table(folder / "person" / "names.parquet"),
        model=model,
        counted=[each.agency for each in contracts if each.one_record_per_child != "many"],
    )
    matching = folder / "matching"
    told = in_context(told, *(read_table(matching / f"{name}.parquet") for name in ("clusters", "links", "possible")))
    kept_back = set() if may_see_protected() else not_told_of(attempt, {rival.record for rival in told.rivals}, latest)
    as_asked = dict(zip((record_a, record_b), asked, strict=True))
    rivals = (
        replace(rival, of=as_asked[rival.of], record=reference_of(rival.record))
        for rival in told.rivals
        if rival.record not in kept_back
    )
    return replace(told, records=asked, rivals=tuple(rivals))


def _refuse_parted_since(latest: Attempt, record_a: str, record_b: str) -> None:
    """Tell nothing of two records whose children are those of a firewall that was decided since the latest night was built."""
    known = {each.number for each in latest.inputs.decisions}
    decision = db.decision.c
    walls = select(decision.decision_id, decision.record_a, decision.record_b).where(
        decision.authority == latest.night.authority, decision.kind == "firewall", decision.undone_at.is_(None)
    )
    with latest.night.engine.connect() as connection:
        new = [each for each in connection.execute(walls) if each.decision_id not in known]
    if any({record_a, record_b} <= {*records_with(latest, [each.record_a, each.record_b])} for each in new):
        raise firewall_stands(latest.night.where)


def _protected(authority: str) -> IsindexError:
    return IsindexError(
        "CHILD_PROTECTED",
        "One of the two is a record of a protected child, and nothing of those is told to you.",
        where=authority,
        remedy="Ask somebody who may see protected children; ISINDEX_MAY_SEE_PROTECTED names them.",
    )
