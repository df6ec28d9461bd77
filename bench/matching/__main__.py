"""Our matcher and Splink 5 side by side on every data set whose truth is known; the goals beside the figures.

Run `python -m bench.matching [--only NAME ...] [--children 60000] [--quick] [--markdown]`. Each engine runs as a process
of its own on the same files with the same threads, turn by turn. `--only` picks data sets and the parts `speed` and
`growth`. The truth is opened after an engine has written its identities; where it also picked Splink's threshold, the
column says so: an upper bound that nobody reaches who does not know the answer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.matching.datasets import FOLDER, SETS, Dataset, MissingDataError, load
from bench.matching.goals import beats_splink, judge
from bench.matching.growth import SIZES, exponent, grow
from bench.matching.measure import candidate_recall, cluster_figures, recall_at_precision, recall_by_sources
from bench.matching.printing import figures_table, table
from bench.matching.processes import Engine, Run, run, run_module, write_people

OURS, BUILT_IN, DEMO, BEST, BOUND = (
    "isindex", "isindex, children-1", "Splink, its demo", "Splink, best", "Splink, best, threshold by truth",
)  # fmt: skip
PARTS = (*SETS, "speed", "growth")


def engines(dataset: Dataset, which: str) -> list[Engine]:
    """Who runs on the data set."""
    ours = [Engine(OURS, "ours")]
    if dataset.name == "generator":
        ours.append(Engine(BUILT_IN, "ours", ("--model", "children-1")))
    splink = [Engine(title, "splink_peer", ("--config", config)) for title, config in ((DEMO, "demo"), (BEST, "best"))]
    return {"ours": ours, "splink": splink, "both": [*ours, *splink]}[which]


def compare_engines(dataset: Dataset, which: str, rounds: int, *, with_bound: bool) -> dict[str, dict[str, float]]:
    """The figures of every engine on one data set, by title; `with_bound` also Splink's at the threshold of the truth."""
    columns: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as temporary:
        folder = Path(temporary)
        write_people(dataset, folder)
        for number in range(rounds):
            for engine in engines(dataset, which):
                first = number == 0
                done = run(engine, dataset, folder, with_pairs=first, with_bound=first and with_bound)
                spent = {
                    "seconds": done.seconds,
                    "seconds_without_training": done.seconds - _training(done.figures["seconds"]),
                    "gigabytes": done.gigabytes,
                }
                if number == 0:
                    columns[engine.title] = _quality(done, dataset) | spent
                    if engine.title == BEST and with_bound:
                        columns[BOUND] = _picked_by_truth(done, dataset)
                    print(f"  {engine.title}: {_stages(done)}", flush=True)
                figures = columns[engine.title]
                for name, value in spent.items():
                    figures[name] = min(figures[name], value)
    return columns


def _quality(done: Run, dataset: Dataset) -> dict[str, float]:
    identities = done.identities.select(["record_key", "identity"])
    linkable = cluster_figures(identities, dataset.truth, linkable_only=True)
    figures = cluster_figures(identities, dataset.truth)
    figures |= {f"linkable_{name}": linkable[name] for name in ("precision", "recall")}
    if len(pc.unique(dataset.truth["source"])) > 1:
        figures |= {f"of {name}": share for name, share in recall_by_sources(identities, dataset.truth).items()}
    if done.pairs is not None:
        figures |= candidate_recall(done.pairs, dataset.truth)
        scored = done.pairs.filter(pc.is_valid(done.pairs["weight"]))
        figures["recall_at_999"] = recall_at_precision(scored, dataset.truth)
    return figures


def _picked_by_truth(done: Run, dataset: Dataset) -> dict[str, float]:
    """The figures of whichever of Splink's identities have the best F1."""
    others = [name for name in done.identities.column_names if name not in ("record_key", "identity")]
    tried = {
        name: cluster_figures(pa.table([done.identities["record_key"], done.identities[name]], ["record_key", "identity"]),
                              dataset.truth)
        for name in others
    }  # fmt: skip
    name = max(tried, key=lambda each: tried[each]["f1"])
    widest = max(figures["bcubed_f1"] for figures in tried.values())
    print(f"  {BOUND}: {name}; the best B-cubed F1 of any is {widest:.5f}")
    return tried[name]


def _training(seconds: dict[str, float]) -> float:
    return sum(spent for name, spent in seconds.items() if name in ("train", "estimating a model"))


