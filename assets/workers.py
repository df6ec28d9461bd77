"""Authorities beside each other: processes that each run one authority's nights after the other, and who hands them out.

Belongs here: how many processes there are, which authority is handed to which, what is told of those that are lost, and that
none is left behind. An authority's nights stay in one process, in order of business date. Not here: running them
(`assets.worker`, the other end of the line). Dagster is not imported here: who hands out needs none.

Not `multiprocessing`: that would run the caller's main module again, and a fork takes over threads and locks of libraries.
"""

from __future__ import annotations

import heapq
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType

from assets.launched import Launched
from pipelines.deliveries import FoundDelivery
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.nights.plan import PlannedNight
from pipelines.settings import Settings, settings
from pipelines.tables import spill_of

__all__ = ["Begin", "Done", "Ended", "Fault", "Started", "StepDone", "Work", "run_beside"]

_PATIENCE = 10  # seconds for a worker that nothing is left for to end by itself
_SERVE = "import sys; from assets.worker import serve; sys.exit(serve(int(sys.argv[1])))"


# --- what is said on the line: no personal value, and little enough that nobody waits for the other to listen


@dataclass(frozen=True)
class Begin:
    """To a worker, first: the deployment to open, the settings in use, and how many workers keep to them together."""

    home: Path
    landing: str
    settings: Settings
    workers: int


@dataclass(frozen=True)
class Work:
    """To a worker: run the outstanding nights of an authority. The functions are methods of what can be pickled."""

    authority: str
    arrived: tuple[FoundDelivery, ...]
    selected: Callable[[PlannedNight], bool]
    asked: Callable[[str, date], bool] | None


@dataclass(frozen=True)
class Started:
    """From a worker: a night is begun, at this moment (seconds of the epoch)."""

    planned: PlannedNight
    moment: float


@dataclass(frozen=True)
class StepDone:
    """From a worker: a step of the night that was begun last is done."""

    name: str
    moment: float


@dataclass(frozen=True)
class Ended:
    """From a worker: what became of the night that was begun last."""

    launched: Launched


@dataclass(frozen=True)
class Done:
    """From a worker: nothing of its authority is left to run; it waits for another."""


@dataclass(frozen=True)
class Fault:
    """From a worker: something other than a night failed, and a load ends with it (`IsindexError.as_json`)."""

    error: dict[str, str]


# --- handing out


def run_beside(
    deployment: Deployment,
    arrived: Iterable[FoundDelivery],
    planned: Sequence[PlannedNight],
    *,
    workers: int,
    selected: Callable[[PlannedNight], bool],
    asked: Callable[[str, date], bool] | None = None,
    started: Callable[[PlannedNight, float], None],
    step_done: Callable[[PlannedNight, str, float], None],
) -> list[Launched]:
    """Run the outstanding nights of several authorities in processes beside each other; in the order in which one would run them.

    A worker that dies costs the authority that it is at: its nights that have not ended are told as failed, and nothing of
    it is begun again here; a fresh worker goes on with the others. Whatever ends this call ends the workers.

    Args:
        deployment: where.
        arrived: undecided deliveries.
        planned: what is outstanding and wanted, by which it is known who has something to do.
        workers: how many processes at most; there are never more than authorities.
        selected: whether a night is wanted; a method of something that can be pickled.
        asked: whether a night (authority, business date) is wanted although nothing has changed; likewise.
        started: told of each night that is begun, and when (seconds of the epoch).
        step_done: told of each step of a night that is done, and when.

    Raises:
        IsindexError: what a worker met outside any night, when those at work have ended.
    """
    undecided = list(arrived)
    waiting: dict[str, list[PlannedNight]] = {}
    for night in planned:
        waiting.setdefault(night.authority, []).append(night)
    # who has most to do begins first, so that nobody is left with it at the end
    queue = deque(sorted(waiting, key=lambda authority: -len(waiting[authority])))
    ran: dict[str, list[Launched]] = {}
    faults: list[IsindexError] = []
    with _Crew(deployment, min(workers, len(queue))) as crew:
        while True:
            while queue and not faults and (worker := crew.free()):
                authority = queue.popleft()
                ran[authority] = worker.ran
                theirs = tuple(found for found in undecided if found.authority == authority)
                worker.hand(Work(authority, theirs, selected, asked), waiting[authority])
            if not queue or faults:
                crew.dismiss_idle()
            if not crew.at_work:
                break
            for worker, told in crew.listen():
                match told:
                    case Started():
                        worker.night = told.planned
                        started(told.planned, told.moment)
                    case StepDone() if worker.night:
                        step_done(worker.night, told.name, told.moment)
                    case Ended():
                        worker.ended(told.launched)
                    case Done():
                        worker.authority = ""
                    case Fault():
                        worker.authority = ""
                        faults.append(IsindexError(**told.error))
                    case None:
                        worker.lost()
                        crew.forget(worker)
    if faults:
        raise faults[0]
    return list(heapq.merge(*ran.values(), key=lambda each: (each.planned.business_date, each.planned.authority)))


