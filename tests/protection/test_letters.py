"""Letters that read alike: one form for them, and texts given back as they were written."""

import pyarrow as pa
import pytest

from pipelines.protection.letters import as_written, folded, read_plainly
from pipelines.tables import connect


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain ASCII, 1", "plain ASCII, 1"), ("Ａｂ１", "Ab1"), ("٣४７", "347"), ("𝐀𝟗", "A9"), ("⑫", "12"), ("№ 7", "No 7"), ("ﬁ", "fi"), ("b\u043eX", "bOX"),
        ("a\u00adb\u200bc\u2060d\ufe0f", "abcd"), ("O\u02bcHara’s", "O'Hara's"), ("1–2—3", "1-2-3"), ("Åse Ł", "Ase L"), ("Ж", "Ж"), ("T\u026abor", "TIbor"), ("\U0001f1f9\U0001f1ee", "TI"), ("a€b", "a b"), ("𩸽", "𩸽"),
    ],
)  # fmt: skip
def test_what_reads_alike_is_one(text, plain):
    assert folded(text) == plain and folded(plain) == plain


def test_tables_are_read_in_plain_letters_and_given_back_as_they_are_written():
    told = pa.table({"key": ["a", "b", "c", "d"], "text": ["Ｒoad", "Road", None, "José"], "other": ["Ｘ"] * 4})
    with connect({"told": told}) as duck:
        read_plainly(duck, {"read": ("told", ["text"])})
        read = duck.execute("FROM read ORDER BY key").to_arrow_table()
        assert read["text"].to_pylist() == ["Road", "Road", None, "José"] and read["other"].to_pylist() == ["Ｘ"] * 4
        found = as_written(duck, read.select(["key", "text"]).slice(0, 3), "FROM told", ["text"])
    assert found.to_pylist() == told.select(["key", "text"]).slice(0, 3).to_pylist()
