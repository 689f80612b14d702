"""Which members of an archive are read, by their names and kinds alone."""

from __future__ import annotations

import stat
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    import tarfile
    import zipfile

_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar", ".lzma", ".z")
_UTF8_NAME = 0x800


class MemberKind(StrEnum):
    """What a member is, as the message about it says."""

    FILE = "a file"
    FOLDER = "a folder"
    LINK = "a link"
    SPECIAL = "a device or pipe"

    @staticmethod
    def of_mode(mode: int) -> MemberKind:
        """Returns the kind by a Unix mode; 0 (written elsewhere) is a file."""
        if stat.S_ISLNK(mode):
            return MemberKind.LINK
        if stat.S_ISDIR(mode):
            return MemberKind.FOLDER
        return MemberKind.FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else MemberKind.SPECIAL

    @staticmethod
    def of_tar(info: tarfile.TarInfo) -> MemberKind:
        """Returns the kind of a tar's member."""
        if info.issym() or info.islnk():
            return MemberKind.LINK
        if info.isdir():
            return MemberKind.FOLDER
        return MemberKind.FILE if info.isreg() else MemberKind.SPECIAL


def check_member(name: str, archive: str, kind: MemberKind) -> None:
    """Refuses a member that is no plain file or folder within the archive's own folder, or an archive itself.

    Raises:
        InputError: `bad_archive`, with the member's name.
    """
    where = f"{archive}!{name}"
    if kind in (MemberKind.LINK, MemberKind.SPECIAL):
        raise InputError(f"the member is {kind}", where=where, hint="pack plain files only", code="bad_archive")
    parts = name.replace("\\", "/").split("/")
    if "\0" in name or not name or parts[0] == "" or ".." in parts or parts[0][1:2] == ":":
        raise InputError(
            "the member's name leads out of the archive's folder",
            where=where.replace("\0", "\\0"),
            hint="pack the files with plain relative names",
            code="bad_archive",
        )
    if kind is MemberKind.FILE and not is_beside_the_data(name) and name.lower().endswith(_NESTED):
        raise InputError(
            "an archive within an archive is not read",
            where=where,
            hint="pack the files themselves",
            code="bad_archive",
        )


def is_beside_the_data(name: str) -> bool:
    """Tells whether a packing program or desktop added the member: `__MACOSX/`, or a name that begins with a dot."""
    path = PurePosixPath(name.replace("\\", "/"))
    return "__MACOSX" in path.parts or path.name.startswith(".")


def zip_name(info: zipfile.ZipInfo) -> str:
    """Returns a zip member's name as its author wrote it: UTF-8, or GB18030 where the archive does not say."""
    name = info.orig_filename
    if info.flag_bits & _UTF8_NAME or name.isascii():
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name
