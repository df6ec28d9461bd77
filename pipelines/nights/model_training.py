"""The match model of a deployment: trained from its own records, previewed against the one in force, shown.

Belongs here: which records a home trains from, where a candidate lies, and what it would change. A candidate is written
once, is never overwritten, and decides nothing until the setting ``ISINDEX_MODEL`` names it. Not here: how a model is
estimated or used (`pipelines.matching`), or how its page looks (`pipelines.reporting`).
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.audit import account, append, may_see_protected, writing
from pipelines.contracts import contract_for, registered_agencies
from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.night import Matched, match
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.training.splink_charts import Example, chart_libraries, charts_of, examples_of
from pipelines.matching.weighing.match_model import DEFAULT_MODEL, Model, load_model, make_model, save_model
from pipelines.nights.attempts import Attempt
from pipelines.nights.claims import claims_in
from pipelines.nights.decided import decisions_of
from pipelines.nights.follow import newest_in_force
from pipelines.nights.hidden_records import not_told_of
from pipelines.nights.night import Night, StageReport
from pipelines.reporting import ShownModel, write_models
from pipelines.reporting.words import STEPS
from pipelines.tables import connect, fetch, read_table

__all__ = [
    "Candidate",
    "Preview",
    "changes_with_keys",
    "draw_models",
    "find_model",
    "known_models",
    "preview",
    "train_candidate",
]

_MOST = 500_000  # records; more take long and teach a model little
_FEWEST_TOLD = 400  # records that share a verified number with another, without which nothing can be learned
_CHANGES = pa.schema(
    [
        ("change", pa.string()),
        ("case", pa.int64()),
        ("part", pa.int64()),
        ("index_id", pa.string()),
        ("record_ref", pa.string()),
        ("record_key", pa.string()),
    ]
)


@dataclass(frozen=True)
class Candidate:
    """A trained model: where it lies, of which authorities, whether it is new or the same records gave it before."""

    path: Path
    authorities: tuple[str, ...]
    new: bool
    report: StageReport


@dataclass(frozen=True)
class Preview:
    """What a model would change, held against the one in force.

    Attributes:
        figures: counts; the same keys always.
        changes: `_CHANGES`, a row for each record of an identity that would be merged or split. `case` counts the
            changes of a kind; `part` is, in a merge, which of today's identities the record is in, and in a split,
            which of the new ones it would be in. Record keys may hold a person number: show them to those who may.
    """

    figures: dict[str, int | str]
    changes: pa.Table


def train_candidate(deployment: Deployment) -> Candidate:
    """Train a model from the latest published night of each authority and write it to ``models/`` in the home.

    Raises:
        IsindexError: NOTHING_PUBLISHED, TOO_FEW_TO_TRAIN.
    """
    from pipelines.matching.training.train import train

    # Splink remarks on every level that no pair has reached; a floor is set for those
    logging.getLogger("splink").setLevel(logging.ERROR)
    nights = _to_train_from(deployment)
    records, names = (_together(nights, table) for table in ("records", "names"))
    told = _sharing_a_number(records)
    if told < _FEWEST_TOLD:
        raise IsindexError(
            "TOO_FEW_TO_TRAIN",
            f"only {told} records share a verified NHS number or UPN with another; {_FEWEST_TOLD} are needed",
            remedy="Train when more records are there; until then the built-in model serves.",
        )
    settings, frequencies, policy = train(records, names)
    trained = make_model("candidate", settings, frequencies, policy)
    path = next((path for path, model in _candidates(deployment) if model.fingerprint == trained.fingerprint), None)
    new = path is None
    if path is None:
        number = 1 + max(_number(name) for name in (*_built_in(), *(path.name for path in _folders(deployment))))
        path = deployment.home.models / f"{_family()}-{number}"
        unfinished = path.with_name(f".{path.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        save_model(settings, frequencies, policy, unfinished / f"{path.name}.json")
        unfinished.rename(path)
    figures: dict[str, float | int | str] = {
        "version": _number(path.name),
        "new": int(new),
        "authorities": len(nights),
        "records": trained.policy.records,
        "pairs": policy["reference"]["pairs"],
        "prior": round(trained.prior, 4),
    }
    for comparison in COMPARISONS:
        for level, weight in zip(comparison.levels, trained.weights[comparison.name][:0:-1], strict=True):
            figures[f"weight/{comparison.name}/{level.name}"] = round(float(weight), 4)
    return Candidate(path, tuple(attempt.night.authority for attempt in nights), new, StageReport(figures))


def find_model(deployment: Deployment, name: str | None) -> Model:
    """The home's candidate called `name`, or what `load_model` knows by that name or path.

    Raises:
        IsindexError: MODEL_UNKNOWN, MODEL_NOT_UNDERSTOOD.
    """
    own = deployment.home.models / name if name and Path(name).name == name else None
    return load_model(own if own and own.is_dir() else name)


def known_models(deployment: Deployment) -> list[tuple[str, Model]]:
    """Every model with its standing (`in_force`, `candidate`, `built_in`): the one in force first, then the newest."""
    current = load_model(deployment.settings.model or None)
    others = [("candidate", model) for _, model in reversed(_candidates(deployment))]
    others += [("built_in", load_model(name)) for name in _built_in()]
    return [("in_force", current), *(each for each in others if each[1].fingerprint != current.fingerprint)]


def preview(deployment: Deployment, authority: str, name: str) -> Preview:
    """What the model `name` would merge and split on the authority's latest night, against the model in force.

    Raises:
        IsindexError: NOTHING_PUBLISHED, MODEL_UNKNOWN, MODEL_NOT_UNDERSTOOD.
    """
    candidate, current = find_model(deployment, name), load_model(deployment.settings.model or None)
    (attempt,) = _latest(deployment, authority)
    before, after = (_matched(attempt, model) for model in (current, candidate))
    changes = _changes(before, after, read_table(attempt.folder / "identities" / "identities.parquet"))
    figures: dict[str, int | str] = {
        "authority": authority,
        "business_date": attempt.night.business_date.isoformat(),
        "model_now": current.name,
        "model_then": candidate.name,
        "records": before.clusters.num_rows,
    }
    for what in ("identities", "links", "possible"):
        figures |= {f"{what}_now": int(before.stats[what]), f"{what}_then": int(after.stats[what])}
    merged, split = (changes.filter(pc.equal(changes["change"], kind)) for kind in ("merged", "split"))
    figures |= {
        "merges": pc.max(merged["case"]).as_py() or 0,
        "identities_merged": merged.select(["case", "part"]).group_by(["case", "part"]).aggregate([]).num_rows,
        "splits": pc.max(split["case"]).as_py() or 0,
        "records_concerned": pc.count_distinct(changes["record_key"]).as_py(),
    }
    return Preview(figures, changes)


def changes_with_keys(deployment: Deployment, authority: str, found: Preview, *, why: str) -> pa.Table:
    """The changes of a preview with record keys, audited; keys of hidden children, and of records at firewalls, only for those who may see them.

    Raises:
        IsindexError: PURPOSE_MISSING.
    """
    if not why.strip():
        raise IsindexError(
            "PURPOSE_MISSING",
            "Record keys are given for a purpose only.",
            where="--why",
            remedy="Say why you need them; it is kept.",
        )
    with writing(deployment) as connection:
        append(connection, "model preview --keys", actor=account(), why=why, authority=authority)
    keys = found.changes["record_key"].combine_chunks()
    if may_see_protected():
        return found.changes
    (attempt,) = _latest(deployment, authority)
    hidden = pa.array(sorted(not_told_of(attempt, keys.unique().to_pylist(), attempt)), pa.string())
    shown = pc.if_else(pc.is_in(keys, value_set=hidden), None, keys)
    return found.changes.set_column(found.changes.column_names.index("record_key"), "record_key", shown)


def draw_models(deployment: Deployment) -> StageReport:
    """Write the pages of all models: Splink's charts, and example pairs of the latest night, without values."""
    shown = [
        ShownModel(model, standing, charts_of(model, _examples(deployment, model)))
        for standing, model in known_models(deployment)
    ]
    pages = write_models(deployment.home, shown, chart_libraries())
    return StageReport({"models": len(shown), "charts": sum(len(each.charts) for each in shown), "files": len(pages)})


