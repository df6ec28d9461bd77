"""Other people's data, read where it lies beside the project and never kept in it; tests that want it say when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

__all__ = ["historical_people"]

_PLACE = Path(os.environ.get("ISINDEX_LINKAGE_DATA", Path(__file__).parents[2] / "shared" / "data" / "linkage"))


def historical_people() -> pa.Table:
    """historical_50k in the columns of the matcher's general entry."""
    file = _PLACE / "historical_50k.parquet"
    if not file.is_file():
        pytest.skip("historical_50k is not beside the project (ISINDEX_LINKAGE_DATA)")
    table = pd.read_parquet(file)
    columns = {
        "record_key": table["unique_id"], "source": "people", "given_names": table["first_name"],
        "family_name": table["surname"], "birth_date": table["dob"], "sex": table["gender"].str[:1].str.upper(),
        "postcode": table["postcode_fake"], "address": table["birth_place"],
    }  # fmt: skip
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
