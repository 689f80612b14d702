"""Brings a preset's data files into its folder: from a copy on disk, or from a hub by plain HTTPS."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from steelyard.adapters.presets.folder import find_file, paths_of, splits_of
from steelyard.adapters.presets.keep import arriving, check_digest, sha256_of, unpack
from steelyard.domain.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from contextlib import AbstractContextManager

    from steelyard.adapters.presets.sources import Download
    from steelyard.domain.preset import Preset


class Arrival(Struct, frozen=True):
    """One data file that is in the folder now."""

    path: str
    sha256: str
    new: bool
    """False: it was there before."""


def fetch_from_folder(preset: Preset, folder: Path, source: Path, subset: str = "") -> list[Arrival]:
    """Copies the files a run needs out of a folder in the original layout, zip archives in it included.

    What is there already is kept as it is.

    Args:
        preset: whose data it is.
        folder: where it goes.
        source: a person's copy.
        subset: one subset; empty for all.

    Raises:
        InputError: a file is missing in the source (`no_such_file`; what was found before is kept), or its digest is wrong.
        StorageError: the folder cannot be written.
    """
    if not source.is_dir():
        raise InputError("there is no such folder", where=str(source), hint="check --from", code="no_such_file")
    before = _here(preset, folder, subset)
    for path in _archives(preset):
        archive = source / path
        if archive.is_file() and (wanted := _wanted(preset, folder, subset)):
            check_digest(preset, path, archive)
            unpack(preset, archive, wanted, folder, called=path)
    for split, name in _missing(preset, folder, subset):
        found = find_file(preset, source, split, name)
        if found is None:
            raise InputError(
                f"the folder holds no {' and no '.join(paths_of(preset, split, name))}",
                where=str(source),
                hint=f"lay the files of {preset.name} there as its authors name them",
                code="no_such_file",
            )
        with (source / found).open("rb") as stream, arriving(preset, folder, found) as target:
            shutil.copyfileobj(stream, target, 1024 * 1024)
    return _arrivals(preset, folder, subset, before)


def fetch_from_source(
    preset: Preset, folder: Path, opened: AbstractContextManager[Download], subset: str = ""
) -> list[Arrival]:
    """Downloads the files a run needs; those that are there already are not asked for again.

    Args:
        preset: whose data it is.
        folder: where it goes.
        opened: the way to the source; entered only when a file is missing.
        subset: one subset; empty for all.

    Raises:
        InputError: the source cannot be reached, refuses, or does not have a file; files that came before are kept.
        StorageError: the folder cannot be written.
    """
    before = _here(preset, folder, subset)
    if _missing(preset, folder, subset):
        with opened as download:
            for path in _archives(preset):
                if wanted := _wanted(preset, folder, subset):
                    _from_archive(preset, folder, path, wanted, download)
            for split, name in _missing(preset, folder, subset):
                _first_of(preset, folder, paths_of(preset, split, name), download)
    return _arrivals(preset, folder, subset, before)


def _from_archive(preset: Preset, folder: Path, path: str, wanted: list[str], download: Download) -> None:
    with _space(folder), tempfile.NamedTemporaryFile(dir=folder, prefix=".archive-") as stream:
        if download(path, stream):
            stream.flush()
            archive = Path(stream.name)
            check_digest(preset, path, archive)
            unpack(preset, archive, wanted, folder, called=path)


def _first_of(preset: Preset, folder: Path, paths: list[str], download: Download) -> None:
    for path in paths:
        with _space(folder), tempfile.TemporaryFile(dir=folder) as stream:
            if not download(path, stream):
                continue
            stream.seek(0)
            with arriving(preset, folder, path) as target:
                shutil.copyfileobj(stream, target, 1024 * 1024)
            return
    raise InputError(
        f"the source has no {' and no '.join(paths)}",
        where=f"preset:{preset.name}",
        hint="try another --source or --mirror, or bring the files with --from FOLDER",
        code="not_at_source",
    )


def _needed(preset: Preset, subset: str) -> Iterator[tuple[str, str]]:
    for name in preset.subsets_of(subset):
        for split in splits_of(preset):
            yield split, name


def _missing(preset: Preset, folder: Path, subset: str) -> list[tuple[str, str]]:
    return [(split, name) for split, name in _needed(preset, subset) if not find_file(preset, folder, split, name)]


def _here(preset: Preset, folder: Path, subset: str) -> set[str]:
    """Returns the files that are there; each has the pinned digest."""
    found = {path for split, name in _needed(preset, subset) if (path := find_file(preset, folder, split, name))}
    for path in found:
        check_digest(preset, path, folder / path)
    return found


def _wanted(preset: Preset, folder: Path, subset: str) -> list[str]:
    """Returns the paths to look for in an archive: all that may hold what is missing."""
    return [path for split, name in _missing(preset, folder, subset) for path in paths_of(preset, split, name)]


def _arrivals(preset: Preset, folder: Path, subset: str, before: set[str]) -> list[Arrival]:
    paths = dict.fromkeys(find_file(preset, folder, split, name) for split, name in _needed(preset, subset))
    return [Arrival(path, sha256_of(folder / path), path not in before) for path in paths if path]


def _archives(preset: Preset) -> list[str]:
    hubs = (preset.source.huggingface, preset.source.modelscope)
    return list(dict.fromkeys(path for hub in hubs if hub for path in hub.archives))


@contextmanager
def _space(folder: Path) -> Generator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"the download cannot be kept: {error.strerror}", where=str(folder), hint="free space, or mend permissions"
        ) from error
