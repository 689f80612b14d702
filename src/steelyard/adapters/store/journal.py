"""The journal: answers and scores as checksummed lines, written at once and synced in groups by a thread of its own.

One line is `crc32 (8 hex) space kind JSON newline`; kind H is the part's header, A an answer, S the scores of one
answer. A torn line can only be the last of a part; it is cut off when the next writer opens the folder, and readers
stop before it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zlib import crc32

import msgspec
from msgspec import Struct

from steelyard.domain.answer import AnswerRecord
from steelyard.domain.errors import ConflictError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from steelyard.domain.score import ScoreRecord

SYNC_EVERY_S = 0.2
SYNC_EVERY_RECORDS = 64
PART_RECORDS = 50_000
PART_BYTES = 128 << 20
READ_BYTES = 1 << 20
LOCK_TRIES = 5
LOCK_PAUSE_S = 0.02

_encode = msgspec.json.Encoder().encode


class PartHeader(Struct, frozen=True, omit_defaults=True):
    """First line of every part: what its scorer numbers mean."""

    epoch: int
    signatures: tuple[str, ...] = ()
    version: int = 1


class ScoreLine(Struct, array_like=True):
    """The scores of one answer: its key once, then (scorer, value, reason, flag, parts) for each."""

    unit: int
    row_id: str
    position: int
    repeat: int
    turn: int
    epoch: int
    items: list[tuple[int, float | None, str, str, tuple[float, ...]]]


def encode_line(kind: bytes, data: bytes) -> bytes:
    """Returns one journal line."""
    body = kind + data
    return b"%08x %s\n" % (crc32(body), body)


def decode_line(line: bytes) -> tuple[bytes, memoryview] | None:
    """Returns (kind, JSON) of a whole, undamaged line, else None."""
    if len(line) < 11 or line[-1:] != b"\n" or line[8:9] != b" ":
        return None
    body = memoryview(line)[9:-1]
    try:
        expected = int(line[:8], 16)
    except ValueError:
        return None
    return (line[9:10], body[1:]) if crc32(body) == expected else None


class EvaluationLock:
    """The right to write one evaluation's folder, held by this process until `release`.

    Raises:
        ConflictError: somebody else holds it.
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unusable_folder(folder, error) from error
        try:
            self._take()
        except BlockingIOError as error:
            holder = os.pread(self._fd, 64, 0).decode(errors="replace").split()
            os.close(self._fd)
            pid = f" (process {holder[1]})" if len(holder) > 1 else ""
            raise ConflictError(
                f"this evaluation is being worked on by another process{pid}",
                where=folder.name,
                hint="wait for it to end, or stop it there",
                code="evaluation_locked",
            ) from error
        before = os.pread(self._fd, 64, 0).split()
        self.epoch = (int(before[0]) if before else 0) + 1
        line = b"%d %d\n" % (self.epoch, os.getpid())
        try:
            # Over the old line, which is cut to length afterwards: an emptied file would let the epoch begin anew.
            os.pwrite(self._fd, line, 0)
            os.ftruncate(self._fd, len(line))
            os.fsync(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise _unusable_folder(folder, error) from error

    def _take(self) -> None:
        # Whoever asks whether it is locked holds it for a moment: that is no other writer.
        for _ in range(LOCK_TRIES - 1):
            try:
                return fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_PAUSE_S)
        return fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Gives the right back; twice is no error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class JournalWriter:
    """Appends to the parts of one evaluation. Belongs to one event loop's thread; only syncing happens elsewhere.

    Args:
        folder: the evaluation's journal folder.
        lock: held already; released by `close`.
        first_part: number of the part to start.
        signatures: of the scorers.
        on_part_closed: called (in this thread) with each full part, so that it can be compacted.
        on_close: called after the last part is synced and closed, before the lock is released.
    """

    def __init__(
        self,
        folder: Path,
        lock: EvaluationLock,
        first_part: int,
        signatures: Sequence[str],
        on_part_closed: Callable[[Path], None],
        on_close: Callable[[], None],
    ) -> None:
        self.epoch = lock.epoch
        self._folder = folder
        self._lock = lock
        self._number = first_part - 1
        self._header = PartHeader(lock.epoch, tuple(signatures))
        self._on_part_closed, self._on_close = on_part_closed, on_close
        self._pending: list[bytes] = []
        self._scheduled = False
        self._error: OSError | None = None
        self._fd = -1
        self._path = folder
        self._size = self._records = self._unsynced = 0
        self._full = threading.Event()
        self._fd_guard = threading.Lock()
        self._closing = False
        try:
            self._start_part()
        except OSError as error:
            raise _unusable_folder(folder, error) from error
        self._check()
        self._thread = threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True)
        self._thread.start()

    def append(self, answer: AnswerRecord, scores: Sequence[ScoreRecord]) -> None:
        """See ports.journal.Journal."""
        self._records += 1
        self._put(encode_line(b"A", _encode(answer)))
        if scores:
            self.append_scores(scores)

    def append_scores(self, scores: Sequence[ScoreRecord]) -> None:
        """See ports.journal.Journal."""
        first = scores[0]
        items = [(s.scorer, s.value, s.reason, s.flag, s.parts) for s in scores]
        line = ScoreLine(first.unit, first.row_id, first.position, first.repeat, first.turn, first.epoch, items)
        self._put(encode_line(b"S", _encode(line)))

    def flush(self) -> None:
        """See ports.journal.Journal."""
        self._write_pending()
        self._check()

    def _write_pending(self) -> None:
        self._scheduled = False
        if self._pending and self._error is None:
            data = b"".join(self._pending)
            self._pending.clear()
            self._write(data)
            if self._size >= PART_BYTES or self._records >= PART_RECORDS:
                self._finish_part()
                self._on_part_closed(self._path)
                try:
                    self._start_part()
                except OSError as error:
                    self._error = self._error or error

    def close(self) -> None:
        """See ports.journal.Journal."""
        if self._closing:
            return
        self._write_pending()
        self._closing = True
        self._full.set()
        self._thread.join()
        try:
            if self._fd >= 0:
                self._finish_part()
            if self._error is None:
                self._on_close()
        finally:
            self._lock.release()
        self._check()

    def _put(self, line: bytes) -> None:
        self._check()
        self._pending.append(line)
        if not self._scheduled:
            self._scheduled = True
            try:
                asyncio.get_running_loop().call_soon(self._write_pending)
            except RuntimeError:
                self._write_pending()

    def _check(self) -> None:
        if self._error is not None:
            raise StorageError(
                f"the journal cannot be written: {self._error.strerror or self._error}",
                where=str(self._path),
                hint="make room or mend the disk, then run the same plan again: nothing recorded is lost",
                code="journal_write",
            )

    def _write(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._error = error
            # A half-written group must not stand in the middle of a part that is written on after the disk has room again.
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            return
        self._size += len(data)
        before, self._unsynced = self._unsynced, self._unsynced + data.count(b"\n")
        if before < SYNC_EVERY_RECORDS <= self._unsynced:
            self._full.set()

    def _start_part(self) -> None:
        self._number += 1
        self._path = self._folder / f"{self._number:06d}.jsonl"
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with self._fd_guard:
            self._fd = fd
        sync_folder(self._folder)
        self._size = self._records = 0
        self._write(encode_line(b"H", _encode(self._header)))

    def _finish_part(self) -> None:
        with self._fd_guard:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            except OSError as error:
                self._error = self._error or error
            finally:
                os.close(fd)

    def _sync_loop(self) -> None:
        # Waking five times a second for nothing costs less than being woken at every write.
        while not self._closing:
            self._full.wait(SYNC_EVERY_S)
            self._full.clear()
            if self._unsynced == 0:
                continue
            self._unsynced = 0
            with self._fd_guard:
                if self._fd >= 0:
                    try:
                        os.fdatasync(self._fd)
                    except OSError as error:
                        self._error = self._error or error


def _unusable_folder(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"results cannot be written: {error.strerror or error}",
        where=str(folder),
        hint="check the data folder's rights and space",
        code="journal_write",
    )


def sync_folder(folder: Path) -> None:
    """Makes names created or renamed in the folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def repair_part(path: Path) -> int:
    """Cuts a torn tail off a part that nobody writes; returns the bytes cut. A part without a whole header is emptied."""
    end = whole = 0
    with path.open("rb", buffering=READ_BYTES) as file:
        for line in file:
            end += len(line)
            # Damage in the middle (a bad disk) stays: readers pass over it, and what it held is asked again.
            if decode_line(line) is not None:
                whole = end
    if whole < end:
        os.truncate(path, whole)
    return end - whole


_answer_decoder = msgspec.json.Decoder(AnswerRecord)
_score_decoder = msgspec.json.Decoder(ScoreLine)
_header_decoder = msgspec.json.Decoder(PartHeader)


def read_part(
    part: Path | BinaryIO, *, answers: bool = True, scores: bool = True
) -> Iterator[AnswerRecord | tuple[tuple[str, ...], ScoreLine]]:
    """Yields the records of a part in order, passing over damaged lines and a torn tail; closes the part.

    Scores come as (signatures, line); without a readable header nobody knows what they mean, and they are passed over.
    """
    signatures: tuple[str, ...] = ()
    unwanted = b"A" if not answers else b"S" if not scores else b""
    with part if not isinstance(part, Path) else part.open("rb", buffering=READ_BYTES) as file:
        for line in file:
            # A line that is not asked for need not be whole: most of the cost is in checking it.
            if line[9:10] == unwanted:
                continue
            decoded = decode_line(line)
            if decoded is None:
                continue
            kind, body = decoded
            if kind == b"A":
                yield _answer_decoder.decode(body)
            elif kind == b"S":
                if signatures:
                    yield signatures, _score_decoder.decode(body)
            elif kind == b"H":
                signatures = _header_decoder.decode(body).signatures
