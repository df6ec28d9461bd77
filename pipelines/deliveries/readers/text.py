"""Text files: which encoding the bytes are in, where lines and records begin.

Belongs here: what CSV, XML and JSON lines share before any of them is parsed. Detection goes by what the bytes allow,
never by how the letters look: text that somebody has already mangled is not repaired by guessing.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from pipelines.deliveries.codes import Finding, finding

__all__ = ["Text", "ends_with_return", "line_starts", "load", "offsets_of", "places_of", "recode"]

Offsets = npt.NDArray[np.int64]
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NAMES = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # the five bytes that Windows-1252 leaves without a meaning
_OUT_OF_STEP = 50  # one in so many bytes of text begins a sign that English hardly has
_BAD_SHARE = 0.02  # of the bytes above ASCII: beyond it the encoding is not what it seems


@dataclass(frozen=True)
class Text:
    """A text file's bytes without byte-order mark, and the encoding they are in (``utf-8`` or ``cp1252``).

    `bad` are the offsets of bytes that have no meaning in that encoding: damage, record by record.
    """

    data: bytes
    encoding: str
    bad: Offsets


def load(path: Path, name: str, expected: str) -> tuple[Text, list[Finding]]:
    """The text in `path`, and what is wrong with it. With a finding that refuses it, it is as good as it can be read:
    for those in it who ask to be protected.

    Args:
        path: the unpacked file.
        name: as the manifest has it, for the findings.
        expected: the contract's encoding.
    """
    data = path.read_bytes()
    contract = "cp1252" if codecs.lookup(expected).name == "cp1252" else "utf-8"
    if data.startswith(_WIDE_MARKS) or _looks_wide(data):
        return _wide(data), [_unknown(name, contract, "it looks like UTF-16 or is not text at all")]
    if data.startswith(codecs.BOM_UTF8):
        text = _utf8(data[3:])
    elif data.isascii():
        return Text(data, contract, _none()), []
    else:
        text = _utf8(data)
        high = int(np.count_nonzero(np.frombuffer(data, np.uint8) >= 0x80)) if len(text.bad) else 0
        # every letter of Windows-1252 is broken UTF-8, and hardly any pair of them is sound UTF-8 by accident
        if len(text.bad) * 2 > high:
            text = Text(data, "cp1252", offsets_of(data, _UNDEFINED))
            if len(text.bad) > max(5, _BAD_SHARE * high):
                fault = _unknown(name, contract, "it is neither UTF-8 nor Windows-1252")
                return Text(data, "cp1252", _none()), [fault]
    if text.encoding != contract:
        other = finding("ENCODING_OTHER", name, found=_NAMES[text.encoding], encoding=_NAMES[contract])
        return text, [other]
    return text, []


def recode(data: bytes, encoding: str) -> bytes:
    """`data` as UTF-8; bytes without a meaning become the replacement character (set apart before)."""
    if encoding == "utf-8":
        return data if _is_utf8(data) else data.decode("utf-8", "replace").encode()
    return data.decode(encoding, "replace").encode()


def line_starts(data: bytes) -> Offsets:
    """Offsets at which physical lines begin; the first is 0.

    Lines end with LF or CRLF; with CR alone only where the first line does (a CR elsewhere is a character).
    """
    ends = offsets_of(data, b"\n")
    if b"\r" in data and ends_with_return(data):
        returns = offsets_of(data, b"\r")
        following = np.frombuffer(data, np.uint8)[np.minimum(returns + 1, len(data) - 1)]
        alone = returns[(following != 10) | (returns == len(data) - 1)]
        ends = np.sort(np.concatenate([ends, alone])) if len(alone) else ends
    return np.concatenate([np.zeros(1, np.int64), ends + 1])


def ends_with_return(data: bytes) -> bool:
    """Whether the first line ends with CR alone, as old Macintosh programs write."""
    first_return, first_feed = data.find(b"\r"), data.find(b"\n")
    return first_return >= 0 and (first_feed < 0 or first_return < first_feed - 1)


def offsets_of(data: bytes, wanted: bytes) -> Offsets:
    """Offsets of every byte of `data` that is one of `wanted`."""
    view = np.frombuffer(data, np.uint8)
    if len(wanted) == 1:
        return np.flatnonzero(view == wanted[0])
    return np.flatnonzero(np.isin(view, np.frombuffer(wanted, np.uint8)))


def places_of(data: bytes, word: bytes) -> Offsets:
    """Offsets at which `word` stands, none of them within another."""
    lengths = np.fromiter(map(len, data.split(word)), np.int64)
    return np.cumsum(lengths[:-1] + len(word)) - len(word)


def _utf8(data: bytes) -> Text:
    if _is_utf8(data):
        return Text(data, "utf-8", _none())
    bad: list[int] = []

    def note(fault: UnicodeError) -> tuple[str, int]:
        broken = cast(UnicodeDecodeError, fault)
        bad.extend(range(broken.start, broken.end))
        return "?", broken.end

    codecs.register_error("isindex-note", note)
    data.decode("utf-8", "isindex-note")
    return Text(data, "utf-8", np.array(bad, np.int64))


def _looks_wide(data: bytes) -> bool:
    """Whether signs of two or four bytes are plain to see: zeros at every second place, or at three of four.

    A run of zeros is a gap in the text, as an upload that broke off leaves it: it costs the records that it lies in.
    """
    zeros = np.frombuffer(data[:4000], np.uint8)[: len(data[:4000]) // 4 * 4].reshape(-1, 4) == 0
    if not len(zeros):
        return data[:4].count(0) * 4 > len(data)
    one, other = zeros[:, 0::2].mean(), zeros[:, 1::2].mean()
    apart = abs(one - other) * 4 > 1
    return bool(apart or (min(one, other) * 8 > 3 and (zeros.sum(axis=1) == 3).mean() * 2 > 1))


def _wide(data: bytes) -> Text:
    """Text of two or four bytes a sign; where a byte is missing or too many, what is left of it without zeros."""
    names = ["utf-32", "utf-16"] if data.startswith(_WIDE_MARKS) else []
    for name in [*names, "utf-16-le" if data[1:4000:2].count(0) > data[:4000:2].count(0) else "utf-16-be"]:
        try:
            told = data.decode(name).encode()
        except UnicodeError:
            continue
        # a byte out of step makes Chinese of English: three bytes a sign
        if np.count_nonzero(np.frombuffer(told, np.uint8) >= 0xE3) * _OUT_OF_STEP <= len(told):
            return Text(told, "utf-8", _none())
    return Text(data.replace(b"\0", b"").decode("utf-8", "replace").encode(), "utf-8", _none())


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.utf_8_decode(data, "strict", True)
    except UnicodeDecodeError:
        return False
    return True


def _none() -> Offsets:
    return np.empty(0, np.int64)


def _unknown(name: str, contract: str, reason: str) -> Finding:
    return finding("ENCODING_UNKNOWN", name, reason=reason, encoding=_NAMES[contract])