def _stages(done: Run) -> str:
    return ", ".join(f"{name} {spent:.1f} s" for name, spent in done.figures["seconds"].items())


def measure_speed(people: Dataset, rounds: int, columns: dict[str, dict[str, float]], *, markdown: bool) -> None:
    """Pairs scored a second, and how many times as long Splink takes."""
    with tempfile.TemporaryDirectory(prefix="isindex-bench-") as temporary:
        write_people(people, Path(temporary))
        figures = run_module("speed", [f"{temporary}/people.parquet", "--rounds", str(rounds)], Path(temporary))
    rows = [[name, *(f"{each[key]:,.{digits}f}" for key, digits in (("pairs", 0), ("seconds", 2), ("per_second", 0)))]
            for name, each in figures.items()]  # fmt: skip
    print(table(["scoring alone", "pairs", "seconds", "pairs a second"], rows, markdown=markdown))
    ours = figures.pop("ours")["per_second"]
    told = {"scoring, times Splink's best": ours / max(each["per_second"] for each in figures.values())}
    if OURS in columns and BEST in columns:
        ratios = {
            "both making a model": columns[BEST]["seconds"] / columns[OURS]["seconds"],
            "both with a model": columns[BEST]["seconds_without_training"]
            / columns[BUILT_IN]["seconds_without_training"],
        }
        print(
            "\n".join(
                f"  whole link, {name}: Splink's best takes {ratio:.1f} times as long" for name, ratio in ratios.items()
            )
        )
        told["whole link, times Splink's best"] = min(ratios.values())
        print(
            f"  memory: Splink's best takes {columns[BEST]['gigabytes'] / columns[OURS]['gigabytes']:.1f} times as much"
        )
    print("\n".join(judge("speed", told)))


def measure_growth(sizes: list[int]) -> None:
    """The whole link of our matcher at several sizes."""
    done = grow(sizes)
    told = {"growth exponent": exponent(done)} if len(done) > 1 else {}
    print("\n".join(judge("growth", told | {"gigabytes at the largest size": done[-1].gigabytes})))


def _print_set(dataset: Dataset, columns: dict[str, dict[str, float]], *, markdown: bool) -> None:
    print(figures_table(columns, markdown=markdown))
    if dataset.recipe == "historical":
        print("Splink alone is given occupations, full names and birth dates that no calendar knows.")
    if dataset.name == "generator" and BEST in columns:
        print("Splink, best, takes one record each of health and education after joining those that repeat a number.")
    judged = BUILT_IN if dataset.name == "generator" else OURS
    if judged in columns:
        lines = judge(dataset.name, columns[judged])
        lines += beats_splink(columns[judged], columns[BEST]) if BEST in columns else []
        print("\n".join([f"Goals, {judged}:", *lines]))
    print()


def main() -> int:
    """Run what was asked for, print; 0 also when a goal is missed: a bench measures, it does not judge."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.matching", description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--children", type=int, default=60_000, help="of the generator")
    parser.add_argument("--seed", type=int, default=7, help="of the generator")
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the public data sets")
    parser.add_argument("--engines", choices=["both", "ours", "splink"], default="both")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each engine; the fastest counts")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="records, for growth")
    parser.add_argument("--no-bound", action="store_true", help="leave out the threshold that the truth likes best")
    parser.add_argument("--quick", action="store_true", help="small and once: to see that it works")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.children, chosen.rounds, chosen.sizes = min(chosen.children, 10_000), 1, [30_000, 100_000]
    print(f"{os.cpu_count()} cores; Splink on DuckDB with 2 threads\n")
    of_children: dict[str, dict[str, float]] = {}
    for name in chosen.only:
        print(f"{'## ' if chosen.markdown else ''}{name}")
        if name == "speed":
            measure_speed(
                load("generator", chosen.children, chosen.seed),
                chosen.rounds + 1,
                of_children,
                markdown=chosen.markdown,
            )
        elif name == "growth":
            measure_growth(chosen.sizes)
        else:
            try:
                dataset = load(name, chosen.children, chosen.seed, chosen.data)
            except MissingDataError as missing:
                print(f"left out: {missing}\n")
                continue
            print(f"{dataset.people.num_rows:,} records")
            columns = compare_engines(dataset, chosen.engines, chosen.rounds, with_bound=not chosen.no_bound)
            _print_set(dataset, columns, markdown=chosen.markdown)
            if name == "generator":
                of_children = columns
    return 0


if __name__ == "__main__":
    sys.exit(main())
