"""Keys: made, shown once, listed, revoked; and the root user's first ones."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.ids import ACCESS_KEY as ACCESS_KEY_PREFIX
from steelyard.domain.ids import DEFAULT_WORKSPACE, new_id
from steelyard.ports.identity import ACCESS_KEY, API_KEY, api_key_lookup
from steelyard.ports.repositories import KeyRecord

if TYPE_CHECKING:
    from steelyard.ports.repositories import Repositories

ROOT = "root"
"""User and key name of the first principal."""

_SPEAKABLE = re.compile(r"[!-~]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only time its secret can be read."""

    id: str
    kind: str
    """api or access."""
    name: str
    key: str = field(repr=False)
    """api: the key itself, `sk-` and 48 hex digits; access: the access key."""
    secret: str = field(repr=False, default="")
    """access: the secret key; empty for an API key."""


def create_key(
    repositories: Repositories,
    workspace_id: str,
    user: str,
    *,
    kind: str,
    name: str = "",
    key: str = "",
    secret: str = "",
) -> NewKey:
    """Makes a key of 192 random bits, or stores the one that is given.

    Args:
        repositories: where it is kept: an API key as a hash, a secret key encrypted.
        workspace_id: what it opens.
        user: whom it stands for.
        kind: api or access.
        name: for people.
        key: instead of a random one.
        secret: of an access key; goes with `key`.

    Raises:
        InputError: unknown kind, or a given key that no header could carry.
        ConflictError: the given key exists already.
    """
    if kind not in {API_KEY, ACCESS_KEY}:
        raise InputError(f"unknown kind of key '{kind}'", hint="use api or access", code="unknown_key_kind")
    if kind == API_KEY:
        key = key or "sk-" + secrets.token_hex(24)
        _check(key, "API key")
        made = NewKey(new_id(ACCESS_KEY_PREFIX), kind, name, key)
        _store(repositories, workspace_id, user, made, lookup=api_key_lookup(key))
        return made
    if bool(key) != bool(secret):
        raise InputError("an access key and its secret key go together", hint="give both or neither")
    key = key or secrets.token_hex(16)
    secret = secret or secrets.token_hex(24)
    _check(key, "access key", forbidden="/")
    _check(secret, "secret key")
    made = NewKey(new_id(ACCESS_KEY_PREFIX), kind, name, key, secret)
    secret_id = repositories.secrets.put(secret)
    try:
        _store(repositories, workspace_id, user, made, lookup=key, secret_id=secret_id)
    except BaseException:
        repositories.secrets.delete(secret_id)
        raise
    return made


def list_keys(repositories: Repositories, workspace_id: str) -> list[KeyRecord]:
    """Returns the workspace's keys, revoked ones too, newest first; no record holds a secret."""
    return repositories.keys.list(workspace_id)


def revoke_key(repositories: Repositories, workspace_id: str, key_id: str) -> None:
    """Makes the key useless from the next request on.

    Raises:
        NotFoundError: this workspace has no such key.
    """
    repositories.keys.revoke(workspace_id, key_id, _now())


def bootstrap(
    repositories: Repositories, *, api_key: str = "", access_key: str = "", secret_key: str = "", generate: bool = False
) -> list[NewKey]:
    """Gives the user root of the default workspace its first keys; what is there already is left alone.

    Given values are stored unless root has a key of that kind, revoked or not. With `generate`, what was not given is
    made up if the workspace has no key of that kind at all. Calling it again does nothing.

    Returns:
        The keys that were made by this call.

    Raises:
        InputError: an access key without its secret or the reverse, or a key that no header could carry.
    """
    if bool(access_key) != bool(secret_key):
        raise InputError(
            "the root access key and secret key go together",
            where="STEELYARD_ROOT_ACCESS_KEY, STEELYARD_ROOT_SECRET_KEY",
            hint="set both or neither",
        )
    there = repositories.keys.list(DEFAULT_WORKSPACE)
    made: list[NewKey] = []
    for kind, key, secret in ((API_KEY, api_key, ""), (ACCESS_KEY, access_key, secret_key)):
        same_kind = [record for record in there if record.kind == kind]
        of_root = any(record.created_by == ROOT and record.name == ROOT for record in same_kind)
        if (key and not of_root) or (not key and generate and not same_kind):
            try:
                made.append(
                    create_key(repositories, DEFAULT_WORKSPACE, ROOT, kind=kind, name=ROOT, key=key, secret=secret)
                )
            except ConflictError:
                # Another process that starts just now stored the same key, or somebody else's key has this value.
                continue
    return made


def _store(
    repositories: Repositories, workspace_id: str, user: str, made: NewKey, *, lookup: str, secret_id: str = ""
) -> None:
    repositories.keys.add(
        KeyRecord(made.id, workspace_id, _now(), user, made.kind, made.name, lookup=lookup, secret_id=secret_id)
    )


def _check(text: str, what: str, forbidden: str = "") -> None:
    # The text itself stays out of the message: it is a credential.
    if not _SPEAKABLE.fullmatch(text) or any(letter in text for letter in forbidden):
        without = f" without '{forbidden}'" if forbidden else ""
        raise InputError(f"the {what} must be 1 to 256 visible ASCII characters{without}", code="bad_key")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
