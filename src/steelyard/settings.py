"""What this installation is told from outside. The only module that reads environment variables.

Flags beat the environment, the environment beats defaults.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from steelyard.domain.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DATA_DIR = Path(".steelyard")
EXECUTORS = ("local", "ray")
LANGUAGES = ("zh", "en")

_SECRET_FILE = "secret.key"  # noqa: S105 - a file name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is set from outside; credentials are left out of its repr."""

    data_dir: Path
    database_url: str = field(repr=False)
    """SQLAlchemy URL; may hold a password."""
    storage_url: str
    """file:///… (percent-encoded path) or s3://bucket/prefix."""
    executor: str
    """local or ray."""
    lang: Literal["zh", "en"]
    """zh or en: texts for people; codes and JSON are never translated."""
    secret_key: str = field(repr=False, default="")
    """STEELYARD_SECRET_KEY; empty when the data dir holds the key. Use `load_secret_key`."""
    root_access_key: str = field(repr=False, default="")
    root_secret_key: str = field(repr=False, default="")
    root_api_key: str = field(repr=False, default="")
    root_password: str = field(repr=False, default="")


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    data_dir: str | Path | None = None,
    database_url: str | None = None,
    storage_url: str | None = None,
    executor: str | None = None,
    lang: str | None = None,
) -> Settings:
    """Returns the settings; creates and reads no file. An empty variable counts as unset.

    Args:
        environ: instead of this process's environment.
        data_dir: flag; else STEELYARD_DATA_DIR, else ./.steelyard.
        database_url: flag; else STEELYARD_DATABASE_URL, else SQLite in the data dir.
        storage_url: flag; else STEELYARD_STORAGE_URL, else the data dir.
        executor: flag; else STEELYARD_EXECUTOR, else local.
        lang: flag; else STEELYARD_LANG, else zh when the locale (LC_ALL, LC_MESSAGES, LANG) is Chinese, else en.

    Raises:
        InputError: names the variable or flag, its value unless it may hold a credential, and what is allowed.
    """
    env = os.environ if environ is None else environ
    folder = Path(data_dir or env.get("STEELYARD_DATA_DIR") or DEFAULT_DATA_DIR).expanduser()
    settings = Settings(
        data_dir=folder,
        database_url=database_url or env.get("STEELYARD_DATABASE_URL") or _sqlite_url(folder),
        storage_url=_storage_url(storage_url or env.get("STEELYARD_STORAGE_URL") or "", folder),
        executor=_one_of(executor, env, "STEELYARD_EXECUTOR", EXECUTORS) or "local",
        lang="zh" if (_one_of(lang, env, "STEELYARD_LANG", LANGUAGES) or _locale_language(env)) == "zh" else "en",
        secret_key=env.get("STEELYARD_SECRET_KEY", ""),
        root_access_key=env.get("STEELYARD_ROOT_ACCESS_KEY", ""),
        root_secret_key=env.get("STEELYARD_ROOT_SECRET_KEY", ""),
        root_api_key=env.get("STEELYARD_ROOT_API_KEY", ""),
        root_password=env.get("STEELYARD_ROOT_PASSWORD", ""),
    )
    _check_root(settings)
    return settings


def load_secret_key(settings: Settings) -> bytes:
    """Returns what stored credentials are encrypted with; makes `secret.key` (mode 0600) on first use.

    Two processes that start at once get the same key.

    Raises:
        StorageError: the file cannot be read or written, or is empty.
    """
    if settings.secret_key:
        return settings.secret_key.encode()
    path = settings.data_dir / _SECRET_FILE
    try:
        if not path.exists():
            _create_secret(path)
        text = path.read_bytes().strip()
    except OSError as error:
        raise StorageError(
            f"the secret key cannot be kept: {error.strerror}",
            where=str(path),
            hint="make the data directory writable, or set STEELYARD_SECRET_KEY",
        ) from error
    if not text:
        raise StorageError(
            "the secret key file is empty",
            where=str(path),
            hint="restore it from a backup; without it stored credentials are lost and the file may be deleted",
        )
    return text


def read_env(name: str) -> str | None:
    """Returns the variable of this process's environment; None when it is unset or empty."""
    return os.environ.get(name) or None


def _create_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it 0600 from the start; the link appears complete or not at all, and never over another's.
    handle, name = tempfile.mkstemp(prefix=_SECRET_FILE, dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _sqlite_url(folder: Path) -> str:
    path = folder.absolute() / "steelyard.db"
    if "?" in str(path):
        raise InputError("the data directory's path may hold no '?'", where=str(folder), code="bad_data_dir")
    return f"sqlite:///{path}"


def _storage_url(text: str, folder: Path) -> str:
    if not text:
        return folder.absolute().as_uri()
    parts = urlsplit(text)
    local = parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/")
    if local or (parts.scheme == "s3" and parts.hostname):
        return text
    raise InputError(
        "the storage URL cannot be used",
        where="STEELYARD_STORAGE_URL or --storage-url",
        hint="use file:///absolute/path or s3://bucket/prefix",
        code="bad_storage_url",
    )


def _one_of(flag: str | None, env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = flag or env.get(name, "")
    if value and value not in allowed:
        raise InputError(
            f"'{value}' is not one of {', '.join(allowed)}",
            where=f"--{name.removeprefix('STEELYARD_').lower()}" if flag else name,
            hint=f"use {' or '.join(allowed)}",
            code="bad_setting",
        )
    return value


def _locale_language(env: Mapping[str, str]) -> str:
    locale = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"


def _check_root(settings: Settings) -> None:
    if bool(settings.root_access_key) != bool(settings.root_secret_key):
        raise InputError(
            "the root access key and secret key go together",
            where="STEELYARD_ROOT_ACCESS_KEY, STEELYARD_ROOT_SECRET_KEY",
            hint="set both or neither",
            code="bad_setting",
        )
