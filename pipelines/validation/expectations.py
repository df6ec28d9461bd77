"""Great Expectations: the frame and measures suites of every feed. The only module that imports it.

Belongs here: running what `promises` expects on what `proof_frames` computes. Not here: what is expected, the words of a
verdict (`outcomes`), how pages look (`data_docs`), the process that has the library ready (`expectations_worker`). No
result ever holds a value: only counts are asked for, and only the text of exceptions' types is passed on.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.contracts.contract import Contract
from pipelines.validation.data_docs import write_page
from pipelines.validation.frame_promises import frame_promises
from pipelines.validation.outcomes import ExpectationOutcome, Judgement, outcomes_of
from pipelines.validation.promises import VERDICTS, Promise, Severity, measure_promises

__all__ = ["expectation_names", "get_ready", "judge_night"]


def expectation_names(contract: Contract | None = None) -> list[tuple[str, Severity, str]]:
    """(name, severity, description) of every outcome, without importing Great Expectations; alike for all contracts."""
    del contract  # all feeds are judged under the same names, so that they can be compared
    return [(verdict.name, verdict.severity, verdict.description) for verdict in VERDICTS]


def judge_night(
    authority: str,
    business_date: date,
    contract: Contract | str,
    accepted: pa.Table | Path | None,
    measures: Mapping[str, float],
    trailing: Sequence[Mapping[str, float]],
    docs_folder: Path | None,
) -> list[ExpectationOutcome]:
    """Judge one feed's night and write its page of the Data Docs.

    Args:
        authority: DfE code.
        business_date: the night's.
        contract: the contract, or its id.
        accepted: the accepted records as `judge` leaves them (or where they lie); None when nothing was delivered.
        measures: the night's measures; trailing: those of earlier nights, oldest first.
        trailing: measures of earlier nights.
        docs_folder: where the Data Docs site lies; None for no page.

    Returns:
        One outcome for each of `expectation_names`, in that order.
    """
    contract = _contract(contract)
    judgements: list[Judgement] = []
    if accepted is not None:
        judgements = [*_judge_frame(contract, business_date, accepted), *_judge_measures(contract, measures, trailing)]
    outcomes = outcomes_of(judgements, delivered=accepted is not None)
    if docs_folder is not None:
        write_page(docs_folder, authority, business_date, contract, outcomes, judgements, measures)
    return outcomes


def get_ready() -> None:
    """Import Great Expectations now, so that the first night need not wait for it."""
    _batches()


def _contract(contract: Contract | str) -> Contract:
    if isinstance(contract, Contract):
        return contract
    from pipelines.contracts import load_contract

    return load_contract(contract)


def _authority_codes() -> list[str]:
    from pipelines.contracts import authorities

    return sorted(authorities.known())


def _library() -> Any:
    """Great Expectations, quiet: no warnings, no progress bars, nothing logged (its messages may hold values)."""
    _put_off("scipy.stats")  # a second of its import, for an expectation that no contract has
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations
    logger = logging.getLogger("great_expectations")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
    return great_expectations


def _put_off(name: str) -> None:
    """Have a module imported when something of it is asked for first, and not with those that only name it."""
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    package, _, own = name.rpartition(".")
    setattr(sys.modules[package], own, module)
    spec.loader.exec_module(module)


@cache
def _batches() -> Any:
    """Where frames are handed to Great Expectations; once a process, since every change of a context is written out."""
    context = _library().get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("night").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _judge_frame(contract: Contract, business_date: date, accepted: pa.Table | Path) -> list[Judgement]:
    from pipelines.tables import read_table
    from pipelines.validation.proof_frames import frames_of

    table = (read_table(accepted) if isinstance(accepted, Path) else accepted).combine_chunks()
    frames = frames_of(table, contract)
    promises = frame_promises(contract, business_date, _authority_codes())
    judgements: list[Judgement] = []
    for name, frame in frames.items():
        judgements += _run(frame, [promise for promise in promises if promise.frame == name])
    return judgements


def _judge_measures(
    contract: Contract, measures: Mapping[str, float], trailing: Sequence[Mapping[str, float]]
) -> list[Judgement]:
    import pandas as pd

    return _run(pd.DataFrame([dict(measures)]), measure_promises(contract, measures, trailing))


def _run(frame: Any, promises: Sequence[Promise]) -> list[Judgement]:
    """The judgements on `frame`, in the order of `promises`."""
    if not promises:
        return []
    gx = _library()
    for promise in promises:
        for column, derive in (promise.derived or {}).items():
            if column not in frame:
                frame[column] = derive(frame)
    batch = _batches().get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(
        "suite",
        expectations=[
            getattr(gx.expectations, promise.kind)(**promise.arguments, meta={"number": number})
            for number, promise in enumerate(promises)
        ],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = batch.validate(suite, result_format={"result_format": "BASIC", "exclude_unexpected_values": True})
    by_number = {result.expectation_config.meta["number"]: result for result in results.results}
    return [_judgement(promise, by_number[number], len(frame)) for number, promise in enumerate(promises)]


def _judgement(promise: Promise, result: Any, rows: int) -> Judgement:
    found = result.result or {}
    fault = "could not be judged" if (result.exception_info or {}).get("raised_exception") else ""
    against = int(found.get("unexpected_count") or 0)
    return Judgement(promise, bool(result.success), int(found.get("element_count") or rows), against, fault)
