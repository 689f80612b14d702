"""`/me`, `/api-keys`, `/access-keys`: who is calling, and what calls can be made with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.idempotency import OnceDep
from steelyard.api.native.pages import PageOut
from steelyard.domain.errors import NotFoundError
from steelyard.ports.identity import ACCESS_KEY, API_KEY, Principal
from steelyard.ports.repositories import KeyRecord
from steelyard.services.access import create_key, list_keys, revoke_key

router = APIRouter(tags=["keys"])


class MeOut(BaseModel):
    """Who is calling."""

    user: str
    workspace_id: str
    key_id: str


class KeyIn(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200)


class NewApiKeyOut(BaseModel):
    """A new API key; `key` is shown this once."""

    id: str
    name: str
    key: str


class NewAccessKeyOut(BaseModel):
    """A new access key for signed requests; `secret_key` is shown this once."""

    id: str
    name: str
    access_key: str
    secret_key: str


class ApiKeyOut(BaseModel):
    """A key as it is listed: without its value."""

    id: str
    name: str
    created_at: str
    created_by: str
    revoked_at: str | None


class AccessKeyOut(ApiKeyOut):
    """An access key as it is listed: without its secret."""

    access_key: str


@router.get("/me")
def me(who: PrincipalDep) -> MeOut:
    """Says whose key this is."""
    return MeOut(user=who.user, workspace_id=who.workspace_id, key_id=who.key_id)


@router.post("/api-keys", status_code=201, response_model=NewApiKeyOut)
def create_api_key(body: KeyIn, who: PrincipalDep, services: ServicesDep, once: OnceDep) -> Response:
    """Makes an API key."""

    def make() -> NewApiKeyOut:
        made = create_key(services.platform.repositories, who.workspace_id, who.user, kind=API_KEY, name=body.name)
        return NewApiKeyOut(id=made.id, name=made.name, key=made.key)

    return once.create(body, make, secret=True)


@router.post("/access-keys", status_code=201, response_model=NewAccessKeyOut)
def create_access_key(body: KeyIn, who: PrincipalDep, services: ServicesDep, once: OnceDep) -> Response:
    """Makes an access key with its secret key."""

    def make() -> NewAccessKeyOut:
        made = create_key(services.platform.repositories, who.workspace_id, who.user, kind=ACCESS_KEY, name=body.name)
        return NewAccessKeyOut(id=made.id, name=made.name, access_key=made.key, secret_key=made.secret)

    return once.create(body, make, secret=True)


@router.get("/api-keys")
def list_api_keys(who: PrincipalDep, services: ServicesDep) -> PageOut[ApiKeyOut]:
    """Lists API keys, revoked ones too."""
    return PageOut(items=[ApiKeyOut(**_shown(r)) for r in _of_kind(services, who, API_KEY)], next_cursor=None)


@router.get("/access-keys")
def list_access_keys(who: PrincipalDep, services: ServicesDep) -> PageOut[AccessKeyOut]:
    """Lists access keys, revoked ones too."""
    items = [AccessKeyOut(**_shown(r), access_key=r.lookup) for r in _of_kind(services, who, ACCESS_KEY)]
    return PageOut(items=items, next_cursor=None)


@router.delete("/api-keys/{key_id}", status_code=204)
def revoke_api_key(key_id: str, who: PrincipalDep, services: ServicesDep) -> None:
    """Makes an API key useless from the next request on."""
    _revoke(services, who, API_KEY, key_id)


@router.delete("/access-keys/{key_id}", status_code=204)
def revoke_access_key(key_id: str, who: PrincipalDep, services: ServicesDep) -> None:
    """Makes an access key useless from the next request on."""
    _revoke(services, who, ACCESS_KEY, key_id)


def _of_kind(services: Services, who: Principal, kind: str) -> list[KeyRecord]:
    return [r for r in list_keys(services.platform.repositories, who.workspace_id) if r.kind == kind]


def _revoke(services: Services, who: Principal, kind: str, key_id: str) -> None:
    if not any(r.id == key_id for r in _of_kind(services, who, kind)):
        raise NotFoundError("there is no such key", where=key_id, code="key_not_found")
    revoke_key(services.platform.repositories, who.workspace_id, key_id)


def _shown(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "created_at": record.created_at,
        "created_by": record.created_by,
        "revoked_at": record.revoked_at or None,
    }
