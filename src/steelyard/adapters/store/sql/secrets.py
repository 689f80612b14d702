"""Secrets: encrypted before they reach the database, with a key that is never stored in it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from steelyard.adapters.store.sql.moment import utc_now
from steelyard.adapters.store.sql.tables import secrets as table
from steelyard.domain.errors import NotFoundError, StorageError
from steelyard.domain.ids import DEFAULT_WORKSPACE, new_id

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

    from steelyard.adapters.store.sql.database import Database

_SALT = b"steelyard/secrets/1"


class SqlSecrets:
    """`ports.repositories.Secrets` over SQL: AES-128-CBC with HMAC-SHA256 (Fernet), a fresh IV for each value.

    Nobody can guess an id, and only stored records name one; callers must not take ids from requests.
    """

    def __init__(self, database: Database, secret_key: bytes) -> None:
        self._database = database
        self._secret_key = secret_key

    def put(self, value: str) -> str:
        """Encrypts and stores; returns the secret's id."""
        secret_id = new_id("sc")
        ciphertext = self._fernet.encrypt(value.encode())
        with self._database.write(f"secret {secret_id}") as connection:
            connection.execute(
                insert(table).values(
                    id=secret_id,
                    workspace_id=DEFAULT_WORKSPACE,
                    created_at=utc_now(),
                    created_by="",
                    ciphertext=ciphertext,
                )
            )
        return secret_id

    def get(self, secret_id: str) -> str:
        """Returns the value.

        Raises:
            NotFoundError: there is no such secret.
            StorageError: it was encrypted with another key, or changed since.
        """
        with self._database.read() as connection:
            ciphertext = connection.scalar(select(table.c.ciphertext).where(table.c.id == secret_id))
        if ciphertext is None:
            raise NotFoundError("there is no such secret", where=secret_id, code="secret_not_found")
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(bytes(ciphertext)).decode()
        except InvalidToken:
            raise StorageError(
                "a stored credential was encrypted with another key",
                where=secret_id,
                hint="start with the STEELYARD_SECRET_KEY (or secret.key file) it was stored with, or store it anew",
                code="wrong_secret_key",
            ) from None

    def delete(self, secret_id: str) -> None:
        """Removes the value; one that is not there is no error."""
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.id == secret_id))

    @cached_property
    def _fernet(self) -> Fernet:
        import base64
        import hashlib

        from cryptography.fernet import Fernet

        # A passphrase of a person may stand in STEELYARD_SECRET_KEY, so guessing must be slow (16 MiB, tens of ms).
        derived = hashlib.scrypt(self._secret_key, salt=_SALT, n=2**14, r=8, p=1, dklen=32)
        return Fernet(base64.urlsafe_b64encode(derived))
