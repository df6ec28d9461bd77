"""The process that runs one authority's nights after the other for a load: what `assets.workers` starts.

Belongs here: this end of the line. It opens the deployment itself and runs the same nights in the same way as a load that has one
process only. It ends with its parent, however that ends, since the line closes. Not here: who is handed which authority.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue

import pyarrow as pa

from assets.launched import Launched
from assets.workers import Begin, Done, Ended, Fault, Started, StepDone, Work
from pipelines.deployment import open_deployment
from pipelines.nights.plan import PlannedNight
from pipelines.nights.run import work_off
from pipelines.outages import as_coded
from pipelines.settings import engine_limits, shared_among, use_settings
from pipelines.umask import for_this_user_alone
from pipelines.validation.expectations_worker import warm_up

__all__ = ["serve"]


def serve(descriptor: int) -> int:
    """Run what comes in on the line until there is no more; the exit code.

    Args:
        descriptor: the number of the open socket to the parent.
    """
    for_this_user_alone()
    line = Connection(descriptor)
    try:
        begin = line.recv()
    except (EOFError, OSError):
        return 1
    inbox: SimpleQueue[Work | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, inbox), daemon=True).start()
    use_settings(begin.settings)
    with shared_among(begin.workers):
        _work(line, inbox, begin)
    return 0


def _listen(line: Connection, inbox: SimpleQueue[Work | None]) -> None:
    """Take in what the parent says; when it is gone the process ends, since nobody needs what is being worked out."""
    while True:
        try:
            words = line.recv()
        except (EOFError, OSError):
            os._exit(1)
        inbox.put(words)
        if words is None:  # a thread that still listens when Python ends makes libraries complain
            return


def _work(line: Connection, inbox: SimpleQueue[Work | None], begin: Begin) -> None:
    """Open the deployment and run what is handed over, until there is no more."""
    warm_up()  # the suites' engine takes seconds to import: it does so beside the first stages
    pa.set_cpu_count(engine_limits()[1])
    try:
        from assets.launch import launching  # only now: Dagster's partitions follow the settings in use

        deployment = open_deployment(begin.home, begin.landing, create=False)
        with launching(deployment, lambda name: line.send(StepDone(name, time.time()))) as launch:

            def run(night: PlannedNight) -> Launched:
                line.send(Started(night, time.time()))
                launched = launch(night)
                line.send(Ended(launched))
                return launched

            while work := inbox.get():
                work_off(
                    deployment,
                    work.arrived,
                    run,
                    authorities=[work.authority],
                    selected=work.selected,
                    asked=work.asked,
                )
                line.send(Done())
    except Exception as fault:  # the parent tells it; its text may hold a value
        with suppress(OSError):
            line.send(Fault(as_coded(fault).as_json()))
