"""The governor on a clock of its own: minutes pass at once, and every promise can be counted."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.domain.answer import Answer, AttemptFailure, FailureReason, Usage
from steelyard.domain.request import EndpointSpec
from steelyard.services.governor import CEILING, START, EndpointGovernor, EndpointGovernors
from steelyard.services.retries import is_fatal, next_delay_s

T = TypeVar("T")
R = FailureReason
ANSWER = Answer("yes", usage=Usage(10, 10))
SPEC = EndpointSpec(base_url="http://127.0.0.1:1/v1", model="m", api_key_env="K")


def failure(
    reason: FailureReason, *, status: int = 0, wait: float | None = None, retryable: bool = True
) -> AttemptFailure:
    return AttemptFailure(reason, "said", retryable, status, wait)


class JumpingSelector(selectors.SelectSelector):
    """Moves the clock instead of sleeping; waiting for nothing at all is a deadlock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everything waits and nothing will happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = JumpingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def simulate(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


async def use(governor: Any, party: str, *, took: float = 1.0, tokens: int = 1, result: Any = ANSWER) -> float:
    """Sends one attempt and returns when it was let go."""
    permit = await governor.admit(party, tokens)
    sent = asyncio.get_running_loop().time()
    await asyncio.sleep(took)
    permit.settle(result)
    return sent


def busiest_minute(times: list[float], weights: list[int] | None = None) -> int:
    """Returns the most that fell into any half-open minute."""
    weights = weights or [1] * len(times)
    most = start = total = 0
    for i, moment in enumerate(times):
        total += weights[i]
        while times[start] <= moment - 60.0:
            total -= weights[start]
            start += 1
        most = max(most, total)
    return most


def test_a_free_governor_lets_go_at_once() -> None:
    async def work() -> None:
        governor = EndpointGovernor()
        # No step of the loop is taken: the coroutine ends on its first run.
        step = governor.admit("a", 1)
        with pytest.raises(StopIteration) as granted:
            step.send(None)
        granted.value.value.settle(ANSWER)
        assert governor.state().in_flight == 0

    simulate(work())


@pytest.mark.parametrize("rpm", [6, 60, 90, 600, 3000])
def test_requests_per_minute_hold_within_two_percent_in_any_minute(rpm: int) -> None:
    async def work() -> list[float]:
        governor = EndpointGovernor(rpm=rpm, max_concurrency=5000)
        return sorted(await asyncio.gather(*(use(governor, f"p{i % 3}", took=0.2) for i in range(rpm * 3))))

    times = simulate(work())
    assert busiest_minute(times) <= max(rpm, rpm * 1.02)
    # And the allowance is used: three minutes' worth takes no longer than three minutes.
    assert times[-1] <= 180.0 * 1.02


def test_tokens_per_minute_hold_and_unused_tokens_come_back() -> None:
    tpm, reserved, used = 60_000, 400, 100

    async def work(result: Answer) -> list[float]:
        governor = EndpointGovernor(tpm=tpm, max_concurrency=1000)
        return sorted(
            await asyncio.gather(*(use(governor, "a", tokens=reserved, result=result, took=0.1) for _ in range(600)))
        )

    silent = simulate(work(Answer("x")))
    assert busiest_minute(silent, [reserved] * 600) <= tpm * 1.02
    told = simulate(work(Answer("x", usage=Usage(60, 40))))
    assert busiest_minute(told, [used] * 600) <= tpm * 1.02
    assert told[-1] < silent[-1] / 3


def test_more_tokens_than_reserved_are_charged() -> None:
    async def work() -> float:
        governor = EndpointGovernor(tpm=600)
        await use(governor, "a", tokens=1, took=0.0, result=Answer("x", usage=Usage(300, 300)))
        return await use(governor, "a", tokens=1)

    assert simulate(work()) > 50.0


@pytest.mark.parametrize(("reason", "waits"), [(R.RATE_LIMITED, False), (R.CONNECTION, False), (R.TIMEOUT, True)])
def test_tokens_of_attempts_that_were_never_processed_come_back(reason: FailureReason, waits: bool) -> None:
    async def work() -> float:
        governor = EndpointGovernor(tpm=600)
        await use(governor, "a", tokens=600, took=0.0, result=failure(reason))
        return await use(governor, "a", tokens=1)

    assert (simulate(work()) > 50.0) is waits


def test_a_request_larger_than_a_minute_of_tokens_still_goes() -> None:
    async def work() -> list[float]:
        governor = EndpointGovernor(tpm=1000)
        return [await use(governor, "a", tokens=50_000, result=Answer("x")) for _ in range(2)]

    first, second = simulate(work())
    assert first == 0.0
    assert second == pytest.approx(60.0, abs=1.5)


def test_concurrency_doubles_each_clean_round_until_the_cap() -> None:
    async def work() -> list[float]:
        governor = EndpointGovernor(max_concurrency=128)
        return sorted(await asyncio.gather(*(use(governor, "a") for _ in range(16 + 32 + 64 + 128 * 2))))

    times = simulate(work())
    assert [sum(1 for t in times if t == second) for second in range(5)] == [16, 32, 64, 128, 128]


def test_without_a_declared_cap_growth_ends_at_the_ceiling() -> None:
    async def work() -> tuple[int, int]:
        governor = EndpointGovernor()
        most = 0

        async def one() -> None:
            nonlocal most
            permit = await governor.admit("a", 1)
            most = max(most, governor.state().in_flight)
            await asyncio.sleep(1)
            permit.settle(ANSWER)

        await asyncio.gather(*(one() for _ in range(3000)))
        return most, governor.state().limit

    assert simulate(work()) == (CEILING, CEILING)


def test_an_idle_governor_does_not_grow() -> None:
    async def work() -> int:
        governor = EndpointGovernor()
        for _ in range(500):
            await use(governor, "a")
        return governor.state().limit

    assert simulate(work()) == START


def test_one_round_of_429_is_one_cut_and_growth_is_slow_afterwards() -> None:
    async def work() -> tuple[int, int]:
        governor = EndpointGovernor(max_concurrency=1000)
        permits = [await governor.admit("a", 1) for _ in range(START)]
        for permit in permits[:10]:
            permit.settle(failure(R.RATE_LIMITED, status=429))
        cut = governor.state().limit
        for permit in permits[10:]:
            permit.settle(ANSWER)
        await asyncio.gather(*(use(governor, "a") for _ in range(cut * 2)))
        return cut, governor.state().limit

    cut, later = simulate(work())
    assert cut == int(START * 0.7)
    assert cut < later <= cut + 3


def test_a_second_round_of_429_cuts_again_but_never_below_one() -> None:
    async def work() -> list[int]:
        governor = EndpointGovernor()
        limits: list[int] = []
        for _ in range(12):
            await asyncio.gather(*(use(governor, "a", result=failure(R.RATE_LIMITED)) for _ in range(2)))
            limits.append(governor.state().limit)
        return limits

    limits = simulate(work())
    assert limits[:2] == [int(16 * 0.7), int(16 * 0.7 * 0.7)]
    assert limits[-1] == 1


def test_concurrency_settles_around_what_the_endpoint_takes() -> None:
    async def work() -> tuple[int, int, int]:
        governor = EndpointGovernor(max_concurrency=512)
        room, flying, refused, late = 40, 0, 0, 0

        async def one(number: int) -> None:
            nonlocal flying, refused, late
            while True:
                permit = await governor.admit("a", 1)
                flying += 1
                full = flying > room
                await asyncio.sleep(0.01 if full else 1.0)
                flying -= 1
                permit.settle(failure(R.RATE_LIMITED) if full else ANSWER)
                if not full:
                    return
                refused += 1
                late += number > 2000
                await asyncio.sleep(1.0)

        await asyncio.gather(*(one(i) for i in range(4000)))
        return governor.state().limit, refused, late

    limit, refused, late = simulate(work())
    assert 20 <= limit <= 45
    assert refused < 400
    assert late < 120


@pytest.mark.parametrize("reason", [R.TIMEOUT, R.SERVER_ERROR, R.CONNECTION, R.MALFORMED])
def test_faults_that_are_no_limits_stop_growth_but_cut_nothing(reason: FailureReason) -> None:
    async def work() -> int:
        governor = EndpointGovernor(max_concurrency=500)
        await asyncio.gather(*(use(governor, "a", result=failure(reason)) for _ in range(START)))
        # Half of the attempts fail: there is no clean answer to grow on.
        for _ in range(20):
            await asyncio.gather(*(use(governor, "a", result=[ANSWER, failure(reason)][i % 2]) for i in range(START)))
        return governor.state().limit

    assert simulate(work()) == START


def test_a_few_faults_do_not_keep_an_endpoint_from_being_used() -> None:
    async def work() -> int:
        governor = EndpointGovernor(max_concurrency=256)
        bad = failure(R.SERVER_ERROR, status=500)
        await asyncio.gather(*(use(governor, "a", result=bad if i % 20 == 7 else ANSWER) for i in range(4000)))
        return governor.state().limit

    assert simulate(work()) == 256


@pytest.mark.parametrize(("status", "doubles"), [(500, True), (503, False), (529, False)])
def test_an_overloaded_endpoint_ends_the_slow_start(status: int, doubles: bool) -> None:
    async def work() -> int:
        governor = EndpointGovernor()
        await use(governor, "a", result=failure(R.SERVER_ERROR, status=status))
        for _ in range(3):
            await asyncio.gather(*(use(governor, "a") for _ in range(START)))
        return governor.state().limit

    assert (simulate(work()) > START + 4) is doubles


@pytest.mark.parametrize("reason", [R.RATE_LIMITED, R.SERVER_ERROR])
def test_retry_after_holds_back_all_parties(reason: FailureReason) -> None:
    async def work() -> tuple[float, list[float]]:
        governor = EndpointGovernor()
        await use(governor, "a", took=0.0, result=failure(reason, wait=30.0))
        paused = governor.state().paused_s
        return paused, await asyncio.gather(use(governor, "a"), use(governor, "b"), use(governor, "c"))

    paused, times = simulate(work())
    assert paused == pytest.approx(30.0)
    assert min(times) >= 30.0
    assert max(times) < 31.0


def test_a_retry_after_of_hours_is_not_waited_out() -> None:
    async def work() -> float:
        governor = EndpointGovernor()
        await use(governor, "a", took=0.0, result=failure(R.RATE_LIMITED, wait=7200.0))
        return await use(governor, "a")

    assert simulate(work()) == pytest.approx(120.0)


def test_parties_that_wait_are_served_in_turn() -> None:
    async def work() -> list[str]:
        governor = EndpointGovernor(max_concurrency=2)
        order: list[str] = []

        async def one(party: str) -> None:
            permit = await governor.admit(party, 1)
            order.append(party)
            await asyncio.sleep(1)
            permit.settle(ANSWER)

        burst = [asyncio.create_task(one("many")) for _ in range(1000)]
        await asyncio.sleep(0)
        await asyncio.gather(*(one("few") for _ in range(10)), *burst)
        return order

    order = simulate(work())
    assert order[2:22].count("few") == 10


def test_each_party_is_served_in_its_own_order() -> None:
    async def work() -> list[int]:
        governor = EndpointGovernor(max_concurrency=3)
        order: list[int] = []

        async def one(number: int) -> None:
            permit = await governor.admit("a", 1)
            order.append(number)
            await asyncio.sleep(1)
            permit.settle(ANSWER)

        await asyncio.gather(*(one(i) for i in range(50)))
        return order

    assert simulate(work()) == list(range(50))


def test_the_cap_of_one_evaluation_leaves_the_rest_to_others() -> None:
    async def work() -> tuple[dict[str, int], bool]:
        governors = EndpointGovernors()
        small, open_one = governors.of(SPEC, 3), governors.of(SPEC)
        flying = {"small": 0, "big": 0}
        most = dict(flying)

        async def one(governor: Any, party: str) -> None:
            permit = await governor.admit(party, 1)
            flying[party] += 1
            most[party] = max(most[party], flying[party])
            await asyncio.sleep(1)
            flying[party] -= 1
            permit.settle(ANSWER)

        await asyncio.gather(
            *(one(small, "small") for _ in range(60)),
            *(one(open_one, "big") for _ in range(400)),
            return_exceptions=False,
        )
        return most, small is governors.of(SPEC, 3)

    most, same = simulate(work())
    assert most["small"] == 3
    assert most["big"] > START
    assert same


def test_one_governor_for_each_address_model_and_key() -> None:
    governors = EndpointGovernors()
    here = governors.of(SPEC)
    assert governors.of(EndpointSpec(base_url=SPEC.base_url + "/", model="m", api_key_env="K")) is here
    assert governors.of(EndpointSpec(base_url=SPEC.base_url, model="other", api_key_env="K")) is not here
    assert governors.of(EndpointSpec(base_url=SPEC.base_url, model="m", api_key_env="K2")) is not here


def test_limits_declared_later_hold_for_the_same_governor() -> None:
    async def work() -> float:
        governors = EndpointGovernors()
        governors.of(SPEC)
        limited = EndpointSpec(base_url=SPEC.base_url, model="m", api_key_env="K", rpm=60)
        return max(await asyncio.gather(*(use(governors.of(limited), "a", took=0.0) for _ in range(10))))

    assert simulate(work()) == pytest.approx(9.0, abs=0.5)


def test_settling_twice_gives_one_place_back() -> None:
    async def work() -> int:
        governor = EndpointGovernor()
        first, _second = await governor.admit("a", 1), await governor.admit("a", 1)
        first.settle(ANSWER)
        first.settle(ANSWER)
        return governor.state().in_flight

    assert simulate(work()) == 1


def test_a_cancelled_wait_spends_no_allowance() -> None:
    async def work() -> float:
        governor = EndpointGovernor(rpm=60)
        await use(governor, "a", took=0.0)
        waits = [asyncio.create_task(governor.admit("a", 1)) for _ in range(50)]
        await asyncio.sleep(0.1)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert governor.state().waiting == 0
        return await use(governor, "b")

    assert simulate(work()) == pytest.approx(1.0, abs=0.1)


def test_a_permit_that_is_given_to_a_cancelled_attempt_comes_back_unspent() -> None:
    async def work() -> float:
        governor = EndpointGovernor(rpm=60, tpm=600, max_concurrency=1)
        permit = await governor.admit("a", 0)
        late = asyncio.create_task(governor.admit("b", 500))
        await asyncio.sleep(5)
        permit.settle(ANSWER)
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)
        return await use(governor, "c", tokens=1) - 5.0

    assert simulate(work()) == pytest.approx(0.0, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), cap=st.integers(1, 12), paced=st.booleans())
