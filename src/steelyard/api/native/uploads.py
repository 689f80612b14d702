"""A multipart body on its way to disk: the file part goes straight to a file, never whole through memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from steelyard.domain.errors import InputError

FILE_BYTES_MAX = 4 << 30
FIELD_BYTES_MAX = 1 << 20
"""Of all fields but the file together."""

ABANDONED_S = 3600
"""An upload that has not grown for so long belongs to a process that died."""

_WRITE_BYTES = 1 << 20


@dataclass
class UploadedForm:
    """What a multipart body held; the file's bytes are at the path that was given to `receive_form`."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    file_name: str = ""
    """Without folders; empty when there was no file."""
    size_bytes: int = 0
    digest: str = ""
    """BLAKE2b of the file, hex."""


@contextmanager
def scratch_file(folder: Path, suffix: str = "") -> Generator[Path]:
    """Yields a path for one request, gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Removes what uploads to killed servers left behind; those that go on elsewhere stay."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


async def receive_form(request: Request, path: Path) -> UploadedForm:
    """Streams the body: its `file` part to `path`, all others into fields.

    Raises:
        InputError: it is no multipart body or a broken one (bad_upload), or too large (too_large).
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind.lower() != b"multipart/form-data" or not boundary:
        raise _bad("the body is not multipart/form-data")
    with path.open("wb") as file:
        reader = _FormReader(boundary, file)
        async for chunk in request.stream():
            reader.feed(chunk)
            if len(reader.waiting) >= _WRITE_BYTES:
                await run_in_threadpool(reader.write)
        await run_in_threadpool(reader.write)
    return reader.close()


class _FormReader:
    def __init__(self, boundary: bytes, file: BinaryIO) -> None:
        self.waiting = bytearray()
        self._file = file
        self._digest = hashlib.blake2b(digest_size=16)
        self._form = UploadedForm()
        self._name = self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._value = bytearray()
        self._in_file = self._ended = False
        self._field_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _bad("the multipart body is broken") from error

    def write(self) -> None:
        self._digest.update(self.waiting)
        self._file.write(self.waiting)
        self._form.size_bytes += len(self.waiting)
        self.waiting.clear()

    def close(self) -> UploadedForm:
        if not self._ended:
            raise _bad("the multipart body breaks off")
        self._form.digest = self._digest.hexdigest()
        return self._form

    def _part_begin(self) -> None:
        self._headers.clear()
        self._value.clear()
        self._in_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._header
        self._name = self._header = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name_of_part = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name_of_part != "file":
            return
        if self._form.file_name:
            raise _bad("there are two files", hint="upload one file at a time")
        self._in_file = True
        given = options.get(b"filename", b"").decode("utf-8", "replace")
        self._form.file_name = given.replace("\\", "/").rpartition("/")[2] or "upload"

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.waiting += data[start:end]
            if self._form.size_bytes + len(self.waiting) > FILE_BYTES_MAX:
                raise _too_large(f"the file is larger than {FILE_BYTES_MAX >> 30} GiB", "split it")
            return
        self._value += data[start:end]
        self._field_bytes += end - start
        if self._field_bytes > FIELD_BYTES_MAX:
            raise _too_large("the form's fields are larger than 1 MiB", "send the data in the part named `file`")

    def _part_end(self) -> None:
        if not self._in_file:
            try:
                self._form.fields[self._name_of_part] = self._value.decode()
            except UnicodeDecodeError:
                raise _bad("a field is not UTF-8 text", where=self._name_of_part) from None

    def _end(self) -> None:
        self._ended = True


def _bad(message: str, *, where: str = "body", hint: str = "") -> InputError:
    return InputError(
        message, where=where, hint=hint or "send multipart/form-data with a part named `file`", code="bad_upload"
    )


def _too_large(message: str, hint: str) -> InputError:
    return InputError(message, where="body", hint=hint, code="too_large")
