"""A night says how far its records have drifted from those its match model was made from, and is published all the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.launch import instance_of
from pipelines.home import Home
from pipelines.matching import load_model
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.tables import read_as, write_json
from sample_feeds import make_nights
from tests.loading import loaded

pytestmark = pytest.mark.slow
NIGHT = date(2026, 11, 18)


def load(landing: Path, home: Path) -> tuple[dict[str, float], dg.AssetCheckEvaluation]:
    """Load the night; the figures of its links, and what its check said."""
    assert [night["state"] for night in loaded(landing, home)["nights"]] == ["published"]
    key = dg.AssetCheckKey(dg.AssetKey(["index", "links"]), "model_drift")
    with instance_of(Home(home)) as instance:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        said = record.event.dagster_event.asset_check_evaluation_data
    return read_as(Home(home).night("330", NIGHT) / "matching" / "stats.json", dict), said


@pytest.mark.in_full
def test_a_night_like_the_models_own_passes_and_one_unlike_it_warns_and_is_published(tmp_path, setting):
    make_nights(tmp_path, ("330",), first_night=NIGHT, nights=1, children=300, faults="none")
    figures, said = load(tmp_path / "landing", tmp_path / "home")
    wanted = {f"drift_{each.name}" for each in COMPARISONS} | {"drift_pairs", "drift_overall", "unknown_family_name"}
    assert wanted <= set(figures)
    assert figures["drift_pairs"] > 10
    assert said.passed
    model = load_model()
    reference = model.reference | {"missing": model.reference["missing"] | {"sex": 0.6}}
    policy = {"join": 0.95, "review": 0.1, "margin": 3.0, "records": model.policy.records, "reference": reference}
    built_in = Path(__file__).parents[2] / "schemas" / "match_model"
    for part in (".json", ".frequencies.csv"):
        (tmp_path / f"other{part}").write_bytes((built_in / f"{model.name}{part}").read_bytes())
    write_json(policy, tmp_path / "other.policy.json")
    setting("ISINDEX_MODEL", tmp_path / "other.json")
    figures, said = load(tmp_path / "landing", tmp_path / "second")
    assert not said.passed and not said.blocking and said.severity is dg.AssetCheckSeverity.WARN
    assert said.description.endswith("of the records have no sex; when the model was made it was 60 %.")
