"""Archives: each member in turn becomes a file of its own for a moment, within limits that no small upload can stretch.

An archive is written by someone else: its names, sizes and counts are claims. What is really unpacked is counted, and
nothing is ever written under a name that the archive chose.
"""

from __future__ import annotations

import gzip
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from steelyard.adapters.formats.archive_names import MemberKind, check_member, is_beside_the_data, zip_name
from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ARCHIVES = ("zip", "tar.gz", "gz")
_ENDINGS = {".zip": "zip", ".tar.gz": "tar.gz", ".tgz": "tar.gz", ".gz": "gz"}
_CHUNK = 1024 * 1024
_HEADER_BYTES = 1024 * 1024
"""Bytes of a tar that may pass between two members: its own fields, however long they say they are."""
_DIRECTORY_BYTES = 16 * 1024 * 1024


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Limits(Struct, frozen=True):
    """What an archive may unpack to."""

    members: int = 1000
    total_bytes: int = 8 * 1024**3
    ratio: int = 200
    """Unpacked bytes for one byte of the archive; counted from `ratio_from` on, since repeated text packs well."""
    ratio_from: int = 64 * 1024**2


class Member(Struct, frozen=True):
    """One file of an archive, unpacked for as long as it is looked at."""

    name: str
    """For messages: `rows.zip!june/a.jsonl`; the archive's own name where it packs a single file (.gz)."""
    path: Path


def archive_of(name: str) -> str:
    """Returns zip, tar.gz or gz by the name's ending, "" for what is no archive."""
    return next((kind for ending, kind in _ENDINGS.items() if name.lower().endswith(ending)), "")


def members_of(path: Path, kind: str, name: str, limits: Limits | None = None) -> Iterator[Member]:
    """Yields the members in the archive's order; each one's file is gone when the next is asked for.

    Folders and what packing programs add (`__MACOSX/`, names that begin with a dot) are passed over. At most one
    member lies on disk at a time, and no more than a chunk of it in memory.

    Args:
        path: the archive.
        kind: zip, tar.gz or gz.
        name: the archive's name, for messages.
        limits: the default ones where none are given.

    Raises:
        InputError: while reading: the archive is damaged, encrypted or over a limit, holds no file, or has a member
            that is a link, a device, an archive itself, or lies outside the folder (by its name).
    """
    with tempfile.TemporaryDirectory(prefix="steelyard-archive-") as folder:
        budget = _Budget(path.stat().st_size, name, limits or Limits())
        reader = {"zip": _zip_members, "tar.gz": _tar_members, "gz": _gz_member}[kind]
        found = False
        with closing(reader(path, name, Path(folder), budget)) as members:
            for member in members:
                found = True
                try:
                    yield member
                finally:
                    member.path.unlink(missing_ok=True)
    if not found:
        raise InputError("the archive holds no file with rows", where=name, hint="add one", code="empty_file")


