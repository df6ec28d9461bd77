"""Great Expectations: the frame and measures suites of every feed. The only module that imports it.

Belongs here: running what `promises` expects on what `proof_frames` computes, the verdicts, and the worker process that
has the library ready (its import takes seconds). Not here: what is expected, how pages look (`data_docs`). No result
ever holds a value: only counts are asked for, and only the text of exceptions' types is passed on.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import pyarrow as pa

from pipelines.contracts.contract import Contract
from pipelines.errors import IsindexError
from pipelines.validation.frame_promises import frame_promises
from pipelines.validation.promises import MEASURES, VERDICTS, Promise, Severity, measure_promises

__all__ = ["ExpectationOutcome", "ExpectationsWorker", "expectation_names", "judge_night", "shared_worker", "warm_up"]


@dataclass(frozen=True)
class ExpectationOutcome:
    """The verdict under one name: the same names for every feed on every night.

    Attributes:
        name: one of `expectation_names`.
        passed: whether all its expectations held, or there was nothing to judge.
        severity: ``error`` or ``warning``.
        description: what was expected, and what was found, without a value.
        observed: the same keys every night: ``judged`` (1 or 0), ``expectations``, ``broken``, and for the frame
            ``records_against``, for measures ``furthest`` (the largest distance outside a band, 0 when inside).
    """

    name: str
    passed: bool
    severity: Severity
    description: str
    observed: Mapping[str, float] = field(default_factory=dict)

    @property
    def suite(self) -> str:
        """``frame`` or ``measures``."""
        return self.name.partition("_")[0]


@dataclass(frozen=True)
class Judgement:
    """What became of one promise: held or not, records judged and records against it, and a fault that kept it open."""

    promise: Promise
    held: bool
    judged: int
    against: int
    fault: str = ""


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
    outcomes = _outcomes(judgements, delivered=accepted is not None)
    if docs_folder is not None:
        from pipelines.validation.data_docs import write_page

        write_page(docs_folder, authority, business_date, contract, outcomes, judgements, measures)
    return outcomes


class ExpectationsWorker:
    """One background process that has Great Expectations imported, so that its import overlaps with other work.

    Not a `multiprocessing` process: that would run the caller's main module again. It ends with its parent, however
    the parent ends, since its input closes; what it would print goes nowhere.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="expectations")
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> ExpectationsWorker:
        """Start the process, unless it runs; returns at once."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from pipelines.validation.expectations import _serve; _serve()"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
        return self

    def submit(
        self,
        authority: str,
        business_date: date,
        contract: Contract | str,
        accepted: Path | None,
        measures: Mapping[str, float],
        trailing: Sequence[Mapping[str, float]],
        docs_folder: Path | None,
    ) -> Future[list[ExpectationOutcome]]:
        """`judge_night` in the background; nights are judged one after the other.

        The future raises IsindexError EXPECTATIONS_FAILED (naming the place in the code, never a value) or
        EXPECTATIONS_LOST (the process ended; the next night starts a new one).
        """
        request = (
            authority,
            business_date,
            contract,
            accepted,
            dict(measures),
            [dict(t) for t in trailing],
            docs_folder,
        )
        return self._thread.submit(self._ask, pickle.dumps(request), f"{authority} {business_date}")

    def close(self) -> None:
        """Finish what was submitted and end the process."""
        self._thread.shutdown(wait=True)
        with self._lock:
            if self._process is not None:
                for stream in (self._process.stdin, self._process.stdout):
                    if stream is not None:
                        stream.close()
                self._process.wait()
                self._process = None

    def __enter__(self) -> ExpectationsWorker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: bytes, where: str) -> list[ExpectationOutcome]:
        process = self.start()._process
        if process is None or process.stdin is None or process.stdout is None:
            raise _lost(where)
        try:
            process.stdin.write(len(request).to_bytes(8, "big") + request)
            process.stdin.flush()
            answer = _read(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            process.kill()
            process.wait()
            raise _lost(where)
        outcomes, fault = pickle.loads(answer)  # noqa: S301 (from our own child)
        if fault:
            raise IsindexError(
                "EXPECTATIONS_FAILED",
                f"The suites could not be run ({fault}).",
                where=where,
                remedy="Nothing published depends on it; report it with the place named.",
            )
        return list(outcomes)


_shared: list[ExpectationsWorker] = []


def shared_worker() -> ExpectationsWorker:
    """The process-wide worker, made at the first call and closed at exit."""
    if not _shared:
        _shared.append(ExpectationsWorker())
        atexit.register(_shared[0].close)
    return _shared[0]


def warm_up() -> None:
    """Have the shared worker import Great Expectations now, beside whatever comes first."""
    shared_worker().start()


def _serve() -> None:
    """The worker's side: answer requests until the input closes."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    waiting: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        while (request := _read(requests)) is not None:
            waiting.put(request)
        os._exit(0)  # the parent has gone, and nobody reads what is still being worked out

    threading.Thread(target=listen, daemon=True).start()
    _batches()
    while True:
        request = waiting.get()
        try:
            answer: tuple[list[ExpectationOutcome], str] = judge_night(*pickle.loads(request)), ""  # noqa: S301 (ours)
        except Exception as error:  # the parent must get an answer, and never the error's text
            answer = [], _place_of(error)
        content = pickle.dumps(answer)
        try:
            answers.write(len(content).to_bytes(8, "big") + content)
            answers.flush()
        except BrokenPipeError:
            return


def _read(stream: IO[bytes]) -> bytes | None:
    """One message, or None when the other side is gone."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    size = int.from_bytes(head, "big")
    content = stream.read(size)
    return content if len(content) == size else None


def _lost(where: str) -> IsindexError:
    return IsindexError(
        "EXPECTATIONS_LOST",
        "The process that runs the suites ended.",
        where=where,
        remedy="Run the night again; look for a lack of memory.",
    )


def _place_of(error: BaseException) -> str:
    """The kind of an error and the line it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + line


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations
    logger = logging.getLogger("great_expectations")
    logger.handlers = [logging.NullHandler()]
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
    return great_expectations


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


def _outcomes(judgements: Sequence[Judgement], *, delivered: bool) -> list[ExpectationOutcome]:
    outcomes = []
    for verdict in VERDICTS:
        own = [each for each in judgements if each.promise.verdict == verdict.name]
        broken = [each for each in own if not each.held]
        observed = {
            "judged": float(bool(own)),
            "expectations": float(len(own)),
            "broken": float(len(broken)),
            "records_against": float(sum(each.against for each in own)),
        }
        words = verdict.description
        if not delivered:
            words += " Nothing was delivered for this night, so nothing was judged."
        elif not own:
            words += " The contract asks for nothing of the kind."
        elif broken:
            words += " Broken: " + "; ".join(_told(each) for each in broken[:5]) + ("; …" if len(broken) > 5 else ".")
        # a feed that did not come at all is a volume nobody expected
        passed = not broken and (delivered or verdict.name != "measures_volume")
        outcomes.append(ExpectationOutcome(verdict.name, passed, verdict.severity, words, observed))
    return outcomes


def _told(judgement: Judgement) -> str:
    if judgement.fault:
        return f"{judgement.promise.words} ({judgement.fault})"
    if judgement.promise.frame == MEASURES:
        return judgement.promise.words
    return f"{judgement.promise.words} ({judgement.against:,} of {judgement.judged:,} not)"