def test_no_permit_is_lost_whatever_is_cancelled(seed: int, cap: int, paced: bool) -> None:
    """Attempts end, fail, and are cancelled while waiting or at the moment of being let go: all places come back."""

    async def work() -> None:
        draw = random.Random(seed)
        governor = EndpointGovernor(rpm=1200 if paced else None, max_concurrency=cap)
        results = [ANSWER, None, failure(R.TIMEOUT), failure(R.RATE_LIMITED, wait=0.5), failure(R.SERVER_ERROR)]
        done = 0

        async def one(party: str, took: float, result: Any) -> None:
            nonlocal done
            permit = await governor.admit(party, 5)
            try:
                assert governor.state().in_flight <= cap
                await asyncio.sleep(took)
            except asyncio.CancelledError:
                permit.settle(None)
                raise
            permit.settle(result)
            done += 1

        tasks: list[asyncio.Task[None]] = []
        for _ in range(120):
            tasks.append(
                asyncio.create_task(one(draw.choice("abc"), draw.choice([0.0, 0.1, 1.0]), draw.choice(results)))
            )
            if draw.random() < 0.4:
                draw.choice(tasks).cancel()
            if draw.random() < 0.3:
                await asyncio.sleep(draw.choice([0.0, 0.05, 0.3]))
        await asyncio.gather(*tasks, return_exceptions=True)
        state = governor.state()
        assert (state.in_flight, state.waiting) == (0, 0)
        assert done + sum(task.cancelled() for task in tasks) == len(tasks)
        await use(governor, "last")

    simulate(work())


