"""What the public fake does and when it fails: a pure function of prompt, seed and attempt."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from steelyard.domain.errors import InputError

Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]

_MASK = (1 << 64) - 1
_SUM = re.compile(r"(?:What is|equals) (-?\d+) ([-+*]) (-?\d+)")
_FILLER = ("first", "both", "parts", "are", "checked", "then", "the", "result", "is", "written", "down", "again")
_FAULTS = ("err500", "err429", "reset", "malformed", "hang")


class ScriptOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the fake; shares are 0..1 and add up to at most 1."""

    latency_ms: NotNegative = 0.0
    """Fixed latency, or the median of a lognormal one when sigma > 0."""
    sigma: NotNegative = 0.0
    seed: int = 0
    answer: str = "echo"
    """echo (the prompt), sum ("What is A + B?" worked out, else the prompt), or the answer itself."""
    answer_map: dict[str, str] = {}
    """Regular expression -> answer, tried in order before `answer`; \\1 stands for a group."""
    accuracy: Share = 1.0
    """Share of prompts whose sum is right."""
    words: Annotated[int, Meta(ge=0)] = 0
    """Filler words before the answer."""
    think: Annotated[int, Meta(ge=0)] = 0
    """Words inside <think> tags before the answer."""
    err500: Share = 0.0
    err429: Share = 0.0
    retry_after: NotNegative = 1.0
    """Seconds, sent with 429."""
    reset: Share = 0.0
    malformed: Share = 0.0
    hang: Share = 0.0
    fail_attempts: Annotated[int, Meta(ge=-1)] = -1
    """-1: faults are drawn anew at each attempt; 0: a chosen prompt always fails; n: its first n attempts fail."""


def script_options(raw: dict[str, Any]) -> ScriptOptions:
    """Returns checked options; numbers and the JSON of answer_map may come as text.

    Raises:
        InputError: an option is unknown or out of its range, or a pattern is no regular expression.
    """
    try:
        given = dict(raw)
        if isinstance(given.get("answer_map"), str):
            given["answer_map"] = msgspec.json.decode(given["answer_map"], type=dict[str, str])
        options = msgspec.convert(given, ScriptOptions, strict=False)
        for pattern in options.answer_map:
            re.compile(pattern)
        if sum(getattr(options, name) for name in _FAULTS) > 1 + 1e-9:
            raise InputError(
                "the shares of faults add up to more than 1",
                where="builtin:scripted",
                hint="lower some of " + ", ".join(_FAULTS),
                code="bad_endpoint",
            )
    except (msgspec.MsgspecError, re.error) as error:
        known = ", ".join(ScriptOptions.__struct_fields__)
        raise InputError(
            f"cannot use the options of the scripted model: {error}",
            where="builtin:scripted",
            hint=f"options are {known}",
            code="bad_endpoint",
        ) from None
    return options


class Script:
    """Answers, latencies and faults by prompt."""

    def __init__(self, options: ScriptOptions) -> None:
        self.options = options
        self.has_faults = any(getattr(options, name) for name in _FAULTS)
        self._patterns = [(re.compile(p, re.DOTALL), answer) for p, answer in options.answer_map.items()]
        self._prefix = _prefix(options)

    def key(self, prompt: str) -> int:
        """Returns the 64 bits that all draws of this prompt start from."""
        digest = hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "little")

    def answer(self, prompt: str, key: int) -> str:
        """Returns the text that this prompt is always answered with."""
        for pattern, answer in self._patterns:
            found = pattern.search(prompt)
            if found:
                return self._prefix + found.expand(answer)
        kind = self.options.answer
        if kind == "sum":
            kind = self._sum(prompt, key)
        return self._prefix + (prompt if kind == "echo" else kind)

    def latency_s(self, key: int) -> float:
        """Returns the seconds before anything is sent back."""
        latency = self.options.latency_ms / 1000.0
        if latency and self.options.sigma:
            radius = math.sqrt(-2.0 * math.log(self._draw(key, 2) or 1e-12))
            latency *= math.exp(self.options.sigma * radius * math.cos(2.0 * math.pi * self._draw(key, 3)))
        return latency

    def fault(self, key: int, attempt: int) -> str:
        """Returns err500, err429, reset, malformed or hang, or "" for an answer; attempts count from 1."""
        options = self.options
        if not self.has_faults or 0 < options.fail_attempts < attempt:
            return ""
        left = self._draw(key, 100 + attempt if options.fail_attempts < 0 else 100)
        for name in _FAULTS:
            left -= getattr(options, name)
            if left < 0:
                return name
        return ""

    def _sum(self, prompt: str, key: int) -> str:
        found = None
        for found in _SUM.finditer(prompt):  # noqa: B007 - the last question counts, earlier ones are examples
            pass
        if found is None:
            return "echo"
        a, b = int(found[1]), int(found[3])
        value = a + b if found[2] == "+" else a - b if found[2] == "-" else a * b
        return str(value if self._draw(key, 1) < self.options.accuracy else value + 1)

    def _draw(self, key: int, salt: int) -> float:
        """Returns a number in [0, 1) fixed by key, salt and seed. Source: SplitMix64 (Steele, Lea, Flood, 2014)."""
        z = (key + (salt + 1000003 * self.options.seed) * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((z ^ (z >> 31)) >> 11) / 9007199254740992.0


def _prefix(options: ScriptOptions) -> str:
    thought = " ".join(_FILLER[i % len(_FILLER)] for i in range(options.think))
    filler = " ".join(_FILLER[i % len(_FILLER)] for i in range(options.words))
    return (f"<think>{thought}</think>" if thought else "") + (f"{filler}. " if filler else "")
