"""Nights that do not go as they should: a fault in the midst of a stage, and a process that is killed.

Belongs here: making them happen at a chosen moment. A moment is the name of a stage, or a number: the n-th time that
something is made durable (a file flushed, renamed, linked or removed, a row written, a transaction ended). After a kill
nothing that the process still tries to do has any effect, as if there were no process any more: what it had half done
lies there for the next one to find.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from pipelines.errors import IsindexError

__all__ = ["KINDS", "Disturbance", "Killed", "disturbed"]

KINDS = ("coded", "surprise", "outage", "kill")
_FILES = (
    (os, "fsync"), (os, "replace"), (os, "rename"), (os, "symlink"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"),
    (shutil, "rmtree"), (shutil, "copyfile"),
)  # fmt: skip
_WRITES = ("INSERT", "UPDATE", "DELETE", "COPY")


class Killed(BaseException):
    """The process is no more. Neither noted nor cleaned up after."""


@dataclass(frozen=True)
class Disturbance:
    """What goes wrong, and when: before a stage (a name), or before the n-th durable step (a number from 1)."""

    kind: str
    moment: str | int


@contextmanager
def disturbed(disturbance: Disturbance | None, engine: Engine) -> Iterator[Callable[[str], None]]:
    """Everything inside goes wrong as `disturbance` says, once; on the way out nothing but that is caught.

    Gives what `run_night` shall be told of its stages with.
    """
    if disturbance is None:
        yield lambda stage: None
        return
    happening = _Happening(disturbance)
    with ExitStack() as stack:
        for module, name in _FILES:
            stack.enter_context(patch.object(module, name, happening.around(getattr(module, name))))
        listeners = (
            ("before_cursor_execute", happening.executing),
            ("commit", lambda connection: happening.step("database")),
        )
        for name, listener in listeners:
            event.listen(engine, name, listener)
            stack.callback(event.remove, engine, name, listener)
        try:
            yield happening.stage
        except Killed:
            assert happening.dead
        except Exception as fault:
            if fault is not happening.fault:
                raise


class _Happening:
    def __init__(self, disturbance: Disturbance) -> None:
        self._disturbance = disturbance
        self._steps = 0
        self._over = False
        self.dead = False
        self.fault: BaseException | None = None

    def stage(self, name: str) -> None:
        if name == self._disturbance.moment:
            self._happen("stage")

    def step(self, where: str) -> None:
        if self.dead:
            raise Killed
        self._steps += 1
        if self._steps == self._disturbance.moment:
            self._happen(where)

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def durable(*arguments: Any, **options: Any) -> Any:
            self.step("files")
            return real(*arguments, **options)

        return durable

    def executing(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            self.step("database")

    def _happen(self, where: str) -> None:
        if self._over:
            return
        self._over = True
        self.dead = self._disturbance.kind == "kill"
        self.fault = _fault(self._disturbance.kind, where)
        raise self.fault


def _fault(kind: str, where: str) -> BaseException:
    match kind, where:
        case "kill", _:
            return Killed()
        case "coded", _:
            return IsindexError("DISTURBED", "a test has disturbed the night")
        case "outage", "database":
            return OperationalError("a statement", {}, Exception("the database went away"))
        case "outage", _:
            return OSError(28, "No space left on device")
    return RuntimeError("a surprise with 4561234560 in it")
