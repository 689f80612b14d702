"""The door to a model: one attempt at one request. Whether to try again is the driver's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from steelyard.domain.answer import Answer, AttemptFailure
from steelyard.domain.request import EndpointSpec, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.domain.row import Row


class Provider(Protocol):
    """A model behind an endpoint."""

    async def attempt(self, request: Request) -> Answer | AttemptFailure:
        """Returns the answer of one attempt, or why there is none.

        Never raises for anything the network or the endpoint does; ends within the endpoint's time-out. Cancellation
        closes the attempt.
        """
        ...

    async def probe(self) -> AttemptFailure | None:
        """Returns why the endpoint cannot be reached at all, or None. Asks for no completion and costs nothing."""
        ...

    async def close(self) -> None:
        """Gives connections back. No attempt may follow."""
        ...


@runtime_checkable
class FittedProvider(Protocol):
    """A provider that must see the data before it can answer (the built-in baselines)."""

    def fit(self, rows: Iterable[Row], seed: int) -> None:
        """Learns from the rows; no row's own reference shapes its own answer."""
        ...


class ProviderFactory(Protocol):
    """Builds providers from endpoint specs."""

    def open(self, endpoint: EndpointSpec) -> Provider:
        """Returns a provider for the endpoint; must be called inside the running event loop.

        Raises:
            InputError: the key's environment variable is not set, a built-in is unknown, the address is no URL.
        """
        ...
