"""Whether a night of the network is to be run, and why: by the names of versions, decisions and programs, so that asking every minute costs nothing.

Not here: whether it would make anything else (`night.unchanged`), which looks at what the authorities give.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipelines.deployment import Deployment
from pipelines.errors import IsindexError
from pipelines.network.decisions import decided_now
from pipelines.network.inputs import FORMAT, gone_by, inputs_in
from pipelines.network.night import handed_in, waits_in
from pipelines.network.place import Network
from pipelines.nights.reach import authorities_of
from pipelines.publishing.versions import built, versions_in_force
from pipelines.reporting.commands import network_run_command

__all__ = ["Outstanding", "outstanding", "run_outstanding"]

_OPEN = "Whom one authority hides others may show until then."


@dataclass(frozen=True)
class Outstanding:
    """A night that is to be run.

    Attributes:
        key: the same for as long as the same would be built on the same; while a message waits for its authority it is another every hour.
        why: a sentence.
        waits: whether anything waits for it that people have published, decided or changed; not where authorities alone have followed the
            messages of the night in force.
    """

    key: str
    why: str
    waits: bool = True


def outstanding(network: Network) -> Outstanding | None:
    """What is to be run; None where what is in force was built from what is in force by now.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    from pipelines.matching.weighing.match_model import load_model  # it takes a second to import

    in_force, shown = network.in_force(), dict(_shown_now(network))
    if not shown:
        return None
    was = inputs_in(in_force[2]) if in_force and in_force[2].is_dir() else None
    decisions, model = decided_now(network), load_model(network.deployment.settings.model).fingerprint
    given = {each.authority: each.version for each in was.given if not each.stale} if was else {}
    newer = [authority for authority, version in sorted(shown.items()) if given.get(authority) != version]
    waits = waits_in(in_force[2]) if in_force else {}
    handed = handed_in(in_force[2]) if in_force else {}
    followed = [
        each for each in newer if handed.get(each) == shown[each] and built(given.get(each, "")) == built(shown[each])
    ]
    reasons = [
        f"Authorities have published: {', '.join(newer)}." if newer else "",
        "Decisions were made." if was and tuple(decisions) != was.decisions else "",
        "The match model or the program has changed." if was and (model, FORMAT) != (was.model, was.form) else "",
        f"Messages of protection wait for {', '.join(sorted(waits))}." if waits else "",
    ]
    if not any(reasons):
        return None
    hour = datetime.now(UTC).strftime("%Y-%m-%dT%H") if waits else ""
    of = [
        sorted(shown.items()),
        [each.number for each in decisions],
        model,
        FORMAT,
        in_force[0] if in_force else "",
        hour,
    ]
    key = hashlib.sha256(json.dumps(of).encode()).hexdigest()
    return Outstanding(key[:16], " ".join(filter(None, reasons)), waits=followed != newer or any(reasons[1:]))


def run_outstanding(deployment: Deployment) -> dict[str, str] | None:
    """Why the co-ordinating index that a home keeps has to be run (`why`), and the command (`what_to_do`), both in words; None where nothing waits for it.

    What is damaged there is told as the reason.
    """
    network = Network(deployment)
    if not deployment.keeps_network or not dict(_shown_now(network)):
        return None
    way_out = f"Run it now: {network_run_command(deployment.home.root)}"
    try:
        found = outstanding(network) if network.in_force() else Outstanding("", "It has had no night yet.")
    except IsindexError as fault:
        return {"why": str(fault), "what_to_do": way_out}
    if found is None or not found.waits:
        return None
    return {"why": f"{found.why} {_OPEN}", "what_to_do": way_out}


def _shown_now(network: Network) -> Iterator[tuple[str, str]]:
    """Each authority and the version that it has in force, of those of which that can be told."""
    found: dict[str, tuple[date, str]] = {}
    for authority in authorities_of(network.deployment):
        try:
            versions = versions_in_force(network.deployment.home, authority)
        except IsindexError:
            continue  # it is taken as it was, and named
        if versions:
            found[authority] = (max(versions), versions[max(versions)])
    gone = gone_by(network, max((day for day, _ in found.values()), default=date.min))
    yield from ((authority, version) for authority, (_, version) in found.items() if authority not in gone)
