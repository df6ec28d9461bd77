"""Sample nights: deliveries of the four feeds in a landing folder, with the truth and the expected outcomes beside it.

Belongs here: turning a World into deliveries, night by night. Not here: the children (world.py), the faults' meaning
(faults/), the demo's story (demo.py).

What lies where under `out`:
    landing/<authority>/<agency>/<business_date>/   data file and manifest.json (written last)
    waves/<n>/<authority>/…                         what arrives later: late and corrected deliveries
    truth/records.parquet              authority, agency, business_date, sequence, position, key, change, child
    truth/children.parquet             authority, child, person, household, custom, twin_set, adopted_pair,
                                       closed_identity, shielded, born,
                                       given_names, family_name, other_family_name, sex, birth_date, nhs_number, upn …
    truth/expected_deliveries.parquet  authority, agency, business_date, sequence, mode, wave, fault, state, codes,
                                       rows,
                                       accepted, queried, rejected, repeats, lost
    truth/expected_records.parquet     authority, agency, business_date, sequence, position, fault, outcome, field,
                                       rule
The truth never lies in the landing folder. `child` is one identity of an authority: an adopted child has two, which share
`adopted_pair`. `person` is the same for one child in two authorities.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sample_feeds.agencies.holdings import Holding, constant
from sample_feeds.deliveries import Delivery
from sample_feeds.faults.files import FILE_FAULTS, Draft, Fault
from sample_feeds.faults.plan import FaultPlan, plan_for
from sample_feeds.faults.records import Columns, Damage, damage_records
from sample_feeds.guests import Guests
from sample_feeds.places import known_authorities
from sample_feeds.randomness import stream
from sample_feeds.truth import TruthFolder
from sample_feeds.world import AGENCIES, COLUMNS, World
from sample_feeds.writers import FILE_NAMES, compress, write_native, write_parquet

__all__ = ["Progress", "make_nights"]

Progress = Callable[[str, int, int], None]


@dataclass
class _Run:
    """The settings of one call, and where its deliveries go."""

    out: Path
    nights: list[dt.date]
    seed: int
    plan: FaultPlan
    modes: str | Mapping[str, str]
    compression: str | Mapping[str, str]
    form: str | Mapping[str, str]
    nightly_waves: bool
    truth: TruthFolder
    made: list[Delivery] = field(default_factory=list)
    sequence: dict[tuple[str, str], int] = field(default_factory=dict)
    arrival: dict[tuple[str, str, int], int] = field(default_factory=dict)
    owed: list[tuple[int, str, dt.date, str, Damage, int | None]] = field(default_factory=list)

    def folder(self, wave: int, authority: str, agency: str, day: dt.date) -> Path:
        root = self.out / "waves" / str(wave) if wave > 1 or self.nightly_waves else self.out / "landing"
        return root / authority / agency / day.isoformat()

    def next_sequence(self, authority: str, agency: str, step: int = 1) -> int:
        number = self.sequence.get((authority, agency), 0) + step
        self.sequence[authority, agency] = number
        return number


def make_nights(
    out: Path | str,
    authorities: Sequence[str] = ("330",),
    *,
    first_night: dt.date = dt.date(2026, 11, 18),
    nights: int = 1,
    children: int | Mapping[str, int] | None = 2_000,
    seed: int = 1,
    faults: str | FaultPlan = "none",
    modes: str | Mapping[str, str] = "full",
    compression: str | Mapping[str, str] = "none",
    form: str | Mapping[str, str] = "native",
    change_rate: float = 0.001,
    nightly_waves: bool = False,
    agencies: Sequence[str] = AGENCIES,
    guests: float = 0.0,
    progress: Progress | None = None,
) -> list[Delivery]:
    """Make consecutive sample nights; the same arguments give the same bytes.

    Args:
        out: folder to fill (landing/, truth/, waves/); what an earlier call left of these is replaced.
        authorities: DfE codes from schemas/reference/authorities.csv.
        first_night: business date of the first night.
        nights: how many, one a day.
        children: under 18 in each authority, or by authority; None takes the authority's real number.
        seed: of everything drawn.
        faults: ``none``, ``record`` (0.4 % of records, every kind), ``full`` (file faults too, from the second night
            on) or a FaultPlan.
        modes: ``full`` or ``delta`` (full on the first night, then deltas), or by agency.
        compression: ``none``, ``gzip`` or ``zstd``, or by agency; Parquet is never compressed again.
        form: ``native`` or ``parquet``, or by agency.
        change_rate: share of records that change from night to night.
        nightly_waves: put night n into waves/<n> (late and corrected deliveries of it into a later one) and leave the
            landing folder to the caller; otherwise all that arrives in time goes to landing/, the rest to waves/2.
        agencies: which feeds are made.
        guests: share of the children of school age who are known in the next of the authorities, too, or move there (guests.py).
        progress: called as progress(authority, deliveries made, deliveries in all).

    Returns:
        The deliveries with their expected answers, in the order they were made.

    Raises:
        ValueError: an unknown authority, word or fault.
    """
    _check_words(authorities, modes, compression, form)
    days = [first_night + dt.timedelta(days=n) for n in range(nights)]
    out = Path(out)
    for name in ("landing", "waves", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "landing").mkdir(parents=True)
    plan = _possible(plan_for(faults, list(authorities), days, seed), form, planned=not isinstance(faults, str))
    with TruthFolder(out / "truth") as truth:
        run = _Run(out, days, seed, plan, modes, compression, form, nightly_waves, truth)
        known_before: Guests | None = None
        for authority in authorities:
            size = children.get(authority, 2_000) if isinstance(children, Mapping) else children
            size = size or int(known_authorities()[authority]["children_0_17"])
            world = World(authority, size, seed, first_night, known_before)
            if guests:
                known_before = world.depart(guests, nights)
            for day in days:
                if day != first_night:
                    world.advance(change_rate)
                if nightly_waves:
                    _correct(run, world, days.index(day) + 1)
                for agency in agencies:
                    _deliver(run, world, agency, day)
                    if progress:
                        progress(authority, len(run.made), len(authorities) * nights * len(agencies))
            _correct(run, world, None)
            truth.children(world)
        truth.deliveries(run.made)
    return run.made


def _possible(plan: FaultPlan, form: str | Mapping[str, str], *, planned: bool) -> FaultPlan:
    """The plan without faults of text for feeds that come as Parquet; one `planned` by the caller is an error."""
    vain = [f for f in plan.files if FILE_FAULTS[f.kind].text and _word(form, f.agency) == "parquet"]
    if vain and planned:
        raise ValueError(f"{vain[0].kind} is a fault of text: {vain[0].agency} cannot have it as Parquet")
    return replace(plan, files=tuple(f for f in plan.files if f not in vain))


def _deliver(run: _Run, world: World, agency: str, day: dt.date) -> None:
    """Make the delivery of one feed and night, and the corrected one after it if the plan has one."""
    authority, holding = world.authority, world.holdings[agency]
    mode = "delta" if _word(run.modes, agency) == "delta" and day != run.nights[0] else "full"
    clean = _columns(holding, agency, mode, world.night)
    native = _word(run.form, agency) != "parquet"
    damaged = clean
    if run.plan.record_share > 0:
        salt = int(stream(run.seed, authority, agency, "record faults").integers(0, 2**31))
        damaged = damage_records(salt, agency, clean.columns, clean.child, day, run.plan.record_share, native)
    planned = run.plan.of(authority, agency, day)
    wave = run.nights.index(day) + 1 if run.nightly_waves else 1
    if planned is None:
        _write(run, world, agency, day, mode, damaged, wave, run.next_sequence(authority, agency), "", None)
        return
    sequence = run.next_sequence(authority, agency, {"repeated": 0, "sequence_gap": 2}.get(planned.kind, 1))
    arrives = wave + planned.later if planned.kind == "late" else wave
    _write(run, world, agency, day, mode, damaged, arrives, sequence, planned.kind, FILE_FAULTS[planned.kind])
    if planned.corrected:
        kept = Damage({name: values.copy() for name, values in clean.columns.items()}, clean.child.copy())
        kind = FILE_FAULTS[planned.kind]
        unused = (
            kind.state == "refused" and "REPEATED" not in kind.codes
        )  # a refused delivery does not use its number up
        run.owed.append((wave + planned.later, agency, day, mode, kept, sequence if unused else None))


def _correct(run: _Run, world: World, due: int | None) -> None:
    """Send the corrected deliveries that are due in wave `due` (None: all that are left)."""
    for owed in [owed for owed in run.owed if due is None or owed[0] <= due]:
        wave, agency, day, mode, kept, number = owed
        run.owed.remove(owed)
        number = number or run.next_sequence(world.authority, agency)
        _write(run, world, agency, day, mode, kept, wave, number, "corrected", None)


def _columns(holding: Holding, agency: str, mode: str, night: int) -> Damage:
    """The rows of a delivery, undamaged: all of the holding, or what changed tonight with `change`."""
    if mode == "full":
        return Damage(dict(holding.columns), holding.child)
    rows = np.flatnonzero(holding.changed == night)
    columns = {name: values[rows] for name, values in holding.columns.items()}
    columns["change"] = constant("upsert", len(rows))
    child = holding.child[rows]
    if holding.withdrawn and agency != "police":
        gone = len(holding.withdrawn_child)
        empty = {name: constant(None, gone) for name in COLUMNS[agency]}
        withdrawn = empty | holding.withdrawn | {"change": constant("withdraw", gone)}
        columns = {name: np.concatenate([values, withdrawn[name]]) for name, values in columns.items()}
        child = np.concatenate([child, holding.withdrawn_child])
    return Damage(columns, child)


def _write(
    run: _Run, world: World, agency: str, day: dt.date, mode: str, data: Damage, wave: int, sequence: int, fault: str,
    kind: Fault | None,
) -> None:  # fmt: skip
    """Write one delivery with its fault; the manifest goes last."""
    columns = kind.shape(data.columns) if kind and kind.shape else data.columns
    rows = len(next(iter(columns.values())))
    draft = _draft(run, agency, columns, data, kind)
    if kind and kind.honest:
        kind.honest(draft)
    sent = day + dt.timedelta(days=1 if fault in ("late", "corrected") else 0)
    draft.manifest = {
        "contract": f"{agency}/1",
        "authority": world.authority,
        "agency": agency,
        "business_date": day.isoformat(),
        "sequence": sequence,
        "mode": mode,
        "created_at": f"{sent}T22:{14 + sequence % 40}:03Z",
        "supplier": f"Sample {agency.replace('_', ' ')} system",
        "files": [{"name": draft.name, "bytes": len(draft.content), "rows": rows, "sha256": _sha256(draft.content)}],
    }
    if kind and kind.seal:
        kind.seal(draft)
    folder = run.folder(wave, world.authority, agency, day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / draft.name).write_bytes(draft.content)
    (folder / "manifest.json").write_text(json.dumps(draft.manifest, indent=1) + "\n", encoding="utf-8")
    readable = draft.readable if draft.readable >= 0 else rows
    data = data.up_to(readable)
    queried, rejected, repeats = (data.count(outcome) for outcome in ("queried", "rejected", "repeat"))
    gap = _leaves_gap(run, world.authority, agency, sequence, wave)
    state = _state(kind, mode, rejected, gap)
    delivery = Delivery(
        authority=world.authority,
        agency=agency,
        business_date=day,
        sequence=sequence,
        mode=mode,
        wave=wave,
        folder=folder,
        fault=fault,
        state=state,
        codes=(kind.codes if kind else ()) or (("SEQUENCE_GAP",) if gap else ()),
        rows=rows,
        accepted=readable - queried - rejected - repeats,
        queried=queried,
        rejected=rejected,
        repeats=repeats,
        lost=rows - readable,
    )
    if state in ("refused", "held"):
        delivery = replace(delivery, accepted=0, queried=0, rejected=0, repeats=0, lost=0)
    run.made.append(delivery)
    run.truth.records(delivery, data)


def _leaves_gap(run: _Run, authority: str, agency: str, sequence: int, wave: int) -> bool:
    """Whether the sequence before this one has not come when it comes; notes when this one does."""
    run.arrival.setdefault((authority, agency, sequence), wave)
    return sequence > 1 and run.arrival.get((authority, agency, sequence - 1), wave + 1) > wave


def _state(kind: Fault | None, mode: str, rejected: int, gap: bool) -> str:
    """The state a delivery must come to on arrival."""
    if kind and kind.state and (kind.state != "held" or mode == "full"):
        return kind.state
    if gap and mode == "delta":
        return "held"
    return "partly_loaded" if rejected else "loaded"


def _draft(run: _Run, agency: str, columns: Columns, data: Damage, kind: Fault | None) -> Draft:
    """The data file: written, its text damaged, compressed."""
    stem = FILE_NAMES[agency]
    if _word(run.form, agency) == "parquet":
        return Draft(f"{Path(stem).stem}.parquet", write_parquet(agency, columns), {})
    text = _break_lines(agency, write_native(agency, columns), data)
    if kind and kind.text:
        text = kind.text(text)
    readable = text.count(b"</Pupil>") if agency == "education" else -1
    content, suffix = compress(text, _word(run.compression, agency))
    return Draft(stem + suffix, content, {}, readable)


def _break_lines(agency: str, text: bytes, data: Damage) -> bytes:
    """Damage the lines of the records marked for it: two fields too many, or half of a JSON document."""
    if not data.broken or not len(text):
        return text
    lines = text.split(b"\n")
    values = data.columns.get("address_line_3", ())
    breaks = np.cumsum([0, *(str(value).count("\n") for value in values)])
    for place in data.broken:
        at = place + (0 if agency == "social_care" else 1) + (int(breaks[place]) if len(values) else 0)
        if agency == "social_care":
            lines[at] = lines[at][: len(lines[at]) // 2]
        else:
            mark = b";" if agency == "police" else b","
            lines[at] = (
                lines[at].rstrip(b"\r") + mark + b"spare" + mark + b"spare" + (b"\r" if agency == "police" else b"")
            )
    return b"\n".join(lines)


def _check_words(authorities: Sequence[str], *choices: str | Mapping[str, str]) -> None:
    known = known_authorities()
    for authority in authorities:
        if authority not in known:
            raise ValueError(f"{authority} is not the DfE code of an authority; see schemas/reference/authorities.csv")
    allowed = ({"full", "delta"}, {"none", "gzip", "zstd"}, {"native", "parquet"})
    for choice, words in zip(choices, allowed, strict=True):
        for word in [choice] if isinstance(choice, str) else choice.values():
            if word not in words:
                raise ValueError(f"{word!r} is not one of {', '.join(sorted(words))}")


def _word(choice: str | Mapping[str, str], agency: str) -> str:
    """An agency's word; an agency that a mapping leaves out gets the plain one: full, none, native."""
    if isinstance(choice, str):
        return choice
    return choice.get(agency) or "plain"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
