"""What every provider promises, whichever it is; and what each built-in does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.endpoint import Endpoint, running_endpoint

from steelyard.adapters.providers.factory import Factory, fit, needs_fit
from steelyard.adapters.providers.halves import half_of
from steelyard.adapters.providers.nearest import NearestText
from steelyard.domain.answer import Answer, AttemptFailure, FailureReason
from steelyard.domain.errors import InputError
from steelyard.domain.request import EndpointSpec, Request
from steelyard.domain.row import Message, Row, Turn

ROWS = [Row(f"r{i}", i, (Turn(f"How much is item number {i} of the shop?", (f"price {i % 7}",)),)) for i in range(60)]
FACTORY = Factory({"KEY": "sk-contract"}.get, {"sec-1": "sk-stored"}.__getitem__)
BUILTINS = ["builtin:echo", "builtin:majority", "builtin:retrieval", "builtin:scripted"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint(key="sk-contract") as running:
        yield running


def asked(prompt: str, row_id: str = "r1", key: str = "") -> Request:
    messages = (Message("user", prompt),)
    body = msgspec.json.encode({"model": "m", "messages": messages, "max_tokens": 16})
    return Request(key or row_id, body, prompt, len(body), 16, row_id, 0, 0, 0, messages)


def eventually(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def spec_of(address: str, endpoint: Endpoint) -> EndpointSpec:
    if address == "http":
        return EndpointSpec(base_url=endpoint.base_url, model="m", api_key_env="KEY", timeout_s=20)
    return EndpointSpec(base_url=address, model="", timeout_s=20)


def attempts(spec: EndpointSpec, *requests: Request, rows: list[Row] | None = None, seed: int = 0) -> list[Any]:
    async def work() -> list[Any]:
        provider = FACTORY.open(spec)
        try:
            fit(provider, rows if rows is not None else ROWS, seed)
            return await asyncio.gather(*(provider.attempt(request) for request in requests))
        finally:
            await provider.close()

    return asyncio.run(work())


@pytest.mark.parametrize("address", ["http", *BUILTINS])
def test_every_provider_answers_and_says_what_it_used(address: str, endpoint: Endpoint) -> None:
    for answer in attempts(spec_of(address, endpoint), asked("How much?"), asked("多少钱?", "r2"), asked("", "r3")):
        assert isinstance(answer, Answer)
        assert answer.finish_reason == "stop"
        assert answer.usage.prompt_tokens is not None
        assert answer.usage.completion_tokens is not None


@pytest.mark.parametrize("address", ["http", *BUILTINS])
def test_every_provider_answers_alike_each_time(address: str, endpoint: Endpoint) -> None:
    requests = [asked(f"How much is item number {i}?", f"r{i}") for i in range(20)]
    spec = spec_of(address, endpoint)
    assert attempts(spec, *requests) == attempts(spec, *requests)


@pytest.mark.parametrize("address", ["http", *BUILTINS])
def test_every_provider_can_be_probed(address: str, endpoint: Endpoint) -> None:
    async def work() -> AttemptFailure | None:
        provider = FACTORY.open(spec_of(address, endpoint))
        found = await provider.probe()
        await provider.close()
        return found

    asked_before = endpoint.stats()["total"]
    assert asyncio.run(work()) is None
    assert endpoint.stats()["total"] == asked_before


@pytest.mark.parametrize("address", ["http", "builtin:scripted?latency_ms=60000"])
def test_cancelling_ends_an_attempt_and_its_connection_within_the_time_out(address: str, endpoint: Endpoint) -> None:
    spec = msgspec.structs.replace(spec_of(address, endpoint), timeout_s=1.0)

    async def work() -> None:
        provider = FACTORY.open(spec)
        task = asyncio.create_task(provider.attempt(asked("please hang")))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await provider.close()

    endpoint.configure(hang=1.0)
    gone = endpoint.stats()["client_gone"]
    try:
        asyncio.run(work())
        if address == "http":
            eventually(lambda: endpoint.stats()["client_gone"] == gone + 1)
    finally:
        endpoint.configure(hang=0.0)


@pytest.mark.parametrize("address", ["http", "builtin:scripted?hang=1"])
def test_a_hanging_attempt_ends_within_the_time_out_and_names_the_endpoint(address: str, endpoint: Endpoint) -> None:
    spec = msgspec.structs.replace(spec_of(address, endpoint), timeout_s=0.4)
    endpoint.configure(hang=1.0)
    try:
        (found,) = attempts(spec, asked("please hang"))
    finally:
        endpoint.configure(hang=0.0)
    assert isinstance(found, AttemptFailure)
    assert found.reason is FailureReason.TIMEOUT
    assert found.retryable
    assert "0.4 s" in found.message
    assert (endpoint.base_url if address == "http" else "builtin:scripted") in found.message


def test_a_stored_key_and_a_key_from_the_environment_are_sent(endpoint: Endpoint) -> None:
    by_env = spec_of("http", endpoint)
    assert isinstance(attempts(by_env, asked("x"))[0], Answer)
    assert endpoint.last()["headers"]["authorization"] == "Bearer sk-contract"
    stored = msgspec.structs.replace(by_env, secret_id="sec-1")
    assert attempts(stored, asked("x"))[0].reason is FailureReason.UNAUTHORIZED
    assert endpoint.last()["headers"]["authorization"] == "Bearer sk-stored"


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (EndpointSpec(base_url="http://h/v1", model="m", api_key_env="NOT_SET"), "NOT_SET"),
        (EndpointSpec(base_url="builtin:oracle", model=""), "oracle"),
        (EndpointSpec(base_url="builtin:scripted?err5000=1", model=""), "err5000"),
        (EndpointSpec(base_url="builtin:scripted?err500=1.5", model=""), "err500"),
        (EndpointSpec(base_url="builtin:scripted?err500=0.7&hang=0.7", model=""), "shares"),
        (EndpointSpec(base_url='builtin:scripted?answer_map={"(":"x"}', model=""), "scripted"),
        (EndpointSpec(base_url="builtin:echo?x=1", model=""), "echo"),
        (EndpointSpec(base_url="ftp://h/v1", model="m"), "ftp://h/v1"),
        (EndpointSpec(base_url="api.example.com/v1", model="m"), "api.example.com/v1"),
        (EndpointSpec(base_url="http://", model="m"), "http://"),
        (EndpointSpec(base_url="http://h:port/v1", model="m"), "http://h:port/v1"),
        (EndpointSpec(base_url="http://h/v1", model="m", timeout_s=0), "timeout_s"),
        (EndpointSpec(base_url="http://h/v1", model="m", proxy="nonsense"), "proxy"),
        (EndpointSpec(base_url="https://h/v1", model="m", ca_file="/no/such/file.pem"), "/no/such/file.pem"),
        (EndpointSpec(base_url="https://h/v1", model="m", ca_file=__file__), __file__),
        (EndpointSpec(base_url="http://h/v1", model="m", headers={"bad name": "x"}), "header"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_with_a_way_out(spec: EndpointSpec, named: str) -> None:
    with pytest.raises(InputError) as refused:
        FACTORY.open(spec)
    assert named in refused.value.line()
    assert refused.value.hint


@pytest.mark.parametrize(
    "spec",
    [
        EndpointSpec(base_url="http://user:hunter22@h/v1", model="m"),
        EndpointSpec(base_url="http://h/v1", model="m", headers={"X-Api-Key": "hunter22\nx"}),
        EndpointSpec(base_url="http://h/v1", model="m", proxy="user:hunter22@"),
        EndpointSpec(base_url="ftp://user:hunter22@h?token=hunter22", model="m"),
    ],
)
def test_refusals_show_no_credential(spec: EndpointSpec) -> None:
    with pytest.raises(InputError) as refused:
        FACTORY.open(spec)
    assert "hunter22" not in refused.value.line()
    assert refused.value.__cause__ is None


def test_echo_gives_back_the_last_user_input() -> None:
    assert attempts(EndpointSpec("builtin:echo", ""), asked("你好 world"))[0].text == "你好 world"


@pytest.mark.parametrize("address", ["builtin:majority", "builtin:retrieval"])
def test_baselines_that_use_references_say_so_and_refuse_to_guess_without_rows(address: str) -> None:
    async def work() -> Any:
        provider = FACTORY.open(EndpointSpec(address, ""))
        assert needs_fit(provider)
        return await provider.attempt(asked("x"))

    found = asyncio.run(work())
    assert found.reason is FailureReason.UNSUPPORTED
    assert not found.retryable
    assert not needs_fit(FACTORY.open(EndpointSpec("builtin:echo", "")))
    (alone,) = attempts(EndpointSpec(address, ""), asked("x", "r0"), rows=ROWS[:1])
    assert alone.reason is FailureReason.UNSUPPORTED


@pytest.mark.parametrize("address", ["builtin:majority", "builtin:retrieval"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_row_is_answered_from_its_own_half(address: str, seed: int) -> None:
    rows = [Row(f"r{i}", i, (Turn(f"question {i}", (f"answer {half_of(f'r{i}', seed)}",)),)) for i in range(200)]
    found = attempts(
        EndpointSpec(address, ""), *(asked(f"question {i}", f"r{i}") for i in range(200)), rows=rows, seed=seed
    )
    assert [a.text for a in found] == [f"answer {1 - half_of(f'r{i}', seed)}" for i in range(200)]
    assert 60 < sum(half_of(f"r{i}", seed) for i in range(200)) < 140


def test_majority_takes_the_commonest_reference_and_of_equals_the_first() -> None:
    def rows(*references: str) -> list[Row]:
        there = [i for i in range(200) if half_of(f"r{i}", 0) == 1][: len(references)]
        return [Row(f"r{i}", i, (Turn("q", (ref, "second choice")),)) for i, ref in zip(there, references, strict=True)]

    mine = next(f"r{i}" for i in range(99) if half_of(f"r{i}", 0) == 0)
    spec = EndpointSpec("builtin:majority", "")
    assert attempts(spec, asked("x", mine), rows=rows("no", "yes", "yes"))[0].text == "yes"
    assert attempts(spec, asked("x", mine), rows=rows("no", "yes", "yes", "no"))[0].text == "no"


def test_retrieval_finds_the_most_similar_question_in_chinese_and_english() -> None:
    pairs = [("如何重置我的密码?", "设置页"), ("What does shipping cost?", "five"), ("发票在哪里下载?", "账单页")]
    there = [i for i in range(200) if half_of(f"r{i}", 0) == 1][:3]
    rows = [Row(f"r{i}", i, (Turn(q, (a,)),)) for i, (q, a) in zip(there, pairs, strict=True)]
    mine = next(f"r{i}" for i in range(99) if half_of(f"r{i}", 0) == 0)
    queries = ["密码怎么重置", "shipping costs please", "我要下载发票"]
    found = attempts(EndpointSpec("builtin:retrieval", ""), *(asked(q, mine) for q in queries), rows=rows)
    assert [a.text for a in found] == ["设置页", "five", "账单页"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=20), st.text(max_size=30))
def test_nearest_text_is_never_worse_than_any_other(texts: list[str], query: str) -> None:
    index = NearestText(texts)
    for text in texts:
        found = index.find(text)
        if found is not None:
            # Equal characters, not equal texts: all n-grams of two texts may be the same in another order.
            assert sorted(" ".join(texts[found].lower().split())) == sorted(" ".join(text.lower().split()))
    found = index.find(query)
    assert found is None or 0 <= found < len(texts)


def test_scripted_faults_come_in_the_share_asked_for_and_pass_or_last_as_asked() -> None:
    requests = [asked(f"prompt {i}", f"r{i}") for i in range(1000)]

    def failed(options: str, rounds: int = 1) -> list[set[int]]:
        async def work() -> list[set[int]]:
            provider = FACTORY.open(EndpointSpec(f"builtin:scripted?{options}", ""))
            seen: list[set[int]] = []
            for _ in range(rounds):
                found = await asyncio.gather(*(provider.attempt(r) for r in requests))
                seen.append({i for i, a in enumerate(found) if isinstance(a, AttemptFailure)})
            return seen

        return asyncio.run(work())

    drawn = failed("err500=0.1&err429=0.1", 2)
    assert all(150 < len(some) < 250 for some in drawn)
    assert 15 < len(drawn[0] & drawn[1]) < 70
    first, second = failed("err500=0.1&fail_attempts=0", 2)
    assert first == second
    first, second = failed("reset=0.1&fail_attempts=1", 2)
    assert 60 < len(first) < 140
    assert not second
    assert failed("err500=0.1") == failed("err500=0.1") != failed("err500=0.1&seed=1")


@pytest.mark.parametrize(
    ("option", "reason", "status"),
    [
        ("err500", FailureReason.SERVER_ERROR, 500),
        ("err429", FailureReason.RATE_LIMITED, 429),
        ("reset", FailureReason.CONNECTION, 0),
        ("malformed", FailureReason.MALFORMED, 200),
    ],
)
def test_scripted_faults_look_like_those_of_an_endpoint(
    option: str, reason: FailureReason, status: int, endpoint: Endpoint
) -> None:
    (scripted,) = attempts(EndpointSpec(f"builtin:scripted?{option}=1&retry_after=7", ""), asked("x"))
    endpoint.configure(**{option: 1.0}, retry_after=7)
    try:
        (real,) = attempts(spec_of("http", endpoint), asked("x"))
    finally:
        endpoint.configure(**{option: 0.0})
    for found in (scripted, real):
        assert (found.reason, found.status, found.retryable) == (reason, status, True)
        assert found.retry_after_s == (7.0 if option == "err429" else None)


def test_scripted_answers_by_pattern_by_sum_or_as_told() -> None:
    def said(options: str, prompt: str) -> Answer:
        return attempts(EndpointSpec(f"builtin:scripted?{options}", ""), asked(prompt))[0]

    assert said("answer=fixed", "x").text == "fixed"
    assert said("answer=sum", "What is 2 + 3? What is 4 * 5?").text == "20"
    assert said("answer=sum&accuracy=0", "What is 2 + 3?").text == "6"
    assert said('answer_map={"rate (\\\\w%2B)":"\\\\1 is 4"}&answer=no', "please rate tone").text == "tone is 4"
    thought = said("answer=ok&think=3", "x")
    assert (thought.text, len(thought.reasoning.split())) == ("ok", 3)
