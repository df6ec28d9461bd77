"""Who is hidden from a look at once: of decisions to hide that no night is built with yet, the records they name.

Belongs here: finding them. Not here: hiding them in what is published, which the next load does (`hiding`).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.deployment import Deployment
from pipelines.identities.state import identities_of
from pipelines.nights.hiding import shields_since
from pipelines.nights.whole import latest_whole
from pipelines.privacy.references import references

__all__ = ["hidden_at_once"]


def hidden_at_once(deployment: Deployment, authority: str) -> frozenset[str]:
    """References of the records whose children were shielded, or parted by a firewall, since the night in force was built.

    Raises:
        IsindexError: STORE_DAMAGED when what would say so is damaged or gone.
    """
    latest = latest_whole(deployment, authority)
    if latest is None:
        return frozenset()
    keys = pa.array([key for key in shields_since(latest)["record_a"] if key is not None], pa.string())
    identities = identities_of(latest.folder)
    walled = identities.filter(pc.is_in(identities["record_key"], value_set=keys))["wall_ref"].drop_null()
    return frozenset(references(keys).to_pylist() + walled.to_pylist())
