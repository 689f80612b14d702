"""One governor per endpoint: who may send, and when. Pure asyncio; time is the running loop's.

Concurrency is found by additive increase and multiplicative decrease with a slow start (the idea of TCP congestion
control, RFC 5681): it starts at 16, doubles each round in which the endpoint copes, and after the first 429 grows by
one a round. A 429 takes 30 % off, once for all requests that were sent before the cut. Time-outs and server errors
cut nothing: they hold growth, a time-out for a whole round, any other for a few answers, so that a small share of
faults does not keep an endpoint from being used fully. Requests and tokens per minute are paced without bursts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from steelyard.domain.answer import Answer, AttemptFailure, FailureReason
from steelyard.ports.governor import GovernorState
from steelyard.services.pacing import Pace
from steelyard.services.retries import LONGEST_RETRY_AFTER_S

if TYPE_CHECKING:
    from steelyard.domain.request import EndpointSpec

START = 16
CEILING = 256
"""Most requests in flight at an endpoint that declares no max_concurrency."""
CUT = 0.7
HOLD = 4
"""Answers without growth after a server error: growth ends where one attempt in five fails."""

_R = FailureReason
_COPED = frozenset({_R.REFUSED, _R.CONTENT_FILTER, _R.UNAUTHORIZED, _R.UNSUPPORTED})
_NOT_PROCESSED = frozenset({_R.RATE_LIMITED, _R.CONNECTION, _R.REFUSED, _R.UNAUTHORIZED})
_OVERLOADED = frozenset({503, 529})


class _Permit:
    """Leave to send one attempt; settling twice does nothing."""

    __slots__ = ("_governor", "_open", "number", "party", "tokens")

    def __init__(self, governor: EndpointGovernor, party: str, tokens: int, number: int) -> None:
        self._governor = governor
        self._open = True
        self.party = party
        self.tokens = tokens
        self.number = number

    def settle(self, result: Answer | AttemptFailure | None) -> None:
        """Gives the place back and tells how it went; see the port."""
        if self._open:
            self._open = False
            self._governor.settled(self, result)


class _Wait:
    """One attempt in the queue."""

    __slots__ = ("cap", "future", "tokens")

    def __init__(self, future: asyncio.Future[_Permit], tokens: int, cap: int) -> None:
        self.future = future
        self.tokens = tokens
        self.cap = cap


class EndpointGovernor:
    """What one endpoint is asked for, by all parties together. Belongs to one event loop.

    Waiting parties are served in turn, each its own attempts in order. The limits may be changed while in use.
    """

    def __init__(self, rpm: int | None = None, tpm: int | None = None, max_concurrency: int | None = None) -> None:
        self._requests = Pace(rpm)
        self._tokens = Pace(tpm)
        self._cap = max_concurrency or CEILING
        self._limit = float(min(START, self._cap))
        self._slow_start = True
        self._hold = 0
        self._cut_at = 0
        self._sent = 0
        self._in_flight = 0
        self._waiting = 0
        self._paused_until = 0.0
        self._paced = bool(rpm or tpm)
        self._queues: dict[str, deque[_Wait]] = {}
        self._turns: deque[str] = deque()
        self._flying: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def declare(self, rpm: int | None, tpm: int | None, max_concurrency: int | None) -> None:
        """Takes over the limits that are given and keeps the others."""
        if rpm:
            self._requests.set_rate(rpm)
        if tpm:
            self._tokens.set_rate(tpm)
        if max_concurrency and max_concurrency != self._cap:
            self._cap = max_concurrency
            self._limit = min(self._limit, float(max_concurrency))
        self._paced = self._paced or bool(rpm or tpm)

    async def admit(self, party: str, tokens: int, cap: int = 0) -> _Permit:
        """Waits until this attempt may be sent; see the port.

        Args:
            party: who asks.
            tokens: what the attempt may use at most.
            cap: attempts this party may have in flight; 0 means no cap of its own.
        """
        if not self._waiting and self._in_flight < int(self._limit) and not (cap and self._flying.get(party, 0) >= cap):
            if not self._paced and not self._paused_until:
                return self._grant(party, tokens)
            now = asyncio.get_running_loop().time()
            if self._ready_at(now) <= now:
                return self._grant(party, tokens, now)
        return await self._queued(party, tokens, cap)

    def state(self) -> GovernorState:
        """Returns what is allowed just now; outside an event loop, `paused_s` is 0."""
        paused = 0.0
        if self._paused_until:
            try:
                paused = max(0.0, self._paused_until - asyncio.get_running_loop().time())
            except RuntimeError:
                paused = 0.0
        return GovernorState(self._in_flight, int(self._limit), self._waiting, paused)

    def settled(self, permit: _Permit, result: Answer | AttemptFailure | None) -> None:
        """Takes a permit back (called by the permit) and lets the next ones go."""
        full = 2 * self._in_flight >= self._limit
        self._leave(permit)
        if isinstance(result, Answer):
            usage = result.usage
            if self._tokens.rate and (usage.prompt_tokens is not None or usage.completion_tokens is not None):
                used = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
                self._tokens.give_back(permit.tokens - used)
            self._grow(full=full)
        elif result is not None:
            self._failed(permit, result)
        if self._waiting:
            self._pump()

    def _grant(self, party: str, tokens: int, now: float | None = None) -> _Permit:
        if now is not None and self._paced:
            self._requests.take(1, now)
            self._tokens.take(tokens, now)
        self._in_flight += 1
        self._sent += 1
        self._flying[party] = self._flying.get(party, 0) + 1
        return _Permit(self, party, tokens, self._sent)

    def _leave(self, permit: _Permit) -> None:
        self._in_flight -= 1
        left = self._flying[permit.party] - 1
        if left:
            self._flying[permit.party] = left
        else:
            del self._flying[permit.party]

    def _grow(self, *, full: bool) -> None:
        if self._hold:
            self._hold -= 1
        elif full and self._limit < self._cap:
            step = 1.0 if self._slow_start else 1.0 / self._limit
            self._limit = min(float(self._cap), self._limit + step)

    def _failed(self, permit: _Permit, failure: AttemptFailure) -> None:
        reason = failure.reason
        if reason in _NOT_PROCESSED:
            self._tokens.give_back(permit.tokens)
        if reason is _R.RATE_LIMITED:
            self._slow_start = False
            if permit.number > self._cut_at:
                self._cut_at = self._sent
                self._limit = max(1.0, self._limit * CUT)
        elif reason not in _COPED:
            held = int(self._limit) if reason is _R.TIMEOUT else self._hold + HOLD
            self._hold = min(held, int(self._limit))
            self._slow_start = self._slow_start and failure.status not in _OVERLOADED
        if failure.retry_after_s:
            wait = min(failure.retry_after_s, LONGEST_RETRY_AFTER_S)
            self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + wait)

    def _ready_at(self, now: float) -> float:
        """Returns when the next attempt may go, as far as time is what holds it back."""
        if self._paused_until and self._paused_until <= now:
            self._paused_until = 0.0
        return max(self._paused_until, self._requests.ready_at(), self._tokens.ready_at())

    async def _queued(self, party: str, tokens: int, cap: int) -> _Permit:
        wait = _Wait(asyncio.get_running_loop().create_future(), tokens, cap)
        queue = self._queues.get(party)
        if queue is None:
            queue = self._queues[party] = deque()
            self._turns.append(party)
        queue.append(wait)
        self._waiting += 1
        self._pump()
        try:
            return await wait.future
        except asyncio.CancelledError:
            self._withdraw(wait)
            raise

    def _withdraw(self, wait: _Wait) -> None:
        """Gives back what a cancelled attempt held: its place in the queue, or the permit it was about to get."""
        if wait.future.cancelled():
            self._waiting -= 1
            return
        permit = wait.future.result()
        self._requests.give_back(1)
        self._tokens.give_back(permit.tokens)
        permit.settle(None)

    def _pump(self) -> None:
        """Grants all that may go now, one party after the other, and sets the timer when only time is in the way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and self._in_flight < int(self._limit):
            ready = self._ready_at(now)
            if ready > now:
                self._timer = loop.call_at(ready, self._pump)
                return
            found = self._next()
            if found is None:
                return
            party, wait = found
            self._waiting -= 1
            wait.future.set_result(self._grant(party, wait.tokens, now))

    def _next(self) -> tuple[str, _Wait] | None:
        """Takes the first attempt of the next party in turn that is below its own cap."""
        turns = self._turns
        for _ in range(len(turns)):
            party = turns.popleft()
            queue = self._queues[party]
            while queue and queue[0].future.done():
                queue.popleft()
            if not queue:
                del self._queues[party]
                continue
            turns.append(party)
            cap = queue[0].cap
            if not cap or self._flying.get(party, 0) < cap:
                return party, queue.popleft()
        return None


