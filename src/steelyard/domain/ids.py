"""Ids as the vendors shape them, minted in one place; and the stable hashes that identify content."""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

EVALUATION = "ame"
UNIT = "ameu"
EXPORT = "amemt"
MODEL = "am"
MODEL_VERSION = "amv"
DATASET = "dg"
DATASET_VERSION = "ds"
ENDPOINT = "ep"
BATCH_JOB = "bi"
JUDGE = "jg"
REVIEW = "rv"
USER = "us"
ACCESS_KEY = "ak"
WORKSPACE = "ws"

DEFAULT_WORKSPACE = "ws-default"


def new_id(prefix: str) -> str:
    """Returns `prefix-` and ten random lower-case letters or digits (51 bits)."""
    return prefix + "-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def content_hash(*parts: bytes | str) -> str:
    """Returns 32 hex digits (BLAKE2b-128) over the parts, each length-prefixed so that boundaries count."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def short_hash(*parts: bytes | str) -> str:
    """Returns the first 16 hex digits of `content_hash`: enough for a row's identity within one data set."""
    return content_hash(*parts)[:16]
