"""Bytes of a text file -> numbered lines in UTF-8: the encoding is settled by the whole file, before the first line.

A file of one encoding with a few lines of another is common (exports pasted together). Such a line is named and never
shown as garbled text: bytes of GB18030 are rarely valid UTF-8, but valid UTF-8 is often valid GB18030.
"""

from __future__ import annotations

import codecs
import io
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of one line (characters, in UTF-16)."""
_CHUNK = 1024 * 1024
_SAMPLE = 1000
_TOO_LONG = "the line is longer than 64 MB"


class Encoding(StrEnum):
    """How a file's text is written."""

    UTF_8 = "utf-8"
    GB18030 = "gb18030"
    UTF_16 = "utf-16"


class Line(Struct, frozen=True):
    """One line, 1-based, with its line end; `fault` says why its data cannot be used, else it is empty."""

    number: int
    data: bytes
    fault: str = ""


def encoding_of(path: Path) -> Encoding:
    """Returns the encoding that most of the file's non-ASCII lines are written in; reads the file once.

    Raises:
        InputError: UTF-32, which no tool writes any more.
    """
    with path.open("rb") as file:
        head = file.read(4)
        if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
            raise InputError(
                "the file is written in UTF-32", where=str(path), hint="save it as UTF-8", code="unknown_encoding"
            )
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return Encoding.UTF_16
        file.seek(0)
        if _is_utf8(file):
            return Encoding.UTF_8
        file.seek(0)
        return _majority(file)


def lines_of(path: Path, encoding: Encoding) -> Iterator[Line]:
    """Yields every line, also the empty ones; a byte order mark is taken off."""
    if encoding is Encoding.UTF_16:
        yield from _utf16_lines(path)
        return
    with path.open("rb") as file:
        for number, data in enumerate(_raw_lines(file), 1):
            if len(data) > LINE_LIMIT:
                yield Line(number, b"", _TOO_LONG)
            elif data.isascii():
                yield Line(number, data)
            else:
                text = data.removeprefix(codecs.BOM_UTF8) if number == 1 else data
                yield _utf8_line(number, text) if encoding is Encoding.UTF_8 else _gb18030_line(number, text)


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yields lines; of one that is too long, a piece that is longer than the limit."""
    while data := file.readline(LINE_LIMIT + 1):
        yield data
        if len(data) > LINE_LIMIT:
            while not data.endswith(b"\n"):
                data = file.readline(_CHUNK)
                if not data:
                    break


def _utf8_line(number: int, data: bytes) -> Line:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return Line(number, data, _not_in(Encoding.UTF_8, error))
    return Line(number, data)


def _gb18030_line(number: int, data: bytes) -> Line:
    if _utf8_evidence(data) == _STRONG:
        return Line(number, data, "the line is UTF-8, but the rest of the file is GB18030")
    try:
        return Line(number, data.decode(Encoding.GB18030).encode())
    except UnicodeDecodeError as error:
        return Line(number, data, _not_in(Encoding.GB18030, error))


def _not_in(encoding: Encoding, error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    return f"byte {error.start + 1} of the line (0x{byte:02X}) is not {encoding.upper()}, as the rest of the file is"


def _utf16_lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as raw:
        text = io.TextIOWrapper(raw, encoding="utf-16", errors="surrogatepass", newline="\n")
        number = 0
        try:
            while line := text.readline(LINE_LIMIT + 1):
                number += 1
                if len(line) > LINE_LIMIT:
                    while line and not line.endswith("\n"):
                        line = text.readline(_CHUNK)
                    yield Line(number, b"", _TOO_LONG)
                else:
                    yield _utf16_line(number, line)
        except UnicodeDecodeError:
            yield Line(number + 1, b"", "the file ends in the middle of a UTF-16 character")


def _utf16_line(number: int, line: str) -> Line:
    try:
        return Line(number, line.encode())
    except UnicodeEncodeError:
        return Line(number, b"", "the line holds half of a UTF-16 surrogate pair")


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = False
    try:
        while chunk := file.read(_CHUNK):
            if pending or not chunk.isascii():
                decoder.decode(chunk)
                pending = bool(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


_NONE, _WEAK, _STRONG = 0, 1, 2


def _utf8_evidence(data: bytes) -> int:
    """Returns whether a non-ASCII line is UTF-8: not at all, perhaps (pairs of bytes only), or surely."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _NONE
    return _STRONG if max(text) > "\u07ff" else _WEAK


def _majority(file: BinaryIO) -> Encoding:
    utf8 = other = sampled = chinese = 0
    for data in _raw_lines(file):
        if data.isascii():
            continue
        if _utf8_evidence(data):
            utf8 += 1
            continue
        other += 1
        if sampled < _SAMPLE:
            sampled += 1
            chinese += _reads_as_chinese(data)
    return Encoding.GB18030 if other > utf8 and chinese * 10 >= sampled * 9 else Encoding.UTF_8


def _reads_as_chinese(data: bytes) -> bool:
    """Chinese stands in runs or is common; Western accents decode as single rare characters, or not at all."""
    try:
        text = data.decode(Encoding.GB18030)
    except UnicodeDecodeError:
        return False
    runs = re.findall(r"[^\x00-\x7f]+", text)
    likely = sum(len(run) for run in runs if len(run) > 1 or run.encode("gb2312", "ignore"))
    return likely * 2 >= sum(map(len, runs))
