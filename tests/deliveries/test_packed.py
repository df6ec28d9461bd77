"""Packed files, however damaged: what is heard of them is everything that can be unpacked. Not here: what is loaded (`test_intake`)."""

import base64
import gzip
import io
import zipfile

import pytest
import zstandard

from pipelines.deliveries import packed
from pipelines.deliveries.files import Limits
from pipelines.deliveries.packed import is_packed, laid_open

TEXT = b"".join(b"row %d, %d, and what is told of it\n" % (number, number * 7919 % 10_007) for number in range(20_000))


def gzipped(text: bytes, level: int = 9) -> bytes:
    """`text` packed without the time of day, so that a test's bytes, and its name, are the same in every process."""
    return gzip.compress(text, level, mtime=0)


GZIP = gzipped(TEXT)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)


def flipped(data, place):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def opened(folder, data, limits=None):
    path = folder / "file"
    path.write_bytes(data)
    with laid_open(path, limits) as inside:
        return inside.read_bytes() if inside else None


def named():
    out = io.BytesIO()
    with gzip.GzipFile("a name.csv", "wb", fileobj=out) as stream:
        stream.write(TEXT)
    return out.getvalue()


def zipped(method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("health.csv", TEXT)
    return out.getvalue()


class Pipe(io.RawIOBase):
    """What is written goes away at once: nobody can go back and say how long it was."""

    def __init__(self):
        self.written = b""

    def writable(self):
        return True

    def write(self, data):
        self.written += bytes(data)
        return len(data)


def streamed(method):
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        archive.writestr("health.csv", TEXT)
    return pipe.written


@pytest.mark.parametrize(
    "data",
    [
        TEXT, GZIP, flipped(GZIP, -6), flipped(GZIP, -1), flipped(GZIP, 0), GZIP[:-8], GZIP + b"\x1a", named(),
        gzipped(TEXT[:400_000]) + gzipped(TEXT[400_000:]), gzipped(TEXT, 0), gzipped(GZIP),
        ZSTD, flipped(ZSTD, -1), flipped(ZSTD, 6), ZSTD[:-4], ZSTD + b"x", zstandard.compress(GZIP), gzipped(ZSTD),
        zstandard.compress(TEXT[:400_000]) + zstandard.compress(TEXT[400_000:]), b"\x50\x2a\x4d\x18\x02\0\0\0xx" + ZSTD,
        base64.b64encode(TEXT), base64.encodebytes(GZIP), zipped(zipfile.ZIP_DEFLATED), zipped(zipfile.ZIP_STORED),
        streamed(zipfile.ZIP_DEFLATED), streamed(zipfile.ZIP_STORED), flipped(zipped(zipfile.ZIP_STORED), 20),
    ],
)  # fmt: skip
def test_all_that_is_there_is_unpacked_whatever_is_said_of_it(tmp_path, data):
    assert opened(tmp_path, data) == TEXT


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("data", [GZIP, ZSTD])
def test_of_what_a_wrong_bit_spoils_all_is_read_that_stands_before_it_and_what_comes_later_as_far_as_it_is_text(
    tmp_path, data, place
):
    told = opened(tmp_path, flipped(data, int(len(data) * place)))
    block = 0 if data is GZIP else 1 << 17
    before = int(len(TEXT) * (place - 0.1)) - block
    assert told[: max(before, 0)] == TEXT[: max(before, 0)]
    if data is ZSTD:
        assert len(told) == len(TEXT)  # a damaged block is as long as another


def test_a_member_that_is_damaged_hides_no_later_one(tmp_path):
    for whole in (GZIP, ZSTD):
        told = opened(tmp_path, flipped(whole, 200) + whole)
        assert told.endswith(TEXT)


@pytest.mark.parametrize(
    "data", [b"", GZIP[:5], GZIP[:10], ZSTD[:5], ZSTD[:9], b"PK\x03\x04", GZIP[:12] + b"\xff" * 50]
)
def test_what_holds_nothing_gives_nothing(tmp_path, data):
    assert len(opened(tmp_path, data)) < 100


@pytest.mark.parametrize("pack", [gzipped, zstandard.compress, lambda text: gzipped(zstandard.compress(text))])
def test_what_holds_far_too_much_is_not_unpacked(tmp_path, pack):
    assert opened(tmp_path, pack(b"\0" * 3_000_000), Limits(free=1_000_000, ratio=2)) is None


def test_text_is_packed_in_nothing(tmp_path):
    for text in (TEXT, b'{"id": 1}\n', b"<Pupils></Pupils>", TEXT.decode().encode("utf-16"), b"a,b\n" * 100, b"PAR1"):
        (tmp_path / "file").write_bytes(text)
        assert not is_packed(tmp_path / "file")


@pytest.mark.parametrize("begins", [b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"])
def test_a_file_of_nothing_but_beginnings_is_given_up_early(tmp_path, monkeypatch, begins):
    asked = []
    for name in ("_blocks", "_inflated"):
        monkeypatch.setattr(packed, name, _counted(getattr(packed, name), asked))
    opened(tmp_path, begins * 50_000)
    assert 0 < len(asked) <= 1000


def _counted(unpack, asked):
    def counting(*given):
        asked.append(given[1])
        return unpack(*given)

    return counting
