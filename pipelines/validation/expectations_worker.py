"""The process beside ours that has Great Expectations ready: its import takes seconds, and may overlap with other work.

Belongs here: starting the process, handing it nights to judge, and what to say when it is lost. Not here: judging
(`expectations`).
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from pipelines.contracts.contract import Contract
from pipelines.errors import IsindexError
from pipelines.validation.expectations import get_ready, judge_night
from pipelines.validation.outcomes import ExpectationOutcome

__all__ = ["ExpectationsWorker", "shared_worker", "warm_up"]


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
                    [
                        sys.executable,
                        "-P",
                        "-c",
                        "from pipelines.validation.expectations_worker import _serve; _serve()",
                    ],
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
    get_ready()
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