def _latest(deployment: Deployment, authority: str | None = None) -> list[Attempt]:
    """The latest night in force of each authority, or of one."""
    folders = sorted((deployment.home.root / "snapshots").glob(authority or "*"))
    found = [newest_in_force(Night(deployment, folder.name, date.min)) for folder in folders]
    attempts = [attempt for attempt in found if attempt is not None]
    if not attempts:
        raise IsindexError(
            "NOTHING_PUBLISHED", "no night has been published yet", where=authority or "", remedy="Load a night first."
        )
    return attempts


def _to_train_from(deployment: Deployment) -> list[Attempt]:
    """Latest nights with no more than `_MOST` records together: whole authorities, in an order that favours none."""
    nights = sorted(_latest(deployment), key=lambda attempt: hashlib.sha256(attempt.night.authority.encode()).digest())
    chosen, records = [nights[0]], _size(nights[0])
    for attempt in nights[1:]:
        if records + _size(attempt) <= _MOST:
            chosen.append(attempt)
            records += _size(attempt)
    return sorted(chosen, key=lambda attempt: attempt.night.authority)


def _size(attempt: Attempt) -> int:
    return int(pq.read_metadata(attempt.folder / "person" / "records.parquet").num_rows)


def _together(nights: list[Attempt], name: str) -> pa.Table:
    """One table of all nights' person records or names; keys are told apart by authority."""
    tables = []
    for attempt in nights:
        table = read_table(attempt.folder / "person" / f"{name}.parquet")
        keys = pc.binary_join_element_wise(attempt.night.authority, table["record_key"].cast(pa.string()), "/")
        tables.append(table.set_column(table.column_names.index("record_key"), "record_key", keys))
    return pa.concat_tables(tables, promote_options="default")


