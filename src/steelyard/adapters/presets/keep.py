"""Files come into a preset's folder whole, checked and by their right name, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from steelyard.domain.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from steelyard.domain.preset import Preset

_LARGEST_MEMBER = 4 * 1024**3


@contextmanager
def arriving(preset: Preset, folder: Path, path: str) -> Generator[IO[bytes]]:
    """Opens a file to write; at the end of the block it is checked and takes its name, unless the block failed.

    Raises:
        InputError: its digest is not the pinned one (`wrong_checksum`); nothing is kept.
        StorageError: the folder cannot be written.
    """
    target = folder / path
    draft: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".arriving-", delete=False) as stream:
            draft = Path(stream.name)
            yield stream
        check_digest(preset, path, draft)
        draft.replace(target)
    except OSError as error:
        raise StorageError(
            f"the file cannot be kept: {error.strerror}", where=str(target), hint="free space, or mend permissions"
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def check_digest(preset: Preset, path: str, file: Path) -> None:
    """Compares a file with the digest its preset pins, if any.

    Raises:
        InputError: they differ (`wrong_checksum`).
    """
    wanted = preset.sha256.get(path)
    if wanted is None:
        return
    found = sha256_of(file)
    if found != wanted.lower():
        raise InputError(
            f"the file is not the one that preset {preset.name} pins: sha256 {found[:16]}…, expected {wanted[:16]}…",
            where=f"{preset.name}/{path}",
            hint="fetch it from another source, or remove your copy",
            code="wrong_checksum",
        )


def sha256_of(file: Path) -> str:
    """Returns the hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(preset: Preset, archive: Path, wanted: Sequence[str], folder: Path, *, called: str) -> list[str]:
    """Takes the wanted paths out of a zip file, wherever in it they lie; returns those found. No other member is written.

    `called` is the archive's name for messages.

    Raises:
        InputError: it is no zip file, a member is damaged or larger than 4 GB, or a digest is wrong.
        StorageError: the folder cannot be written.
    """
    found: list[str] = []
    try:
        with ZipFile(archive) as packed:
            members = {info.filename: info for info in packed.infolist() if not info.is_dir()}
            for path in wanted:
                ends = (name for name in members if name == path or name.endswith("/" + path))
                name = min((n for n in ends if not n.startswith("__MACOSX/")), key=len, default=None)
                if name is None:
                    continue
                if members[name].file_size > _LARGEST_MEMBER:
                    raise InputError(f"{name} is larger than 4 GB", where=called, code="file_too_large")
                with packed.open(name) as source, arriving(preset, folder, path) as target:
                    shutil.copyfileobj(source, target, 1024 * 1024)
                found.append(path)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(
            f"the archive cannot be read: {error}", where=called, hint="get it again", code="bad_file"
        ) from error
    return found
