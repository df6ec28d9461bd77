"""One engine's run as a process of its own, with the files it reads and writes.

Belongs here: command lines. Every run starts fresh, so that seconds and memory are its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.matching.datasets import Dataset

__all__ = ["Engine", "Run", "run", "run_module", "write_people"]


@dataclass(frozen=True)
class Engine:
    """A column of the tables: its title, the module that runs it, and its options."""

    title: str
    module: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """What one run wrote: identities (`record_key`, `identity`, …), figures, candidate pairs or None."""

    identities: pa.Table
    figures: dict[str, Any]
    pairs: pa.Table | None

    @property
    def seconds(self) -> float:
        """From reading the records to having identities."""
        return sum(self.figures["seconds"].values())

    @property
    def gigabytes(self) -> float:
        """The most memory used until identities were there."""
        return self.figures["peak_memory_bytes"] / 1e9


def write_people(dataset: Dataset, folder: Path) -> None:
    """The files that both engines read."""
    pq.write_table(dataset.people, folder / "people.parquet")
    if dataset.further is not None:
        pq.write_table(dataset.further, folder / "further.parquet")


def run(engine: Engine, dataset: Dataset, folder: Path, *, with_pairs: bool, with_bound: bool = False) -> Run:
    """One engine on one data set whose people are in `folder`.

    Args:
        engine: which.
        dataset: the people, and what is said of their sources.
        folder: where `write_people` put them, and where the answer goes.
        with_pairs: have the candidate pairs written too.
        with_bound: have Splink's identities by other thresholds written too.
    """
    options = [*engine.options]
    for source, rule in dataset.unique_sources.items():
        options += ["--unique-source", f"{source}={rule}"]
    if engine.module == "splink_peer":
        options += ["--recipe", dataset.recipe]
        options += ["--further", str(folder / "further.parquet")] if dataset.further is not None else []
        options += ["--thresholds"] if with_bound else []
    pairs = folder / "pairs.parquet"
    pairs.unlink(missing_ok=True)
    options += ["--pairs", str(pairs)] if with_pairs else []
    out = folder / "identities.parquet"
    figures = run_module(engine.module, [str(folder / "people.parquet"), str(out), *options], folder)
    return Run(pq.read_table(out), figures, pq.read_table(pairs) if pairs.exists() else None)


def run_module(module: str, arguments: list[str], folder: Path) -> Any:
    """What the module wrote to its `--json` file."""
    answer = folder / "figures.json"
    command = [sys.executable, "-m", f"bench.matching.{module}", *arguments, "--json", str(answer)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{module} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(answer.read_text(encoding="utf-8"))
