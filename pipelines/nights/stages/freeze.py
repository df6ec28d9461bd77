"""The first stage: the inputs of the night are written down; every later stage reads them from there."""

from __future__ import annotations

from pipelines.audit import refuse_older_database
from pipelines.nights.attempts import begin, break_off, forget_unfinished, last_attempts
from pipelines.nights.carried import keep_carried
from pipelines.nights.follow import catch_up
from pipelines.nights.night import Night, StageReport
from pipelines.nights.plan import inputs_now, nothing_to_build
from pipelines.nights.protective import protect_in_any_case, protection_lags
from pipelines.nights.reorganised import refuse_unfounded
from pipelines.nights.requests import count_kept
from pipelines.nights.seal import note_written, prove, prove_published
from pipelines.nights.stages.known_by_now import known_by_now
from pipelines.tables import writes_noted

__all__ = ["freeze"]


def freeze(night: Night, *, started_by: str = "", why: str = "") -> StageReport | None:
    """Freeze the night's inputs and begin an attempt with them; what a killed run left undone is finished before. None, and no attempt, where
    nothing is built of the night (`nothing_to_build`): it ends here.

    Raises:
        IsindexError: DATABASE_OLDER; BASE_MISSING, BASE_DAMAGED when what it builds on is not what was published, CARRIED_MISSING when what it replaces is not;
            AUTHORITY_TAKEN_OVER, REORGANISATION_MISSING, FOUNDING_DAMAGED (`refuse_unfounded`).
    """
    refuse_older_database(night.deployment)
    if nothing_to_build(night):
        forget_unfinished(night)
        return None
    count_kept(night)
    catch_up(night.deployment, night.authority, anew=night.business_date)
    break_off(night)
    if protection_lags(night.deployment, night.authority):
        # what a run has found that was killed, or was killed before its end, is seen to before another takes its place
        protect_in_any_case(night.deployment, night.authority)
    now = inputs_now(night)
    refuse_unfounded(night, now)
    with writes_noted() as noted:
        attempt = begin(night, now, started_by=started_by, asked=why)
        keep_carried(attempt, known_by_now)
    note_written(attempt, noted, anew=True)
    inputs = attempt.inputs
    if base := attempt.base():
        prove(base)
        prove_published(base, inputs.base.version if inputs.base else "")
    told = last_attempts(night.engine, night.authority, [night.business_date])[night.business_date].why
    figures: dict[str, float | int | str] = {
        "deliveries": len(inputs.deliveries),
        "decisions": len(inputs.decisions),
        "nights_taken_in": len(inputs.nights_without_version),
        "builds_on": inputs.base.version if inputs.base else "nothing: the first night",
        "carries_on": ", ".join(each.version for each in inputs.carried) or "nothing: it replaces none",
        "digest": inputs.digest,
        "model": inputs.means.get("model", ""),
    }
    lines = [f"| {each.agency} | {each.business_date} | {each.sequence} |" for each in inputs.deliveries]
    taken = "\n".join(["| feed | business date | sequence |", "|---|---|---:|", *lines])
    return StageReport(
        figures, tables={"why": "\n".join(f"- {reason}" for reason in told), "deliveries_taken_in": taken}
    )
