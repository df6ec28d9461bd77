"""Person records as Splink reads them: the columns that the SQL of the levels names.

Belongs here: the one translation from the comparable form to Splink's table; training and the parity test use it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.arrays import Hashes
from pipelines.matching.reading.comparable import NO_VALUE, Comparable

__all__ = ["splink_frame"]


def splink_frame(people: Comparable) -> pa.Table:
    """The records as Splink reads them, and `unique_id`, their position; for records that were read just now."""
    given = [people.given_names[code] if code >= 0 else None for code in people.given.tolist()]
    family = [people.family_names[code] if code >= 0 else None for code in people.family.tolist()]
    known = people.birth != 0
    digits = pc.utf8_lpad(pc.cast(pa.array(people.birth), pa.string()), 8, "0")
    nothing = pa.scalar(None, pa.string())
    texts = pa.list_(pa.string())
    given_name = pa.array([value and value.name for value in given], pa.string())
    family_name = pa.array([value and value.name for value in family], pa.string())

    def there(name: str, values: Hashes) -> pa.Array:
        return pc.if_else(pa.array(values != NO_VALUE), people.texts[name], nothing)

    words = [sorted(word for name in both if name for word in name.words) for both in zip(given, family, strict=True)]
    return pa.table(
        {
            "unique_id": pa.array(np.arange(people.size, dtype=np.int64)),
            "given_name": given_name,
            "given_tokens": pa.array([value and value.tokens for value in given], texts),
            "given_further": pa.array(
                [value and [each for each in value.others if len(each) > 1] for value in given], texts
            ),
            "given_letters": pa.array(
                [value and [each for each in value.others if len(each) == 1] for value in given], texts
            ),
            "given_initials": pa.array(
                [(value and [each[0] for each in value.others]) or None for value in given], texts
            ),
            "given_roots": pa.array([value and value.roots for value in given], texts),
            "given_sound": pa.array([value and value.sound for value in given], pa.string()),
            "family_name": family_name,
            "family_or_lone": pc.coalesce(family_name, given_name),
            "family_all": pa.array([value and value.everything for value in family], texts),
            "family_sound": pa.array([value and value.sound for value in family], pa.string()),
            "name_words": pa.array([each or None for each in words], texts),
            "birth": pc.if_else(pa.array(known), digits, nothing),
            "birth_year": pa.array(people.year, mask=~known),
            "birth_month": pa.array(people.month, mask=~known),
            "birth_day": pa.array(people.day, mask=~known),
            "sex": pc.choose(pa.array(people.sex.astype(np.int32)), nothing, pa.scalar("M"), pa.scalar("F")),
            "postcode": there("postcode", people.postcode),
            "outcode": there("outcode", people.outcode),
            "place": there("place", people.place),
            "dwelling": pa.array(people.dwelling, mask=people.dwelling == NO_VALUE),
            "uprn": pa.array(people.identifiers["uprn"], mask=people.identifiers["uprn"] == NO_VALUE),
            "nhs_number": pc.coalesce(people.texts["nhs_number"], people.texts["nhs_number_unverified"]),
            "upn": pc.coalesce(people.texts["upn"], people.texts["upn_unverified"]),
            "phone": people.texts["phone"],
        }
    )
