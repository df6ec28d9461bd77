"""The server of the UI: Dagster's own app behind a guard, and beside it the daemon if asked; `python -m assets.web`.

Belongs here: the process that `isindex ui` becomes. Dagster's command for it takes no middleware, so its parts are put together here as
it does. Not here: what is refused (`assets.guard`), the settings of the instance (`assets.command.ui`).
"""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import dagster as dg
import uvicorn

# what `dagster-webserver` itself is made of; it has no public names, and Dagster is pinned
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from assets.guard import guarded
from pipelines.umask import for_this_user_alone

__all__ = ["main"]

_CODE = "assets.definitions"
_PATIENCE = 60  # seconds for the daemon to end
_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW, _POLL_MILLISECONDS = 15_000, 3600, 20, 2000  # as Dagster's own
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; 1 when the daemon ended by itself."""
    for_this_user_alone()
    given = _options().parse_args(arguments)
    configure_loggers(formatter="colored", log_level="INFO")
    # uvicorn raises the signal again when it has ended; by itself SIGTERM would leave the daemon behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _serve(given.port, given.allow_host, with_daemon=given.daemon)
    except KeyboardInterrupt:
        return 0


def _serve(port: int, hosts: Sequence[str], *, with_daemon: bool) -> int:
    with dg.DagsterInstance.get() as instance:
        instance.get_runs_count()  # its tables are made by this one process, before the daemon starts
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW)
        code = ModuleTarget(_CODE, attribute=None, working_directory=None, location_name=_CODE)
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=code) as workspace:
            app = create_app_from_workspace_process_context(workspace, "", _POLL_MILLISECONDS)
            config = uvicorn.Config(
                guarded(app, hosts), host="127.0.0.1", port=port, log_level="warning", proxy_headers=False,
                timeout_graceful_shutdown=5,
            )  # fmt: skip
            server = uvicorn.Server(config)
            with _daemon(server) if with_daemon else nullcontext(threading.Event()) as ended:
                server.run()
                return 1 if ended.is_set() else 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m assets.web", description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--daemon", action="store_true")
    options.add_argument("--allow-host", action="append", default=[])
    return options


@contextmanager
def _daemon(server: uvicorn.Server) -> Iterator[threading.Event]:
    """The daemon in a process of its own, which ends with the server; whether it ended by itself, and the server with it."""
    ended = threading.Event()
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", _CODE, "--log-level", "info"]
    with subprocess.Popen(command) as process:  # noqa: S603  (our own words)

        def watch() -> None:
            code = process.wait()
            if not server.should_exit:
                _log.error("the daemon ended by itself with %s, and the UI ends with it", code)
                ended.set()
                server.should_exit = True

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield ended
        finally:
            server.should_exit = True
            process.send_signal(signal.SIGINT)  # as Ctrl-C: it lets go of what it holds
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    sys.exit(main())
