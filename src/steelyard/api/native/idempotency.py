"""Creates that may be sent twice: the same Idempotency-Key with the same body gives the first answer again."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from steelyard.api.dependencies import PrincipalDep, ServicesDep
from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.ids import content_hash
from steelyard.ports.repositories import Repositories

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_LOCKS = [threading.Lock() for _ in range(64)]
"""Two requests with one key at the same time: the second waits for the first one's answer."""


@dataclass(frozen=True)
class Once:
    """One create, with the key it came with, if any."""

    repositories: Repositories
    workspace_id: str
    key: str
    path: str

    def create(self, body: BaseModel | str, make: Callable[[], BaseModel], *, secret: bool = False) -> Response:
        """Returns 201 with what `make` made, or with what it made the first time.

        Nothing is kept of a create that failed: sending it again tries again.

        Args:
            body: what was asked for; equal bodies are equal requests.
            make: creates.
            secret: the answer holds a credential, so it is kept encrypted.

        Raises:
            ConflictError: the key came with another body before (idempotency_conflict).
        """
        if not self.key:
            return _created(make().model_dump_json().encode())
        text = body if isinstance(body, str) else body.model_dump_json()
        asked = content_hash(self.path, text)
        with _LOCKS[hash((self.workspace_id, self.key)) % len(_LOCKS)]:
            found = self.repositories.idempotency.find(self.workspace_id, self.key)
            if found is not None:
                return self._replay(asked, found, secret)
            answer = make().model_dump_json().encode()
            kept = self.repositories.secrets.put(answer.decode()).encode() if secret else answer
            self.repositories.idempotency.put(self.workspace_id, self.key, asked, kept)
            return _created(answer)

    def _replay(self, asked: str, found: tuple[str, bytes], secret: bool) -> Response:
        before, kept = found
        if before != asked:
            raise ConflictError(
                "this Idempotency-Key came with another request before",
                where="Idempotency-Key",
                hint="take a new key for a new request",
                code="idempotency_conflict",
            )
        answer = self.repositories.secrets.get(kept.decode()).encode() if secret else kept
        response = _created(answer)
        response.headers["Idempotent-Replayed"] = "true"
        return response


def _created(body: bytes) -> Response:
    return Response(body, 201, media_type="application/json")


def once(
    request: Request,
    services: ServicesDep,
    who: PrincipalDep,
    idempotency_key: Annotated[str | None, Header(description="Makes sending it twice harmless.")] = None,
) -> Once:
    """Returns how this create is made once. Raises InputError for a key that is no short visible text."""
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise InputError("the key must be 1 to 255 visible ASCII characters", where="Idempotency-Key", code="bad_key")
    return Once(services.platform.repositories, who.workspace_id, idempotency_key or "", request.url.path)


OnceDep = Annotated[Once, Depends(once)]
