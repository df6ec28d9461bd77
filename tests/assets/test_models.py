"""The match model's assets: on a schedule of their own, off by default, and no part of a night."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs
from assets.models import CANDIDATE, CHARTS, model_assets
from assets.resources import Deployment
from pipelines.nights import StageReport
from pipelines.nights import model_training as models


def nodes(job: str) -> set[str]:
    return {node.name for node in defs.resolve_job_def(job).nodes}


def test_training_is_a_job_of_its_own_once_a_month_and_off_until_switched_on():
    assert nodes("model") == {"model__candidate", "model__charts"}
    assert not nodes("night") & nodes("model")
    schedule = defs.resolve_schedule_def("monthly")
    assert schedule.job_name == "model"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule.split()[2:] == ["1", "*", "*"]


def test_the_assets_report_the_figures_of_training_and_of_drawing(tmp_path, monkeypatch):
    seen = []
    candidate = models.Candidate(
        Path("children-2"), ("330",), True, StageReport({"records": 7, "weight/sex/same": 0.9})
    )
    monkeypatch.setattr(models, "train_candidate", lambda place: seen.append(place.home.root) or candidate)
    monkeypatch.setattr(models, "draw_models", lambda place: seen.append(place.home.root) or StageReport({"charts": 5}))
    made = dg.materialize(model_assets(), resources={"deployment": Deployment(home=str(tmp_path))})
    metadata = {each.asset_key: each.metadata for step in ("candidate", "charts")
                for each in made.asset_materializations_for_node(f"model__{step}")}  # fmt: skip
    assert seen == [tmp_path, tmp_path]
    assert {name: metadata[CANDIDATE][name].value for name in ("records", "weight/sex/same")} == {
        "records": 7,
        "weight/sex/same": 0.9,
    }
    assert metadata[CHARTS]["charts"].value == 5


def test_a_fault_of_training_ends_the_run_without_a_value(tmp_path, monkeypatch):
    def fail(home):
        raise ValueError("Oliver Pemberton")

    monkeypatch.setattr(models, "train_candidate", fail)
    with pytest.raises(dg.Failure, match="STAGE_FAILED") as fault:
        dg.materialize(model_assets(), resources={"deployment": Deployment(home=str(tmp_path))})
    assert "Pemberton" not in str(fault.value)
