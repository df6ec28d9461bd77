"""Person records after a night: those of the night before, and made anew what its deliveries touched.

Belongs here: putting the two together. Not here: which live records a night touched (`live_records`), how a person record
is made (`person_records`). It is made of one live record and the contract alone, whatever others there are; so where
neither has changed it is what it was, and nights one by one come to what all at once would, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Contract
from pipelines.records.person_records import PersonRecords, build_person_records

__all__ = ["person_records_after"]


def person_records_after(
    before: PersonRecords,
    touched: Mapping[str, pa.StringArray],
    live: Mapping[str, pa.Table],
    contracts: Mapping[str, Contract],
    authority: str,
    business_date: date,
) -> PersonRecords:
    """What `build_person_records` makes of `live`, for the cost of what was touched.

    Args:
        before: of an earlier night, made by the same program with the same schemas.
        touched: agency → keys of its live records that came, went or changed since; of an agency that is not named (its
            contract has changed) all are made anew.
        live: as for `build_person_records`; so are the others.
        contracts: those of the agencies in `touched` are the contracts of the night before.
        authority: of the night.
        business_date: of the night.

    Raises:
        IsindexError: CONTRACT_MISSING when live records have no contract.
    """
    anew: dict[str, pa.Table] = {}
    gone = pa.array([], pa.string())
    for agency, records in live.items():
        if agency not in touched:
            anew[agency] = records
            continue
        # one of which no day is known is told of with the day of the night
        rows = pc.or_(pc.is_in(records["key"], touched[agency]), pc.is_null(records["as_of"]))
        anew[agency] = records.filter(rows)
        for keys in (touched[agency], *anew[agency]["key"].chunks):
            gone = pa.concat_arrays([gone, pc.binary_join_element_wise(agency, keys, ":")])
    fresh = build_person_records(anew, contracts, authority, business_date)
    agencies = pa.array([agency for agency in live if agency in touched], pa.string())

    def after(name: str) -> pa.Table:
        table: pa.Table = getattr(before, name)
        stays = pc.and_not(pc.is_in(table["agency"], agencies), pc.is_in(table["record_key"], gone))
        both = pa.concat_tables([table.filter(stays), getattr(fresh, name)]).combine_chunks()
        # the order among the rows of one record stays: all of them come from one of the two, and the sort is stable
        return both.take(pc.sort_indices(both["record_key"])).combine_chunks()

    return PersonRecords(**{each.name: after(each.name) for each in fields(PersonRecords)})
