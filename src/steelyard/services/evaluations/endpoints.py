"""Endpoints of a plan: inline addresses, built-ins and stored ones become EndpointSpecs; and one free look whether they answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from steelyard.domain.errors import InputError
from steelyard.domain.ids import ENDPOINT, MODEL_VERSION, new_id
from steelyard.domain.request import EndpointSpec
from steelyard.ports.repositories import EndpointRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.ports.provider import ProviderFactory
    from steelyard.ports.repositories import Repositories
    from steelyard.services.evaluations.plan import EndpointIn
    from steelyard.services.evaluations.platform import Platform


def endpoint_spec(given: EndpointIn) -> EndpointSpec:
    """Returns the spec of an address that is written out.

    Raises:
        InputError: an HTTP address without a model name.
    """
    if not given.model and not given.base_url.startswith("builtin:"):
        raise InputError(
            "the endpoint names no model",
            where="endpoint.model",
            hint="add `model:` as the endpoint calls it",
            code="bad_endpoint",
        )
    price = given.price
    return EndpointSpec(
        given.base_url.rstrip("/"), given.model or given.base_url, "", given.api_key_env, "", given.headers, given.timeout_s, given.proxy, given.verify_tls,
        given.ca_file, given.rpm, given.tpm, given.max_concurrency, given.max_attempts, given.param_map, given.param_ranges,
        str(price.input_per_1m) if price else "", str(price.output_per_1m) if price else "", price.currency if price else "",
    )  # fmt: skip


def stored_endpoint(repositories: Repositories, workspace_id: str, ref: str) -> tuple[EndpointSpec, str]:
    """Returns (spec, model version id) of an `ep-` or `amv-` id, or of `builtin:NAME`.

    Raises:
        InputError: it is neither.
        NotFoundError: no endpoint has this id.
    """
    if ref.startswith("builtin:"):
        return EndpointSpec(ref, ref), ""
    if not ref.startswith(("ep-", "amv-")):
        raise InputError(
            f"'{ref}' is no endpoint",
            where="endpoint",
            hint="give an ep- or amv- id, builtin:NAME, or an address {base_url, model}",
            code="bad_endpoint",
        )
    record = repositories.endpoints.get(workspace_id, ref)
    return record.spec, record.model_version_id


async def check_reachable(providers: ProviderFactory, endpoints: Iterable[EndpointSpec]) -> None:
    """Looks once at every endpoint, without asking for a completion.

    Raises:
        InputError: one cannot be reached, or its key is missing; says which.
    """
    distinct = {(e.base_url, e.model, e.api_key_env, e.secret_id): e for e in endpoints}.values()

    async def look(endpoint: EndpointSpec) -> None:
        provider = providers.open(endpoint)
        try:
            failure = await provider.probe()
        finally:
            await provider.close()
        if failure is not None:
            raise InputError(
                failure.message,
                where=endpoint.label,
                hint="check the address, the network and the key, then run again",
                code="endpoint_unreachable",
            )

    for outcome in await asyncio.gather(*(look(e) for e in distinct), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def add_endpoint(
    platform: Platform, spec: EndpointSpec, *, name: str, workspace_id: str, created_by: str, api_key: str
) -> EndpointRecord:
    """Stores an endpoint with an id and a model version id of its own; the key is encrypted and never given back.

    Raises:
        InputError: the address cannot be used.
    """
    secret_id = platform.repositories.secrets.put(api_key) if api_key else ""
    endpoint_id = new_id(ENDPOINT)
    spec = msgspec.structs.replace(spec, id=endpoint_id, secret_id=secret_id)
    record = EndpointRecord(endpoint_id, workspace_id, platform.now(), created_by, name, new_id(MODEL_VERSION), spec)
    platform.repositories.endpoints.add(record)
    return record