def delays(reason: FailureReason, *, max_attempts: int = 5, wait: float | None = None, seed: str = "s") -> list[float]:
    """Returns all delays until it gives up, when every attempt ends in the same way."""
    found: list[float] = []
    limited = reason is R.RATE_LIMITED
    for attempt in range(1, 1000):
        delay = next_delay_s(
            failure(reason, wait=wait),
            attempt,
            seed,
            max_attempts=max_attempts,
            limited=attempt if limited else 0,
            waited_s=sum(found) if limited else 0.0,
        )
        if delay is None:
            return found
        found.append(delay)
    raise AssertionError("never gives up")


def test_faults_are_tried_as_often_as_the_endpoint_says_with_growing_delays() -> None:
    found = delays(R.SERVER_ERROR)
    assert len(found) == 4
    assert all(0.25 * 2**i <= delay <= 0.5 * 2**i for i, delay in enumerate(found))
    assert delays(R.TIMEOUT, max_attempts=1) == []
    assert max(delays(R.CONNECTION, max_attempts=12)) <= 30.0


def test_delays_are_the_same_every_time_and_differ_between_requests() -> None:
    assert delays(R.SERVER_ERROR) == delays(R.SERVER_ERROR)
    assert delays(R.SERVER_ERROR) != delays(R.SERVER_ERROR, seed="t")


