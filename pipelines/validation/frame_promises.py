"""What must hold of the accepted frame, read off the contract: every rule in force, proven another way.

Belongs here: going through a contract's rules. Not here: what each of them promises (`column_promises`,
`record_promises`), how derived columns are computed (`proof_frames`), the night's measures (`promises`), running
expectations (`expectations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pipelines.contracts.contract import Contract
from pipelines.validation import proof_frames as proofs
from pipelines.validation.column_promises import ColumnPromises, text_promises
from pipelines.validation.promise_forms import expect, leaves_of
from pipelines.validation.promises import Promise
from pipelines.validation.record_promises import RecordPromises

__all__ = ["frame_promises"]


def frame_promises(contract: Contract, business_date: date, authority_codes: Sequence[str]) -> list[Promise]:
    """What must hold of the accepted frame: every rule in force, proven another way.

    Args:
        contract: the feed's contract.
        business_date: the night's; ages and futures are reckoned from it.
        authority_codes: codes of authorities that exist or once did.
    """
    promises = [
        expect("frame_keys", "keys", "ExpectColumnValuesToNotBeNull", "key", "every record has a key"),
        expect("frame_keys", "keys", "ExpectColumnValuesToBeUnique", "key", "no key occurs twice"),
    ]
    of_columns, of_records = ColumnPromises(business_date, authority_codes), RecordPromises(contract)
    for frame, path, column in leaves_of(contract.columns, proofs.RECORDS, ""):
        in_force = [rule for rule in column.rules if rule.in_force(business_date)]
        elements = (path, "value") if column.logical == "array" else (frame, path)
        for rule in in_force:
            promises += of_columns.of_column(rule, column, *((frame, path) if rule.check == "required" else elements))
        promises += text_promises(in_force, *elements)
    for rule in contract.rules:
        if rule.in_force(business_date):
            promises += of_records.of_record(rule)
    return promises
