"""Rows of data set versions as files: canonical JSON Lines, an offset for every 1,000 rows, and a manifest.

    ROOT/versions/ds-…/{rows.jsonl, index.u64, manifest.json}     complete and immutable, or not there
    ROOT/by-content/HASH                                          the version that holds this content
    ROOT/importing/…/                                             being written; locked while its process lives

A version appears by one rename. The look-up file is written before it, so that after a kill between the two a stale
look-up is ignored, rather than a version that nobody finds.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from array import array
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from steelyard.adapters.store.row_import import INDEX_STEP, RowImport
from steelyard.domain.errors import ConflictError, NotFoundError, StorageError
from steelyard.domain.row import Row, RowProblem
from steelyard.ports.rows import VersionManifest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

_VERSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class FileRowStore:
    """A `RowStore` in one folder. Several processes may use the folder at once.

    Opening it removes what killed imports left behind; imports that are still running elsewhere are left alone.

    Args:
        root: the folder; made when it is not there.
        clock: gives `created_at` of new manifests.
    """

    def __init__(self, root: Path, clock: Callable[[], str] = _utc_now) -> None:
        self._versions = root / "versions"
        self._by_content = root / "by-content"
        self._importing = root / "importing"
        self._lock = root / "lock"
        self._clock = clock
        with _storage_errors():
            for folder in (self._versions, self._by_content, self._importing):
                folder.mkdir(parents=True, exist_ok=True)
            self._clean()

    def write(
        self, version_id: str, kind: str, name: str, rows: Iterable[Row | RowProblem], *, source: str, drop_bad: bool
    ) -> VersionManifest:
        """See `RowStore.write`. An existing version's manifest comes back with this import's rejected rows."""
        folder = self._folder(version_id)
        if folder.exists():
            raise ConflictError("this version exists already", where=version_id, hint="take a new id")
        with _storage_errors(), self._scratch() as scratch:
            done = RowImport(scratch, kind, drop_bad=drop_bad).run(rows, source)
            manifest = VersionManifest(
                id=version_id,
                kind=kind,
                name=name,
                source=source,
                created_at=self._clock(),
                **msgspec.structs.asdict(done),
            )
            return self._publish(scratch, manifest)

    def manifest(self, version_id: str) -> VersionManifest:
        """See `RowStore.manifest`."""
        found = self._find(version_id)
        if found is None:
            raise NotFoundError(f"there is no data set version '{version_id}'", where=version_id)
        return found

    def read(self, version_id: str, start: int = 0, stop: int | None = None) -> Iterator[Row]:
        """See `RowStore.read`. Raises NotFoundError at once, not at the first row."""
        count = self.manifest(version_id).row_count
        stop = count if stop is None else min(stop, count)
        return _stream(self._folder(version_id), max(start, 0), stop)

    def delete(self, version_id: str) -> None:
        """See `RowStore.delete`. Iterators that are open already go on to their end."""
        with _storage_errors(), _exclusive(self._lock):
            found = self._find(version_id)
            if found is None:
                return
            pointer = self._by_content / found.content_hash
            if pointer.exists() and pointer.read_text() == version_id:
                pointer.unlink()
            with self._scratch() as scratch:
                self._folder(version_id).rename(scratch / "deleted")

    def _folder(self, version_id: str) -> Path:
        if not _VERSION_ID.fullmatch(version_id):
            raise NotFoundError(f"there is no data set version '{version_id}'", where=version_id)
        return self._versions / version_id

    def _find(self, version_id: str) -> VersionManifest | None:
        try:
            data = (self._folder(version_id) / "manifest.json").read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(data, type=VersionManifest)

    def _publish(self, scratch: Path, manifest: VersionManifest) -> VersionManifest:
        pointer = self._by_content / manifest.content_hash
        with _exclusive(self._lock):
            if pointer.exists() and (existing := self._find(pointer.read_text())) is not None:
                return msgspec.structs.replace(
                    existing, rejected=manifest.rejected, rejected_count=manifest.rejected_count
                )
            complete = scratch / "version"
            _write_durably(complete / "manifest.json", msgspec.json.encode(manifest))
            _sync_folder(complete)
            _write_durably(scratch / "pointer", manifest.id.encode())
            (scratch / "pointer").replace(pointer)
            _sync_folder(self._by_content)
            complete.rename(self._versions / manifest.id)
            _sync_folder(self._versions)
        return manifest

    @contextmanager
    def _scratch(self) -> Generator[Path]:
        """A folder for one import, gone afterwards; its lock tells the living from the dead."""
        with _exclusive(self._importing / "lock"):
            folder = Path(tempfile.mkdtemp(dir=self._importing))
            lock = (folder / "lock").open("wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()

    def _clean(self) -> None:
        with _exclusive(self._importing / "lock"):
            for folder in self._importing.iterdir():
                if folder.is_dir() and _abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def _stream(folder: Path, start: int, stop: int) -> Iterator[Row]:
    if start >= stop:
        return
    decode = msgspec.json.Decoder(Row).decode
    with _storage_errors():
        offsets = array("Q", (folder / "index.u64").read_bytes())
        file = (folder / "rows.jsonl").open("rb")
    with file:
        block = start // INDEX_STEP
        file.seek(offsets[block])
        for line in islice(file, start - block * INDEX_STEP, stop - block * INDEX_STEP):
            yield decode(line)


@contextmanager
def _exclusive(path: Path) -> Generator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _storage_errors() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the rows could not be stored: {error.strerror or error}",
            where=str(error.filename or ""),
            hint="check space and permissions",
        ) from error


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