def test_limits_are_forgiven_more_often_but_not_for_ever() -> None:
    assert 15 <= len(delays(R.RATE_LIMITED)) < 20
    patient = delays(R.RATE_LIMITED, wait=100.0)
    assert 600.0 <= sum(patient) <= 720.0
    assert delays(R.RATE_LIMITED, max_attempts=1) == []


def test_limits_do_not_use_up_the_attempts_for_faults() -> None:
    assert next_delay_s(failure(R.SERVER_ERROR), 12, "s", max_attempts=5, limited=10) is not None
    assert next_delay_s(failure(R.SERVER_ERROR), 15, "s", max_attempts=5, limited=10) is None


@given(st.floats(0, 10**6), st.integers(1, 19), st.text(max_size=5))
def test_retry_after_is_honoured_up_to_two_minutes(wait: float, attempt: int, seed: str) -> None:
    delay = next_delay_s(failure(R.RATE_LIMITED, wait=wait), attempt, seed, limited=attempt)
    assert delay is not None
    assert min(wait, 120.0) <= delay <= 120.0


def test_what_cannot_get_better_is_not_tried_again() -> None:
    assert next_delay_s(failure(R.REFUSED, status=400, retryable=False), 1, "s") is None
    assert next_delay_s(failure(R.UNAUTHORIZED, status=401, retryable=False), 1, "s") is None
    assert is_fatal(failure(R.UNAUTHORIZED, retryable=False))
    assert not is_fatal(failure(R.SERVER_ERROR))