def _sharing_a_number(records: pa.Table) -> int:
    with connect({"records": records}) as connection:
        row = connection.execute("""
            SELECT count(*) FROM records
            WHERE nhs_number IN (SELECT nhs_number FROM records GROUP BY nhs_number HAVING count(*) > 1)
               OR upn IN (SELECT upn FROM records GROUP BY upn HAVING count(*) > 1)
        """).fetchone()
    return int(row[0]) if row else 0


def _matched(attempt: Attempt, model: Model) -> Matched:
    contracts = [contract_for(agency.agency) for agency in registered_agencies()]
    return match(
        read_table(attempt.folder / "person" / "records.parquet"),
        read_table(attempt.folder / "person" / "names.parquet"),
        model=model,
        unique_sources={contract.agency: contract.one_record_per_child for contract in contracts},
        decisions=decisions_of(attempt.inputs),
        claims=claims_in(attempt.folder),
    )


def _changes(before: Matched, after: Matched, identities: pa.Table) -> pa.Table:
    views = {"before": before.clusters, "after": after.clusters, "identities": identities}
    with connect(views) as connection:
        return fetch(
            connection,
            """
            WITH held AS (
                SELECT record_key, before.cluster AS now, after.cluster AS afterwards
                FROM before JOIN after USING (record_key)
            ),
            merged AS (SELECT afterwards FROM held GROUP BY afterwards HAVING count(DISTINCT now) > 1),
            split AS (SELECT now FROM held GROUP BY now HAVING count(DISTINCT afterwards) > 1),
            changed AS (
                SELECT 'merged' AS change, afterwards AS whole, now AS part, record_key
                FROM held WHERE afterwards IN (FROM merged)
                UNION ALL
                SELECT 'split' AS change, now AS whole, afterwards AS part, record_key
                FROM held WHERE now IN (FROM split)
            )
            SELECT
                change,
                dense_rank() OVER (PARTITION BY change ORDER BY whole) AS "case",
                dense_rank() OVER (PARTITION BY change, whole ORDER BY part) AS part,
                index_id,
                record_ref,
                record_key
            FROM changed LEFT JOIN identities USING (record_key)
            ORDER BY change, "case", 3, record_key
            """,
        ).cast(_CHANGES)


def _examples(deployment: Deployment, model: Model) -> list[Example]:
    """Of the newest night one pair of each kind: of those that were joined, wait, or were kept apart, a middling one."""
    try:
        attempt = max(_latest(deployment), key=lambda each: each.night.business_date)
    except IsindexError:
        return []
    links, possible = (read_table(attempt.folder / "matching" / f"{name}.parquet") for name in ("links", "possible"))
    kinds = [(f"joined: {word.text}", links.filter(pc.equal(links["step"], step))) for step, word in STEPS.items()]
    kinds += [
        (title, possible.filter(pc.equal(possible["kind"], kind)))
        for title, kind in (("waits for a reviewer", "review"), ("kept apart", "refused"))
    ]
    people = make_comparable(
        *(read_table(attempt.folder / "person" / f"{name}.parquet") for name in ("records", "names"))
    )
    pairs = []
    for title, found in kinds:
        if found.num_rows:
            order = [("weight", "ascending"), ("record_key_a", "ascending"), ("record_key_b", "ascending")]
            row = found.sort_by(order).slice(found.num_rows // 2, 1)
            places = [int(people.keys.index(row[f"record_key_{side}"][0]).as_py()) for side in "ab"]
            pairs.append((title, min(places), max(places)))
    return examples_of(model, people, pairs)


def _candidates(deployment: Deployment) -> list[tuple[Path, Model]]:
    """The home's models that this version understands, oldest first."""
    found = []
    for path in _folders(deployment):
        try:
            found.append((path, load_model(path)))
        except IsindexError:  # trained by a version that compared other things
            continue
    return found


def _folders(deployment: Deployment) -> list[Path]:
    """The folders of the home's models, by number."""
    return sorted(
        (path for path in deployment.home.models.glob("[!.]*") if path.is_dir()), key=lambda path: _number(path.name)
    )


def _built_in() -> Iterator[str]:
    for each in sorted((files("schemas") / "match_model").iterdir(), key=lambda each: each.name):
        if each.name.endswith(".policy.json"):
            yield each.name.removesuffix(".policy.json")


def _family() -> str:
    return DEFAULT_MODEL.rpartition("-")[0]


def _number(name: str) -> int:
    numbered = re.fullmatch(rf"{_family()}-(\d+)", name)
    return int(numbered[1]) if numbered else 0