class CappedGovernor:
    """An endpoint's governor as one evaluation sees it: each party has at most `cap` attempts in flight."""

    def __init__(self, governor: EndpointGovernor, cap: int) -> None:
        self._governor = governor
        self._cap = cap

    async def admit(self, party: str, tokens: int) -> _Permit:
        """Waits until this attempt may be sent; see the port."""
        return await self._governor.admit(party, tokens, self._cap)

    def state(self) -> GovernorState:
        """Returns what the endpoint allows all parties together."""
        return self._governor.state()


class EndpointGovernors:
    """All governors of this process (`ports.governor.Governors`)."""

    def __init__(self) -> None:
        self._cores: dict[tuple[str, str, str], EndpointGovernor] = {}
        self._views: dict[tuple[tuple[str, str, str], int], CappedGovernor] = {}

    def of(self, endpoint: EndpointSpec, max_concurrency: int | None = None) -> EndpointGovernor | CappedGovernor:
        """Returns the governor of this address, model and credential; equal arguments give the same one.

        The endpoint's own limits hold for all parties together, those given last. `max_concurrency` caps each party
        that is admitted through what this call returns, so that the smaller of both caps counts for it.
        """
        key = (endpoint.base_url.rstrip("/"), endpoint.model, endpoint.secret_id or endpoint.api_key_env)
        core = self._cores.get(key)
        if core is None:
            core = EndpointGovernor(endpoint.rpm, endpoint.tpm, endpoint.max_concurrency)
            self._cores[key] = core
        else:
            core.declare(endpoint.rpm, endpoint.tpm, endpoint.max_concurrency)
        if not max_concurrency:
            return core
        view = self._views.get((key, max_concurrency))
        if view is None:
            view = self._views[(key, max_concurrency)] = CappedGovernor(core, max_concurrency)
        return view
