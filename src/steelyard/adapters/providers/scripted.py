"""`builtin:scripted`: the public fake, with latency, faults and fixed answers, for trials without any endpoint."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from steelyard.adapters.providers.faults import Script, ScriptOptions
from steelyard.domain.answer import Answer, AttemptFailure, FailureReason, Usage
from steelyard.flow.answers.reasoning import split_reasoning

if TYPE_CHECKING:
    from steelyard.domain.request import Request

_R = FailureReason
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def count_tokens(text: str) -> int:
    """Returns the tokens built-ins report: each CJK character, and each run of other characters without blanks."""
    return len(_TOKEN.findall(text))


class ScriptedProvider:
    """Answers and fails as its options say; attempts are counted by the request's key."""

    def __init__(self, options: ScriptOptions, timeout_s: float) -> None:
        self._script = Script(options)
        self._timeout_s = timeout_s
        self._attempts: dict[str, int] = {}

    async def attempt(self, request: Request) -> Answer | AttemptFailure:
        """Waits out the latency, then answers or fails; see the port."""
        script = self._script
        prompt = request.prompt
        key = script.key(prompt)
        fault = ""
        if script.has_faults:
            number = self._attempts[request.key] = self._attempts.get(request.key, 0) + 1
            fault = script.fault(key, number)
        wait = script.latency_s(key)
        if fault == "hang" or wait >= self._timeout_s:
            await asyncio.sleep(self._timeout_s)
            said = f"no complete answer from builtin:scripted within {self._timeout_s:g} s"
            return AttemptFailure(_R.TIMEOUT, said, retryable=True)
        if wait:
            await asyncio.sleep(wait)
        if fault:
            return self._failure(fault)
        text, reasoning = split_reasoning(script.answer(prompt, key))
        spent = Usage(count_tokens(prompt), count_tokens(text) + count_tokens(reasoning))
        return Answer(text, reasoning, spent, "stop", "scripted")

    async def probe(self) -> AttemptFailure | None:
        """Is always there."""
        return None

    async def close(self) -> None:
        """Forgets the attempts."""
        self._attempts.clear()

    def _failure(self, fault: str) -> AttemptFailure:
        if fault == "err429":
            wait = self._script.options.retry_after
            return AttemptFailure(
                _R.RATE_LIMITED, "429: scripted limit", retryable=True, status=429, retry_after_s=wait
            )
        if fault == "err500":
            return AttemptFailure(_R.SERVER_ERROR, "500: scripted error", retryable=True, status=500)
        if fault == "reset":
            return AttemptFailure(_R.CONNECTION, "scripted connection reset", retryable=True)
        return AttemptFailure(_R.MALFORMED, "200 with a scripted broken body", retryable=True, status=200)
