"""`/endpoints`: where models are reached. A key goes in and never comes out."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.idempotency import OnceDep
from steelyard.api.native.pages import Cursor, Limit, PageOut
from steelyard.domain.errors import InputError
from steelyard.ports.repositories import EndpointRecord
from steelyard.services.endpoints import delete_endpoint as remove_endpoint
from steelyard.services.evaluations.endpoints import add_endpoint, endpoint_spec
from steelyard.services.evaluations.plan import EndpointIn, PriceIn

router = APIRouter(prefix="/endpoints", tags=["endpoints"])


class EndpointCreateIn(BaseModel):
    """An endpoint to be registered."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200)
    base_url: str = Field(min_length=1, max_length=2000)
    model: str = Field(default="", max_length=200)
    api_key: SecretStr | None = None
    """Kept encrypted; no answer holds it."""
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    max_concurrency: int | None = Field(default=None, ge=1, le=4096)
    price: PriceIn | None = None
    timeout_s: float = Field(default=120.0, gt=0, le=86_400)
    max_attempts: int = Field(default=5, ge=1, le=100)
    verify_tls: bool = True
    param_map: dict[str, str] = {}
    param_ranges: dict[str, tuple[float, float]] = {}

    @field_serializer("api_key", when_used="json")
    def _whole_key(self, key: SecretStr | None) -> str | None:
        # Only ever hashed: whether two creates are the same one depends on the key too.
        return key.get_secret_value() if key is not None else None


class PriceOut(BaseModel):
    """Prices per million tokens, as decimal strings."""

    input_per_1m: str
    output_per_1m: str
    currency: str


class EndpointOut(BaseModel):
    """A stored endpoint."""

    id: str
    model_version_id: str
    name: str
    base_url: str
    model: str
    has_api_key: bool
    rpm: int | None
    tpm: int | None
    max_concurrency: int | None
    price: PriceOut | None
    timeout_s: float
    max_attempts: int
    verify_tls: bool
    param_map: dict[str, str]
    param_ranges: dict[str, tuple[float, float]]
    created_at: str
    created_by: str


class ProbeOut(BaseModel):
    """Whether the endpoint answered; `reason` and `message` say why not."""

    reachable: bool
    reason: str | None
    message: str | None


@router.post("", status_code=201, response_model=EndpointOut)
async def create_endpoint(body: EndpointCreateIn, who: PrincipalDep, services: ServicesDep, once: OnceDep) -> Response:
    """Registers an endpoint; sends nothing to it."""
    given = EndpointIn(
        base_url=body.base_url.strip(), model=body.model, rpm=body.rpm, tpm=body.tpm, max_concurrency=body.max_concurrency,
        price=body.price, timeout_s=body.timeout_s, max_attempts=body.max_attempts, verify_tls=body.verify_tls,
        param_map=body.param_map, param_ranges=body.param_ranges,
    )  # fmt: skip
    spec = endpoint_spec(given)
    # Opening it finds an address that cannot be used; nothing is sent.
    await services.platform.providers.open(spec).close()

    def make() -> EndpointOut:
        key = body.api_key.get_secret_value() if body.api_key is not None else ""
        record = add_endpoint(
            services.platform, spec, name=body.name or spec.model, workspace_id=who.workspace_id, created_by=who.user, api_key=key
        )  # fmt: skip
        return endpoint_out(record)

    return await run_in_threadpool(once.create, body, make)


@router.get("")
def list_endpoints(
    who: PrincipalDep, services: ServicesDep, limit: Limit = 50, cursor: Cursor = None
) -> PageOut[EndpointOut]:
    """Lists endpoints."""
    page = services.platform.repositories.endpoints.list(who.workspace_id, limit=limit, cursor=cursor)
    return PageOut(items=[endpoint_out(record) for record in page.items], next_cursor=page.next_cursor)


@router.get("/{endpoint_id}")
def get_endpoint(endpoint_id: str, who: PrincipalDep, services: ServicesDep) -> EndpointOut:
    """Returns the endpoint of an `ep-` or `amv-` id."""
    return endpoint_out(services.platform.repositories.endpoints.get(who.workspace_id, endpoint_id))


@router.delete("/{endpoint_id}", status_code=204)
def delete_endpoint(endpoint_id: str, who: PrincipalDep, services: ServicesDep) -> None:
    """Removes an endpoint and its key, unless an evaluation that has not ended uses it; reports of others stay."""
    remove_endpoint(services.platform.repositories, who.workspace_id, endpoint_id)


@router.post("/{endpoint_id}/test")
async def test_endpoint(endpoint_id: str, who: PrincipalDep, services: ServicesDep) -> ProbeOut:
    """Looks whether the endpoint answers, without asking for a completion."""
    record = await run_in_threadpool(services.platform.repositories.endpoints.get, who.workspace_id, endpoint_id)
    return await _probe(services, record)


async def _probe(services: Services, record: EndpointRecord) -> ProbeOut:
    try:
        provider = services.platform.providers.open(record.spec)
    except InputError as error:
        return ProbeOut(reachable=False, reason=error.error_code, message=error.message)
    try:
        failure = await provider.probe()
    finally:
        await provider.close()
    if failure is None:
        return ProbeOut(reachable=True, reason=None, message=None)
    return ProbeOut(reachable=False, reason=failure.reason, message=failure.message)


def endpoint_out(record: EndpointRecord) -> EndpointOut:
    """Returns the endpoint as it is shown."""
    spec = record.spec
    price = None
    if spec.price_input_per_1m or spec.price_output_per_1m:
        price = PriceOut(
            input_per_1m=spec.price_input_per_1m, output_per_1m=spec.price_output_per_1m, currency=spec.currency
        )
    return EndpointOut(
        id=record.id, model_version_id=record.model_version_id, name=record.name, base_url=spec.base_url, model=spec.model,
        has_api_key=bool(spec.secret_id or spec.api_key_env), rpm=spec.rpm, tpm=spec.tpm, max_concurrency=spec.max_concurrency,
        price=price, timeout_s=spec.timeout_s, max_attempts=spec.max_attempts, verify_tls=spec.verify_tls,
        param_map=spec.param_map, param_ranges=spec.param_ranges, created_at=record.created_at, created_by=record.created_by,
    )  # fmt: skip