@dataclass(eq=False)
class _Worker:
    """One process: what it is at, what it was handed, and what has become of it.

    Attributes:
        process: the process.
        line: this end of the line to it.
        authority: whose nights it runs; "" when it waits for work.
        planned: nights of the authority that have not ended, as far as they were known before.
        night: the one it is at.
        ran: what became of the authority's nights.
    """

    process: subprocess.Popen[bytes]
    line: Connection
    authority: str = ""
    planned: list[PlannedNight] = field(default_factory=list)
    night: PlannedNight | None = None
    ran: list[Launched] = field(default_factory=list)

    def hand(self, work: Work, planned: Sequence[PlannedNight]) -> None:
        """Give it an authority. One that is dead by now is found out when it is listened to."""
        self.authority, self.planned, self.night = work.authority, list(planned), None
        self.say(work)

    def ended(self, launched: Launched) -> None:
        """Keep what became of the night that it was at."""
        self.ran.append(launched)
        self._settle(launched.planned)

    def lost(self) -> None:
        """Tell the nights that its end has cost."""
        how = _end_told(self.process.wait())
        if self.night:
            self._cost(self.night, f"the process that ran the night ended before it was done ({how})")
        for night in list(self.planned):
            self._cost(night, f"the night was not begun: the process that ran its authority had ended ({how})")

    def close(self) -> None:
        """Wait until the process has ended, and clear away what a killed one leaves in the temporary folder."""
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.line.close()
        shutil.rmtree(spill_of(self.process.pid), ignore_errors=True)

    def _cost(self, night: PlannedNight, message: str) -> None:
        error = IsindexError(
            "WORKER_LOST",
            message,
            where=f"authority {night.authority}, {night.business_date.isoformat()}",
            remedy="Load again: the night is run anew. If it ends the same, look for a lack of memory: fewer workers take less.",
        )
        self.ran.append(Launched(night, str(error), code=error.code))
        self._settle(night)

    def _settle(self, night: PlannedNight) -> None:
        self.night = None
        self.planned = [each for each in self.planned if each.business_date != night.business_date]

    def say(self, words: Begin | Work | None) -> None:
        """Tell it something; None: to end when it has done what it is at."""
        try:
            self.line.send(words)
        except OSError:  # it is dead, which the next look at the line tells
            return


class _Crew:
    """The workers of a load, `size` at most; leaving the block ends them.

    After a fault or Ctrl-C they are killed: that leaves a night interrupted, as the next load finds it, while a step that is broken off
    would tell of a fault that there is not.
    """

    def __init__(self, deployment: Deployment, size: int) -> None:
        self._begin = Begin(deployment.home.root.resolve(), deployment.landing, settings(), size)
        self._workers: list[_Worker] = []
        self._stack = ExitStack()

    def __enter__(self) -> _Crew:
        self._stack.enter_context(_told_to_end())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            for worker in self._workers:
                if kind is None:
                    worker.say(None)
                else:
                    worker.process.kill()
            for worker in self._workers:
                worker.close()

    @property
    def at_work(self) -> list[_Worker]:
        """Those that are at an authority."""
        return [worker for worker in self._workers if worker.authority]

    def free(self) -> _Worker | None:
        """One that waits for work, or a new one while there is room; else None."""
        for worker in self._workers:
            if not worker.authority:
                worker.ran = []
                return worker
        return self._started() if len(self._workers) < self._begin.workers else None

    def listen(self) -> Iterator[tuple[_Worker, Started | StepDone | Ended | Done | Fault | None]]:
        """What is told next by those at work; None by one that has died."""
        lines = {worker.line: worker for worker in self.at_work}
        for line in wait(list(lines)):
            worker = lines[line]  # type: ignore[index]
            try:
                told = worker.line.recv()
            except (EOFError, OSError):
                told = None
            yield worker, told

    def forget(self, worker: _Worker) -> None:
        """Make room for another one in its place."""
        self._workers.remove(worker)
        worker.close()

    def dismiss_idle(self) -> None:
        """Let those go that no work is left for: what they hold in memory the others may need."""
        for worker in [each for each in self._workers if not each.authority]:
            worker.say(None)
            self.forget(worker)

    def _started(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603  (our own words)
                [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # a load's standard output may be one document
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C reaches it through us alone, once
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        worker = _Worker(process, Connection(ours.detach()))
        self._workers.append(worker)
        worker.say(self._begin)
        return worker


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Within the block SIGTERM ends this process as Ctrl-C does, by way of every `finally`, with the code that it has by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_told(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
