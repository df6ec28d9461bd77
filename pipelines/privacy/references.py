"""Opaque references of records: what is published, reported and noted of a record in place of its key.

Belongs here: how one is made. Not here: finding the record again (`nights.references`).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.privacy.secret import keyed_digests

__all__ = ["references", "references_behind"]


def references(record_keys: pa.Array) -> pa.Array:
    """The reference of each record (32 hex digits), null for null; the same every night and in every place."""
    return keyed_digests(record_keys, "record")


def references_behind(record_keys: pa.Array, index_ids: pa.Array) -> pa.Array:
    """The reference that is published of each record since it has its index id behind an identity firewall; another with each id.

    What was published of the record before, in whatever version or ledger, names another reference, and leads nowhere.
    """
    return keyed_digests(pc.binary_join_element_wise(record_keys, index_ids, " "), "record behind a firewall")
