"""The door to metadata. Every call names the workspace; records are msgspec Structs, stored whole with a few indexed columns.

Methods are plain `def`: SQLite answers in well under a millisecond. The HTTP faces call them in a worker thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from steelyard.domain.evaluation import Evaluation, State, UnitCounts
from steelyard.domain.request import EndpointSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Page(Struct, frozen=True):
    """One page of a list, newest first."""

    items: list[Any]
    next_cursor: str | None


class EndpointRecord(Struct, frozen=True, omit_defaults=True):
    """A stored endpoint. The API key is kept by the secrets door under `spec.secret_id`."""

    id: str
    workspace_id: str
    created_at: str
    created_by: str
    name: str
    model_version_id: str
    """`amv-`: what Qianfan calls modelId."""
    spec: EndpointSpec


class DatasetRecord(Struct, frozen=True, omit_defaults=True):
    """A data set (`dg-`) with one version (`ds-`)."""

    id: str
    workspace_id: str
    created_at: str
    created_by: str
    name: str
    version_id: str
    kind: str
    content_hash: str
    row_count: int


class KeyRecord(Struct, frozen=True, omit_defaults=True):
    """An API key (only its hash) or an access key (its secret encrypted, since signatures need it)."""

    id: str
    workspace_id: str
    created_at: str
    created_by: str
    kind: str
    """api or access."""
    name: str
    lookup: str
    """api: SHA-256 hex of the key; access: the access key id."""
    secret_id: str = ""
    revoked_at: str = ""


class Evaluations(Protocol):
    """Stored evaluations."""

    def add(self, evaluation: Evaluation) -> None: ...
    def get(self, workspace_id: str, evaluation_id: str) -> Evaluation:
        """Raises NotFoundError."""
        ...

    def find_by_plan(self, workspace_id: str, plan_hash: str) -> Evaluation | None:
        """Returns the newest evaluation of this plan."""
        ...

    def find_by_name(self, workspace_id: str, name: str) -> Evaluation | None:
        """Returns the newest evaluation of this name."""
        ...

    def save(self, evaluation: Evaluation) -> None:
        """Stores it whole. Does not check the transition: services do."""
        ...

    def progress(
        self, evaluation_id: str, state: State, unit_states: Sequence[State], counts: Sequence[UnitCounts]
    ) -> None:
        """Stores live state and counts only (cheap; about once a second)."""
        ...

    def delete(self, workspace_id: str, evaluation_id: str) -> None: ...
    def list(
        self,
        workspace_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        search: str = "",
        states: Sequence[State] = (),
    ) -> Page:
        """`search` is a substring of name or id."""
        ...

    def in_states(self, states: Sequence[State]) -> list[Evaluation]:
        """Returns evaluations of all workspaces in these states, oldest first (for resuming at start-up)."""
        ...


class Endpoints(Protocol):
    """Stored endpoints."""

    def add(self, record: EndpointRecord) -> None: ...
    def get(self, workspace_id: str, id_or_model_version: str) -> EndpointRecord:
        """Finds by `ep-` or `amv-` id. Raises NotFoundError."""
        ...

    def delete(self, workspace_id: str, endpoint_id: str) -> None: ...
    def list(self, workspace_id: str, *, limit: int = 50, cursor: str | None = None) -> Page: ...


class Datasets(Protocol):
    """Stored data sets and their versions."""

    def add(self, record: DatasetRecord) -> None: ...
    def get(self, workspace_id: str, id_or_version: str) -> DatasetRecord:
        """Finds by `dg-` or `ds-` id. Raises NotFoundError."""
        ...

    def find_by_content(
        self, workspace_id: str, kind: str, content_hash: str, name: str | None = None
    ) -> DatasetRecord | None:
        """Returns the newest data set with this content; with a name, the newest that is called so."""
        ...

    def version_is_used(self, version_id: str) -> bool:
        """Returns whether a data set of any workspace has this version: equal content is kept once for all."""
        ...

    def delete(self, workspace_id: str, dataset_id: str) -> None: ...
    def list(self, workspace_id: str, *, limit: int = 50, cursor: str | None = None, kind: str = "") -> Page: ...


class Keys(Protocol):
    """API keys and access keys."""

    def add(self, record: KeyRecord) -> None: ...
    def find(self, kind: str, lookup: str) -> KeyRecord | None:
        """Returns the key, revoked or not, or None."""
        ...

    def list(self, workspace_id: str) -> list[KeyRecord]: ...
    def revoke(self, workspace_id: str, key_id: str, at: str) -> None:
        """Raises NotFoundError."""
        ...


class Secrets(Protocol):
    """Encrypted values by id; a value never appears in logs, records or errors."""

    def put(self, value: str) -> str:
        """Encrypts and stores; returns the secret's id."""
        ...

    def get(self, secret_id: str) -> str:
        """Raises NotFoundError; StorageError when it was encrypted with another key."""
        ...

    def delete(self, secret_id: str) -> None: ...


class Idempotency(Protocol):
    """Answers of creates that carried an Idempotency-Key."""

    def find(self, workspace_id: str, key: str) -> tuple[str, bytes] | None:
        """Returns (hash of the request's body, stored response) or None."""
        ...

    def put(self, workspace_id: str, key: str, body_hash: str, response: bytes) -> None: ...


class Repositories(Protocol):
    """All of the above over one database."""

    evaluations: Evaluations
    endpoints: Endpoints
    datasets: Datasets
    keys: Keys
    secrets: Secrets
    idempotency: Idempotency

    def close(self) -> None: ...
