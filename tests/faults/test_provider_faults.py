"""What the OpenAI-compatible provider makes of an endpoint that fails, lies, dawdles or leaks."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.endpoint import running_endpoint

from steelyard.adapters.providers.address import completions_url
from steelyard.adapters.providers.classify import retry_after_s
from steelyard.adapters.providers.completion import NoAnswerError, read_completion
from steelyard.adapters.providers.openai import BODY_BYTES_MAX, OpenAIProvider
from steelyard.domain.answer import Answer, AttemptFailure, FailureReason, Usage
from steelyard.domain.errors import InputError
from steelyard.domain.request import EndpointSpec, Request

R = FailureReason
KEY = "sk-very-secret-0123456789"
REQUEST = Request("k", b'{"model":"m","messages":[{"role":"user","content":"hello"}]}', "hello", 5, 16, "r", 0, 0, 0)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http(status: int, body: str | bytes, *headers: str) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def chat(content: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}], **more}


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length"))
    return head + await reader.readexactly(length)


def talk_to(talk: Talk, *, key: str = KEY, times: int = 1, **spec: Any) -> list[Answer | AttemptFailure]:
    """Returns what attempts at a server that behaves as `talk` come to; `{port}` in the address is its port."""

    async def work() -> list[Answer | AttemptFailure]:
        talks: set[Any] = set()

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.current_task())
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        given = {"base_url": "http://127.0.0.1:{port}/v1", "model": "m", "timeout_s": 20.0, **spec}
        texts = {k: v.replace("{port}", str(port)) if isinstance(v, str) else v for k, v in given.items()}
        provider = OpenAIProvider(EndpointSpec(**texts), key)
        try:
            return [await provider.attempt(REQUEST) for _ in range(times)]
        finally:
            await provider.close()
            server.close()
            for task in talks:
                task.cancel()
            await asyncio.gather(*talks)
            # Transports close one step of the loop after they are told to.
            await asyncio.sleep(0.01)

    return asyncio.run(work())


def said(response: bytes, **spec: Any) -> Any:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response)
        await writer.drain()

    return talk_to(talk, **spec)[0]


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [
        (400, R.REFUSED, False),
        (401, R.UNAUTHORIZED, False),
        (402, R.REFUSED, False),
        (403, R.UNAUTHORIZED, False),
        (404, R.REFUSED, False),
        (408, R.REFUSED, True),
        (409, R.REFUSED, True),
        (413, R.REFUSED, False),
        (422, R.REFUSED, False),
        (425, R.REFUSED, True),
        (429, R.RATE_LIMITED, True),
        (500, R.SERVER_ERROR, True),
        (502, R.SERVER_ERROR, True),
        (503, R.SERVER_ERROR, True),
        (504, R.SERVER_ERROR, True),
        (529, R.SERVER_ERROR, True),
    ],
)
def test_every_status_has_its_reason_and_the_endpoint_is_quoted(status: int, reason: R, retryable: bool) -> None:
    found = said(http(status, json.dumps({"error": {"message": "because of\nthat", "code": "x"}})))
    assert (found.reason, found.retryable, found.status) == (reason, retryable, status)
    assert f"{status}: because of that" in found.message


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ('{"error": "plain words"}', "plain words"),
        ('{"message": "at the top", "code": 1}', "at the top"),
        ('{"error_code": 336003, "error_msg": "the message is empty"}', "the message is empty"),
        ('{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        ("<html>bad gateway</html>", "bad gateway"),
        ("", "no reason given"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_the_reason_is_found_wherever_servers_put_it(body: str, quoted: str) -> None:
    assert quoted in said(http(400, body)).message


def test_long_reasons_are_cut() -> None:
    found = said(http(400, json.dumps({"error": {"message": "x" * 5000}})))
    assert len(found.message) <= 310


def test_a_redirect_is_not_followed_but_named() -> None:
    found = said(http(308, "", "Location: https://elsewhere.example/v1?token=abc"))
    assert (found.reason, found.retryable) == (R.REFUSED, False)
    assert "https://elsewhere.example/v1;" in found.message


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: 0.5"], 0.5),
        (["Retry-After: -3"], 0.0),
        (["Retry-After: 7", "retry-after-ms: 250"], 0.25),
        (["Retry-After: Wed, 21 Oct 2026 07:28:30 GMT", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], 30.0),
        (["Retry-After: Wed, 21 Oct 2015 07:28:30 GMT"], 0.0),
        (["Retry-After: soon"], None),
        ([], None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(status: int, headers: list[str], wait: float | None) -> None:
    assert said(http(status, "{}", *headers)).retry_after_s == wait


def test_retry_after_as_a_date_counts_from_now_when_the_response_has_no_date() -> None:
    found = said(http(429, "{}", "Retry-After: " + formatdate(time.time() + 60, usegmt=True)))
    assert 50 < found.retry_after_s <= 60


@pytest.mark.parametrize(
    ("value", "wait"), [("1m30s", 90.0), ("20ms", 0.02), ("12", 12.0), ("1h0m0s", 3600.0), ("never", None)]
)
def test_rate_limit_resets_count_for_429_alone(value: str, wait: float | None) -> None:
    header = f"x-ratelimit-reset-requests: {value}"
    assert said(http(429, "{}", header)).retry_after_s == (pytest.approx(wait) if wait is not None else None)
    assert said(http(500, "{}", header)).retry_after_s is None


def test_a_reset_may_be_a_unix_time() -> None:
    for scale in (1, 1000):
        found = said(http(429, "{}", f"x-ratelimit-reset: {int((time.time() + 40) * scale)}"))
        assert 30 < found.retry_after_s <= 40


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-reset"]), st.text()))
def test_no_header_breaks_the_wait(headers: dict[str, str]) -> None:
    wait = retry_after_s(headers.get, limited=True)
    assert wait is None or 0 <= wait < float("inf")


def test_an_empty_purse_is_a_limit_that_waiting_does_not_lift() -> None:
    found = said(http(429, '{"error": {"message": "no money", "code": "insufficient_quota"}}'))
    assert (found.reason, found.retryable) == (R.RATE_LIMITED, False)


@pytest.mark.parametrize(
    "response",
    [
        http(200, json.dumps({"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]})),
        http(400, '{"error": {"message": "no", "code": "content_filter"}}'),
        http(400, '{"error": {"message": "no", "code": "InputTextSensitiveContentDetected"}}'),
        http(400, '{"code": "data_inspection_failed", "message": "no"}'),
        http(200, '{"error": {"message": "no", "code": "content_policy_violation"}}'),
    ],
)
def test_withheld_answers_are_told_apart(response: bytes) -> None:
    found = said(response)
    assert (found.reason, found.retryable) == (R.CONTENT_FILTER, False)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        '"text"',
        "<html>",
        "\xff\xfe",
        "[" * 100_000,
        '{"choices": []}',
        '{"choices": null}',
        '{"choices": [{}]}',
        '{"choices": [null]}',
        '{"choices": [{"mess',
        '{"choices": [{"message": {}}]}',
        '{"choices": [{"message": {"content": 5}}]}',
        '{"error": {"message": "odd"}}',
    ],
)
def test_a_200_without_a_completion_is_malformed_and_tried_again(body: str) -> None:
    found = said(http(200, body.encode("latin-1")))
    assert isinstance(found, AttemptFailure)
    assert (found.reason, found.retryable, found.status) == (R.MALFORMED, True, 200)


def test_an_error_inside_a_200_counts_as_what_it_says() -> None:
    limited = said(http(200, '{"error": {"code": 429, "message": "slow down"}}'))
    assert (limited.reason, limited.retryable) == (R.RATE_LIMITED, True)
    refused = said(http(200, '{"error": {"code": "401", "message": "bad key"}}'))
    assert (refused.reason, refused.retryable) == (R.UNAUTHORIZED, False)
    named = said(http(200, '{"error": {"code": "rate_limit_reached", "message": "slow"}}'))
    assert named.reason is R.RATE_LIMITED
    other = said(http(200, '{"error_code": 336100, "error_msg": "try again"}'))
    assert other.reason is R.MALFORMED
    assert "try again" in other.message


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (chat("hi"), Answer("hi", finish_reason="stop")),
        (chat(None), Answer("", finish_reason="stop")),
        (chat("hi", usage=None, model=None), Answer("hi", finish_reason="stop")),
        (chat([{"type": "text", "text": "a"}, {"type": "image"}, "b"]), Answer("ab", finish_reason="stop")),
        (chat("<think>hm</think>\n4"), Answer("4", "hm", finish_reason="stop")),
        ({"choices": [{"message": {"content": "4", "reasoning_content": "hm"}}]}, Answer("4", "hm")),
        ({"choices": [{"message": {"content": "4", "reasoning": "hm"}}]}, Answer("4", "hm")),
        (
            {"choices": [{"message": {"content": None, "reasoning": "hm"}, "finish_reason": "length"}]},
            Answer("", "hm", finish_reason="length"),
        ),
        ({"choices": [{"message": {"content": None, "refusal": "I won't"}}]}, Answer("I won't")),
        (
            chat("x", model="m-1", usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
            Answer("x", usage=Usage(3, 4), finish_reason="stop", model="m-1"),
        ),
        (
            chat(
                "x",
                usage={
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "completion_tokens_details": {"reasoning_tokens": 2},
                    "prompt_tokens_details": {"cached_tokens": 1},
                },
            ),
            Answer("x", usage=Usage(3, 4, 2, 1), finish_reason="stop"),
        ),
        (
            chat("x", usage={"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 1}),
            Answer("x", usage=Usage(3, 4, None, 1), finish_reason="stop"),
        ),
        (
            chat("x", usage={"prompt_tokens": "3", "completion_tokens": {}}),
            Answer("x", finish_reason="stop"),
        ),
        (
            chat("x", usage={"prompt_tokens": 3.0, "completion_tokens": {}}),
            Answer("x", usage=Usage(3), finish_reason="stop"),
        ),
        (chat("x", usage="none", model=7), Answer("x", finish_reason="stop")),
        (chat("x", logprobs=float("nan")), Answer("x", finish_reason="stop")),
        (chat("cut \ud83d off"), Answer("cut \ufffd off", finish_reason="stop")),
    ],
)
def test_answers_are_read_from_what_servers_really_send(body: dict[str, Any], answer: Answer) -> None:
    assert read_completion(json.dumps(body).encode()) == answer


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["choices", "message", "content", "usage", "prompt_tokens", "error", "finish_reason", "x"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(tree: Any) -> None:
    for body in (json.dumps(tree).encode(), json.dumps({"choices": [{"message": tree}], "usage": tree}).encode()):
        try:
            answer = read_completion(body)
        except NoAnswerError:
            continue
        answer.text.encode()
        answer.reasoning.encode()


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(NoAnswerError):
        read_completion(body)


def broken(cut: str) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if cut == "at once":
            return
        await read_request(reader)
        if cut == "reset":
            writer.transport.abort()
        elif cut == "inside the body":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices"')
            await writer.drain()
        elif cut == "no http":
            writer.write(b"220 mail.example ESMTP\r\n")
            await writer.drain()

    return talk


@pytest.mark.parametrize("cut", ["at once", "reset", "inside the body", "no http"])
def test_broken_connections_are_named_and_tried_again(cut: str) -> None:
    (found,) = talk_to(broken(cut))
    assert isinstance(found, AttemptFailure)
    assert (found.reason, found.retryable) == (R.CONNECTION, True)
    assert "http://127.0.0.1:" in found.message


def attempt(spec: EndpointSpec, key: str = KEY) -> Any:
    async def work() -> Any:
        provider = OpenAIProvider(spec, key)
        try:
            return await provider.attempt(REQUEST)
        finally:
            await provider.close()

    return asyncio.run(work())


def test_a_refused_connection_and_an_unknown_name_say_so() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        found = attempt(EndpointSpec(f"http://127.0.0.1:{port}/v1", "m"))
    assert (found.reason, found.retryable) == (R.CONNECTION, True)
    assert "refused" in found.message
    unknown = attempt(EndpointSpec("http://no-such-host.invalid/v1", "m"))
    assert unknown.reason is R.CONNECTION
    assert "no-such-host.invalid" in unknown.message


def test_a_probe_finds_out_who_is_there() -> None:
    async def probe(spec: EndpointSpec, key: str) -> AttemptFailure | None:
        provider = OpenAIProvider(spec, key)
        try:
            return await provider.probe()
        finally:
            await provider.close()

    with running_endpoint(key=KEY) as endpoint:
        spec = EndpointSpec(endpoint.base_url, "m", timeout_s=20)
        assert asyncio.run(probe(spec, KEY)) is None
        wrong = asyncio.run(probe(spec, "sk-wrong"))
        elsewhere = asyncio.run(probe(EndpointSpec(endpoint.origin + "/nothing/here", "m"), KEY))
    assert wrong is not None
    assert wrong.reason is R.UNAUTHORIZED
    assert elsewhere is None
    gone = asyncio.run(probe(spec, KEY))
    assert gone is not None
    assert gone.reason is R.CONNECTION


@pytest.mark.parametrize("silent_from", [0, 60])
def test_silence_ends_by_the_time_out_which_is_named(silent_from: int) -> None:
    """The whole answer would come, only too late: it is given up before."""
    reply = http(200, json.dumps(chat("late")))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply[:silent_from])
        await asyncio.sleep(2.0)
        writer.write(reply[silent_from:])
        await writer.drain()

    (found,) = talk_to(talk, timeout_s=0.3)
    assert isinstance(found, AttemptFailure)
    assert (found.reason, found.retryable) == (R.TIMEOUT, True)
    assert "0.3 s" in found.message
    assert "m at http://127.0.0.1:" in found.message


def test_a_dripping_body_ends_by_the_time_out_too() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(400):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    (found,) = talk_to(talk, timeout_s=0.5)
    assert isinstance(found, AttemptFailure)
    assert found.reason is R.TIMEOUT


def test_a_bad_answer_does_not_spoil_the_next_one() -> None:
    replies = [http(500, "{}"), http(200, "{"), http(200, json.dumps(chat("fine")))]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(replies.pop(0))
            await writer.drain()

    first, second, third = talk_to(talk, times=3)
    assert [getattr(x, "reason", None) for x in (first, second)] == [R.SERVER_ERROR, R.MALFORMED]
    assert isinstance(third, Answer)


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
@pytest.mark.parametrize(
    "shape", ['{"error": {"message": "key KEY is bad"}}', "plain KEY", '{"message": "' + "x" * 290 + 'KEY"}']
)
def test_a_key_that_the_endpoint_echoes_is_shown_to_nobody(status: int, shape: str) -> None:
    found = said(http(status, shape.replace("KEY", KEY)))
    assert isinstance(found, AttemptFailure)
    assert "very-secret" not in found.message
    assert "sk-ver" not in found.message


def test_credentials_in_headers_and_addresses_are_shown_to_nobody() -> None:
    echo = http(400, json.dumps({"error": "you sent hdr-secret-1 and tok-secret-2"}))
    headers = {"api-key": "hdr-secret-1", "Authorization": "Token tok-secret-2"}
    found = said(echo, headers=headers, base_url="http://127.0.0.1:{port}/v1?tenant=url-secret-3")
    assert "secret" not in found.message
    spec = EndpointSpec("http://127.0.0.1:9/v1?tenant=url-secret-3", "m", headers=headers)
    assert "secret" not in attempt(spec).message

    async def shown() -> str:
        return repr(OpenAIProvider(spec, KEY))

    assert "secret" not in asyncio.run(shown())


LONG_KEY = 'sk-Va/l+id"0123456789-UVWXYZ-tail'


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04X}" for c in text)


@pytest.mark.parametrize(
    "body",
    [
        LONG_KEY[:15] + "\n  " + LONG_KEY[15:],
        " ".join(LONG_KEY),
        "".join(f"%{ord(c):02x}" for c in LONG_KEY),
        quote(LONG_KEY, safe=""),
        '{"error": {"message": "' + escaped(LONG_KEY) + '"',
        '{"error": {"message": "' + escaped(escaped(LONG_KEY)) + '"}}',
        json.dumps({"error": {"message": json.dumps({"said": "key " + LONG_KEY})}}),
        json.dumps({"error": {"message": {"auth": LONG_KEY}}}),
        json.dumps({"error": {"code": LONG_KEY, "message": ""}}),
        "cut off: " + LONG_KEY[:12],
        "cut off: " + LONG_KEY[:20] + "...",
        " " * 1970 + LONG_KEY + " after it",
        " " * ((1 << 16) - 9) + LONG_KEY,
    ],
)
def test_a_key_is_found_in_every_disguise(body: str) -> None:
    for status in (400, 500):
        message = said(http(status, body), key=LONG_KEY).message
        for part in (LONG_KEY[:8], "VWXY", "tail", escaped(LONG_KEY[:4]), escaped("tail"), "%5a", "V W X"):
            assert part.lower() not in message.lower()


def test_what_looks_a_little_like_the_key_stays() -> None:
    assert LONG_KEY[:11] + " is wrong" in said(http(400, LONG_KEY[:11] + " is wrong"), key=LONG_KEY).message


def test_a_model_that_repeats_the_key_is_redacted() -> None:
    choice = {"message": {"content": f"it is {KEY}!", "reasoning_content": f"<{KEY}>"}, "finish_reason": KEY}
    found = said(http(200, json.dumps({"choices": [choice], "model": f"m {KEY}"})))
    assert found == Answer("it is [redacted]!", "<[redacted]>", finish_reason="***", model="m ***")


def test_a_stand_in_for_a_key_is_no_forbidden_word_in_answers() -> None:
    found = said(http(200, json.dumps(chat("the list is EMPTY"))), key="EMPTY")
    assert found.text == "the list is EMPTY"


@pytest.mark.parametrize(
    "query", ["api_key=v", "apikey=v", "key=v", "access-token=v", "X.Auth=v", "%6bey=v", "client_secret=", "a=1&sig=v"]
)
def test_a_credential_inside_the_address_is_refused(query: str) -> None:
    with pytest.raises(InputError, match="credential") as refused:
        completions_url(f"https://h/v1?{query.replace('=v', '=private')}")
    assert "api_key_env" in refused.value.hint
    assert "private" not in refused.value.line()


@pytest.mark.parametrize("query", ["api-version=1", "max_tokens=5", "author=a", "deployment=d"])
def test_other_parameters_of_the_address_are_none(query: str) -> None:
    assert completions_url(f"https://h/v1?{query}").endswith(query)


@pytest.mark.parametrize(
    "count", ["1e30", str(10**30), str(2**64 - 1), str(2**31), "-1", '"12"', "true", "1.5", "NaN", "1e999", "[1]", "{}"]
)
def test_a_count_of_tokens_that_cannot_be_is_unknown(count: str) -> None:
    body = '{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": COUNT, "completion_tokens": 7, '
    body += (
        '"completion_tokens_details": {"reasoning_tokens": COUNT}, "prompt_tokens_details": {"cached_tokens": COUNT}}}'
    )
    assert read_completion(body.replace("COUNT", count).encode()) == Answer("a", usage=Usage(None, 7))


def test_the_largest_count_of_tokens_is_taken() -> None:
    body = json.dumps(chat("a", usage={"prompt_tokens": 2**31 - 1, "completion_tokens": 0})).encode()
    assert read_completion(body).usage == Usage(2**31 - 1, 0)


@pytest.mark.parametrize("depth", [330, 490, 900, 990, 200_000])
@pytest.mark.parametrize(
    "body",
    [
        '{"choices": [{"message": {"content": DEEP}}]}',
        '{"choices": [{"message": {"content": NaN, "x": DEEP}}]}',
        '{"x": DEEP, "choices": []}',
        '{"error": {"message": DEEP}}',
        '{"error": DEEP}',
        '{"error": {"code": 400, "message": DEEP}, "x": NaN}',
    ],
)
def test_deep_nesting_fails_its_own_row_alone(body: str, depth: int) -> None:
    for status in (200, 400, 429, 500):
        found = said(http(status, body.replace("DEEP", "[" * depth + "]" * depth)))
        if isinstance(found, AttemptFailure):
            assert found.reason in {R.MALFORMED, R.REFUSED, R.RATE_LIMITED, R.SERVER_ERROR}
            assert found.message
        else:
            assert (status, found.text) == (200, "")


def test_deep_nesting_is_named_for_what_it_is() -> None:
    found = said(http(200, '{"choices": [{"message": {"content": ' + "[" * 200_000 + "]" * 200_000 + "}}]}"))
    assert (found.reason, found.retryable) == (R.MALFORMED, True)
    assert "nested too deeply" in found.message


@pytest.mark.parametrize("code", ['"\u00b2\u00b2\u00b2"', '"' + "9" * 5000 + '"', "404.5", "true", "[]", '"600"'])
def test_an_odd_error_code_is_malformed_only(code: str) -> None:
    found = said(http(200, '{"error": {"message": "m", "code": CODE}}'.replace("CODE", code)))
    assert (found.reason, found.message) == (R.MALFORMED, "200 with an error: m")


@pytest.mark.parametrize(
    "header",
    [
        "Retry-After: Fri, 31 Dec 9999 23:59:59 -2359",
        "Retry-After: Mon, 01 Jan 0001 00:00:00 +2359",
        "x-ratelimit-reset: " + "9" * 400 + "s",
        "Retry-After: " + "9" * 400,
        "Retry-After: \u00ff\u00fe",
    ],
)
def test_no_wait_breaks_an_attempt(header: str) -> None:
    reply = http(429, "{}").replace(b"\r\n\r\n", b"\r\n" + header.encode("latin-1") + b"\r\n\r\n")
    found = said(reply)
    assert (found.reason, found.retryable) == (R.RATE_LIMITED, True)
    assert found.retry_after_s is None or 0.0 <= found.retry_after_s < 1e12


def packed(kind: str, body: bytes) -> bytes:
    if kind == "gzip":
        return http(200, gzip.compress(body, 1), "Content-Encoding: gzip")
    if kind == "chunked":
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    return http(200, body)


@pytest.mark.parametrize("kind", ["plain", "chunked", "gzip"])
def test_a_body_over_the_limit_is_given_up(kind: str) -> None:
    shell = len(json.dumps(chat("")))
    most = json.dumps(chat("x" * (BODY_BYTES_MAX - shell))).encode()
    assert len(most) == BODY_BYTES_MAX
    whole = said(packed(kind, most))
    assert isinstance(whole, Answer)
    assert len(whole.text) == BODY_BYTES_MAX - shell
    over = said(packed(kind, most + b" "))
    assert (over.reason, over.retryable) == (R.MALFORMED, False)
    assert "16 MiB" in over.message


def test_own_headers_are_sent_and_replace_the_bearer() -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(http(200, json.dumps(chat())))
        await writer.drain()

    talk_to(
        talk, headers={"X-Team": "a", "Authorization": "Token t"}, base_url="http://127.0.0.1:{port}/v1?api-version=2"
    )
    head = seen[0].lower()
    assert head.startswith(b"post /v1/chat/completions?api-version=2 http/1.1")
    assert b"x-team: a" in head
    assert head.count(b"authorization:") == 1
    assert b"authorization: token t" in head
    assert b"content-type: application/json" in head
    assert seen[0].endswith(REQUEST.body)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://h:1/v1", "http://h:1/v1/chat/completions"),
        ("http://h:1/v1/", "http://h:1/v1/chat/completions"),
        (" https://h ", "https://h/chat/completions"),
        ("https://h/api/v3/chat/completions", "https://h/api/v3/chat/completions"),
        ("https://h/api/v3/chat/completions/", "https://h/api/v3/chat/completions"),
        ("https://h/d/x?api-version=1", "https://h/d/x/chat/completions?api-version=1"),
        ("http://[::1]:8/v1", "http://[::1]:8/v1/chat/completions"),
    ],
)
def test_addresses_are_accepted_as_people_have_them(given: str, url: str) -> None:
    assert completions_url(given) == url


def test_tls_with_an_own_authority_and_never_by_accident() -> None:
    with running_endpoint(tls=True, key=KEY) as endpoint:
        spec = EndpointSpec(endpoint.base_url, "m", timeout_s=20)
        unknown = attempt(spec)
        assert (unknown.reason, unknown.retryable) == (R.CONNECTION, False)
        assert "ca_file" in unknown.message
        trusted = attempt(msgspec.structs.replace(spec, ca_file=endpoint.ca_file))
        assert isinstance(trusted, Answer)
        assert trusted.text == "hello"
        assert isinstance(attempt(msgspec.structs.replace(spec, verify_tls=False)), Answer)
        assert endpoint.stats()["total"] == 2
        plain = attempt(EndpointSpec(endpoint.base_url.replace("https", "http"), "m", timeout_s=20))
        assert plain.reason is R.CONNECTION


def proxy(seen: list[bytes]) -> Talk:
    """A proxy for both ways: absolute addresses for http, CONNECT for https."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        method, target, _ = head.split(b" ", 2)
        place = target.decode().removeprefix("http://").partition("/")[0]
        host, _, port = place.rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            up_writer.write(head)
        await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))

    return talk


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_is_used_when_it_is_given(tls: bool) -> None:
    seen: list[bytes] = []
    with running_endpoint(tls=tls, key=KEY) as endpoint:
        (found,) = talk_to(
            proxy(seen),
            base_url=endpoint.base_url,
            ca_file=endpoint.ca_file,
            proxy="http://me:pass-word@127.0.0.1:{port}",
        )
    assert isinstance(found, Answer)
    assert len(seen) == 1
    assert seen[0].startswith(b"CONNECT" if tls else b"POST http://")
    assert b"proxy-authorization: basic " in seen[0].lower()
    # Inside a tunnel the proxy sees no key.
    assert (KEY.encode() in seen[0]) is (not tls)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(said(http(200, json.dumps(chat()))), Answer)


def test_the_proxy_that_fails_is_not_quoted_with_its_password() -> None:
    found = attempt(EndpointSpec("http://127.0.0.1:9/v1", "m", proxy="http://me:pass-word@127.0.0.1:9"))
    assert found.reason is R.CONNECTION
    assert "pass-word" not in found.message


def test_many_attempts_share_their_connections() -> None:
    with running_endpoint(latency_ms=2) as endpoint:

        async def work() -> list[Any]:
            provider = OpenAIProvider(EndpointSpec(endpoint.base_url, "m", max_concurrency=8, timeout_s=30), "")
            lane = asyncio.Semaphore(8)

            async def one() -> Any:
                async with lane:
                    return await provider.attempt(REQUEST)

            found = await asyncio.gather(*(one() for _ in range(400)))
            await provider.close()
            return found

        assert all(isinstance(x, Answer) for x in asyncio.run(work()))
        stats = endpoint.stats()
    assert stats["ok"] == 400
    assert stats["max_inflight"] <= 8
    # One of them is the test's own.
    assert stats["connections"] <= 20


def test_a_certificate_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n")
    with pytest.raises(InputError, match="certificates"):
        attempt(EndpointSpec("https://127.0.0.1:9/v1", "m", ca_file=str(file)))
