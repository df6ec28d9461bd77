"""The processes of a run: each has its rounds, and of so many of its inputs one lives a whole night.

Belongs here: sharing the inputs out, hearing of each round, and noticing a process that died or hangs. Not here: what a round is (`run`).
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import os
import queue
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.nights import Nights
from tests.fuzz.run import Finding, Tally, rounds

__all__ = ["all_of"]

_SILENT = 300  # seconds after which a worker that says nothing is taken to hang


def all_of(given: argparse.Namespace, until: float) -> tuple[Tally, list[str]]:
    """The inputs, shared out among processes; what was counted, and what is to be said of processes that did not end well."""
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    share = -(-given.inputs // given.workers)
    left = [min(share, given.inputs - share * number) for number in range(given.workers)]
    working = {
        number: context.Process(
            target=_work, args=(told, given.seed, number, given.workers, left[number], until, given.nights), daemon=True
        )
        for number in range(given.workers)
    }
    for process in working.values():
        process.start()
    tally, failed = Tally(), []
    heard = dict.fromkeys(working, time.monotonic())
    while working:
        try:
            number, part, done = told.get(timeout=5)
            heard[number] = time.monotonic()
            tally.add(part)
            if done:
                working.pop(number).join()
        except queue.Empty:
            for number, process in list(working.items()):
                if not process.is_alive() or time.monotonic() - heard[number] > _SILENT:
                    how = "hangs" if process.is_alive() else f"ended with {process.exitcode}"
                    failed.append(f"worker {number} {how}: what it last said is above")
                    process.kill()
                    working.pop(number)
    return tally, failed


def _work(told: Any, seed: str, number: int, workers: int, inputs: int, until: float, share: int) -> None:
    """One worker's inputs; each round's tally is told when it is done."""
    os.environ.setdefault("ISINDEX_SECRET", "a secret of forty bytes, for tests alone")
    os.environ["ISINDEX_THREADS"] = "1"
    os.fsync = lambda _descriptor: None
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="isindex-fuzz-", dir=memory if memory.is_dir() else None) as folder:
        nights = Nights(Path(folder)) if share else None
        lived, done = 0, 0

        def tell(part: Tally) -> None:
            nonlocal lived, done
            faulthandler.dump_traceback_later(_SILENT - 30)
            done += part.inputs
            while nights is not None and lived < done // share:
                place = lived * workers + number
                given, ended, wrong = nights.lived(seed, place)
                part.nights += 1
                part.inputs += 1
                done += 1
                lived += 1
                names = given.names or ("none",)
                end = {"published": "whole", "held": "held"}.get(ended, "failed")
                part.ends.update({(f"a whole night ({end})", given.base.form, "whole"): 1})
                part.findings += [
                    Finding(promise, what, names, given.base.agency, given.base.form, f"night {seed}/{place}")
                    for promise, what in wrong
                ]
            told.put((number, part, False))

        rounds(seed, worker=number, workers=workers, inputs=inputs, until=until, tell=tell)
    told.put((number, Tally(), True))
