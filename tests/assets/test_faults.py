"""A step that fails: what may pass is tried again by Dagster, anything else ends it at once, and no value is kept."""

from __future__ import annotations

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from assets import steps
from assets.launch import fault_of
from assets.steps import faults_coded, faults_told
from pipelines.errors import IsindexError

VALUE = "Oliver Pemberton"


def away():
    """A real database that does not answer."""
    with create_engine("postgresql://nobody@127.0.0.1:1/isindex").connect() as connection:
        connection.execute(text(f"SELECT '{VALUE}'"))


def wrong():
    raise IsindexError("STORE_DAMAGED", "A file is not as it was written.")


def unforeseen():
    raise ValueError(VALUE)


@pytest.fixture
def step(monkeypatch, setting):
    """Run a function as a step of a real instance; how often it was tried, and the run's result."""
    monkeypatch.setattr(steps, "_SECONDS", 0)
    setting("ISINDEX_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/isindex")

    def run(function, mended_at=99):
        tries = []

        @dg.op(retry_policy=dg.RetryPolicy(max_retries=5))  # whatever else is said about the step
        def stage():
            tries.append(1)
            if len(tries) < mended_at:
                with faults_told():
                    function()

        @dg.job(executor_def=dg.in_process_executor)
        def night():
            stage()

        with dg.DagsterInstance.ephemeral() as instance:
            result = night.execute_in_process(instance=instance, raise_on_error=False)
            kept = "".join(str(entry) for entry in instance.all_logs(result.run_id))
        assert VALUE not in kept
        return len(tries), result

    return run


def test_a_database_that_is_away_is_tried_three_times_again(step):
    tries, result = step(away)
    assert tries == 4
    assert not result.success
    assert "DATABASE_UNREACHABLE" in fault_of(result)


def test_one_that_comes_back_harms_nothing(step):
    tries, result = step(away, mended_at=3)
    assert (tries, result.success) == (3, True)


@pytest.mark.parametrize(("function", "code"), [(wrong, "STORE_DAMAGED"), (unforeseen, "STAGE_FAILED")])
def test_nothing_else_is_tried_again(function, code, step):
    tries, result = step(function)
    assert (tries, result.success) == (1, False)
    assert fault_of(result).startswith(f"stage: {code}: ")


def test_a_sensor_tells_its_fault_by_code():
    with pytest.raises(IsindexError, match="STAGE_FAILED") as fault, faults_coded():
        unforeseen()
    assert fault.value.__cause__ is None