class _Budget:
    """Counts what comes out of one archive, and stops it."""

    def __init__(self, packed_bytes: int, name: str, limits: Limits) -> None:
        self._packed = max(packed_bytes, 1)
        self._name = name
        self._limits = limits
        self._bytes = 0
        self._members = 0

    def member(self) -> None:
        self._members += 1
        if self._members > self._limits.members:
            raise self._over(f"the archive holds over {self._limits.members} members")

    def spend(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._limits.total_bytes:
            raise self._over(f"the archive unpacks to over {self._limits.total_bytes} bytes")
        if self._bytes > max(self._limits.ratio_from, self._packed * self._limits.ratio):
            raise self._over(f"the archive unpacks to over {self._limits.ratio} times its size")

    def _over(self, message: str) -> InputError:
        return InputError(message, where=self._name, hint="upload the files unpacked, or split it", code="too_large")


def _zip_members(path: Path, name: str, folder: Path, budget: _Budget) -> Generator[Member]:
    try:
        _check_directory(path, name)
        with zipfile.ZipFile(path) as packed:
            wanted = [info for info in packed.infolist() if _wanted_in_zip(info, name, budget)]
            _check_once([zip_name(info) for info in wanted], name)
            for info in wanted:
                shown = f"{name}!{zip_name(info)}"
                with packed.open(info) as source:
                    yield Member(shown, _unpack(source, shown, folder, budget))
    except NotImplementedError as error:
        raise _damaged(name, f"is packed in a way that is not read: {error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise _damaged(name, f"is damaged: {error}") from None


def _wanted_in_zip(info: zipfile.ZipInfo, archive: str, budget: _Budget) -> bool:
    budget.member()
    mode = info.external_attr >> 16
    name = zip_name(info)
    check_member(name, archive, MemberKind.of_mode(mode))
    if info.is_dir() or is_beside_the_data(name):
        return False
    if info.flag_bits & 1:
        raise InputError(
            "the member is encrypted", where=f"{archive}!{name}", hint="pack it without a password", code="bad_archive"
        )
    return True


def _check_directory(path: Path, name: str) -> None:
    """The list of members is read whole: it must be small before it is."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557 - 76))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    listed = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if listed == 0xFFFFFFFF or (end >= 20 and tail[end - 20 : end - 16] == b"PK\x06\x07"):
        wide = tail.rfind(b"PK\x06\x06", 0, end)
        listed = int.from_bytes(tail[wide + 40 : wide + 48], "little") if wide >= 0 else _DIRECTORY_BYTES + 1
    if listed > _DIRECTORY_BYTES:
        raise InputError("the archive's list of members is too long", where=name, hint="split it", code="too_large")


def _tar_members(path: Path, name: str, folder: Path, budget: _Budget) -> Generator[Member]:
    seen: list[str] = []
    try:
        with gzip.open(path) as unzipped:
            stream = _TarStream(unzipped, name, budget)
            with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as packed:  # pyright: ignore[reportArgumentType, reportCallIssue]
                while (info := packed.next()) is not None:
                    # Every member would stay in memory otherwise.
                    packed.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
                    budget.member()
                    check_member(info.name, name, MemberKind.of_tar(info))
                    if info.isdir():
                        continue
                    shown = f"{name}!{info.name}"
                    stream.allow(info.size)
                    source = packed.extractfile(info)
                    assert source is not None, "only regular files come here"
                    unpacked = _unpack(source, shown, folder, None)
                    stream.allow(0)
                    if is_beside_the_data(info.name):
                        unpacked.unlink()
                        continue
                    _check_once([*seen, info.name], name)
                    seen.append(info.name)
                    yield Member(shown, unpacked)
            # The checksum stands at the very end: without it, damage would pass for content.
            while rest := unzipped.read(_CHUNK):
                budget.spend(len(rest))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise _damaged(name, f"is damaged: {error}") from None


class _TarStream:
    """What tarfile reads from: counts every byte, and lets only a little pass that is no member's content."""

    def __init__(self, source: _Source, name: str, budget: _Budget) -> None:
        self._source = source
        self._name = name
        self._budget = budget
        self._left = _HEADER_BYTES

    def allow(self, content_bytes: int) -> None:
        """Says how much content follows."""
        self._left = content_bytes + _HEADER_BYTES

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._budget.spend(len(data))
        self._left -= len(data)
        if self._left < 0:
            raise InputError(
                "the archive holds more than its members",
                where=self._name,
                hint="pack the files again",
                code="bad_archive",
            )
        return data


def _gz_member(path: Path, name: str, folder: Path, budget: _Budget) -> Generator[Member]:
    inner = name[: -len(".gz")] if name.lower().endswith(".gz") else name
    check_member(Path(inner).name, name, MemberKind.FILE)
    try:
        with gzip.open(path) as source:
            unpacked = _unpack(source, inner, folder, budget)
    except (zlib.error, EOFError, OSError) as error:
        raise _damaged(name, f"is damaged: {error}") from None
    yield Member(name, unpacked)


def _unpack(source: _Source, name: str, folder: Path, budget: _Budget | None) -> Path:
    # The ending tells spreadsheets apart; nothing else of the name reaches the disk.
    ending = Path(name).suffix.lower()
    target = folder / ("member" + (ending if ending[1:].isalnum() and ending.isascii() and len(ending) < 10 else ""))
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            if budget is not None:
                budget.spend(len(chunk))
            file.write(chunk)
    return target


def _check_once(names: list[str], archive: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(
            "the archive holds this member twice", where=f"{archive}!{twice}", hint="leave one out", code="bad_archive"
        )


def _damaged(name: str, what: str) -> InputError:
    return InputError(f"the archive {what}", where=name, hint="pack the files again", code="bad_archive")
