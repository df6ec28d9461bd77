"""What a spreadsheet makes of the supplier's file: no formula, no line, no text that reads in another order than it stands in."""

import pyarrow as pa
import pytest

from pipelines.deliveries.acknowledge import _safe
from pipelines.reporting.sheets import csv_of_table


def safe(text):
    (mine,) = _safe(pa.chunked_array([[text]])).to_pylist()
    line = csv_of_table(pa.table({"x": [text]})).decode("utf-8-sig").splitlines()[1]
    assert line.strip('"') == mine
    return mine


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", " =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\u202e=1"]
)
def test_what_a_spreadsheet_would_run_is_text(text):
    assert safe(text) == "'" + text.replace("\u202e", "")


@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b", "\u202aab", "ab\u2069"])
def test_what_turns_the_order_of_reading_is_taken_out(text):
    assert safe(text) == "ab"


def test_other_text_stays():
    assert safe("S 1 = 2") == "S 1 = 2"
