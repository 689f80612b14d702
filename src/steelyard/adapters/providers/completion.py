"""The body of a chat completion, straight from bytes: only the fields we need, tolerant of what servers omit."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from steelyard.domain.answer import Answer, Usage
from steelyard.flow.answers.reasoning import split_reasoning


class _Details(Struct):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: _Details | None = None
    prompt_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None


class _Message(Struct):
    content: str | list[Any] | UnsetType | None = UNSET
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: str | None = None
    tool_calls: Any = None


class _Choice(Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _Completion(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    model: str | None = None
    error: Any = None
    error_code: Any = None
    error_msg: Any = None


class NoAnswerError(Exception):
    """The body holds no answer; `error` is the error object it holds instead, if any."""

    def __init__(self, message: str, error: Any = None) -> None:
        super().__init__(message)
        self.error = error


_DECODER = msgspec.json.Decoder(_Completion)
_NO_USAGE = Usage()
_TOKENS_MAX = 2**31 - 1
"""No answer takes so many; a larger count is no count."""


def read_completion(body: Any) -> Answer:
    """Returns the answer that a successful response's body (any buffer of bytes) holds.

    A count of tokens that is no whole number in 0..2**31-1 is unknown. Missing usage, null content (an empty answer), lists of content parts and both names of reasoning text are
    accepted, and `<think>` text is moved to the answer's reasoning.

    Raises:
        NoAnswerError: the body is no JSON, or a completion without a message, or an error object.
    """
    try:
        completion = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        completion = _read_loosely(bytes(body))
    choices = completion.choices
    if not choices:
        if completion.error or completion.error_code:
            error = completion.error or {"code": completion.error_code, "message": completion.error_msg}
            raise NoAnswerError("the body holds an error instead of an answer", error)
        raise NoAnswerError("the body has no choices")
    choice = choices[0]
    message = choice.message
    if message is None:
        raise NoAnswerError("the first choice has no message")
    reasoning = _text_of(message.reasoning_content) or _text_of(message.reasoning)
    content = message.content
    if content is UNSET and not (reasoning or message.refusal or message.tool_calls):
        raise NoAnswerError("the first choice's message has no content")
    text = content if isinstance(content, str) else _text_of(content)
    text, thought = split_reasoning(text or message.refusal or "")
    if thought:
        reasoning = f"{reasoning}\n{thought}" if reasoning else thought
    return Answer(text, reasoning, _usage(completion.usage), choice.finish_reason or "", completion.model or "")


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return _NO_USAGE
    out = usage.completion_tokens_details
    into = usage.prompt_tokens_details
    cached = _count(usage.prompt_cache_hit_tokens)
    if into is not None and into.cached_tokens is not None:
        cached = _count(into.cached_tokens)
    reasoning = None if out is None else _count(out.reasoning_tokens)
    return Usage(_count(usage.prompt_tokens), _count(usage.completion_tokens), reasoning, cached)


def _text_of(content: Any) -> str:
    """Returns the text of a string or of a list of content parts; anything else holds no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts: list[str] = []
    for part in cast("list[Any]", content):
        text: Any = cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
    return "".join(texts)


def _read_loosely(body: bytes) -> _Completion:
    """Reads what strict JSON refuses but servers send: NaN, lone surrogates, fields of an odd type.

    Raises:
        NoAnswerError: it is no JSON object even so.
    """
    try:
        raw = json.loads(body.decode("utf-8-sig", "replace"))
        tree = _sound(raw)
    except RecursionError:
        raise NoAnswerError("the body is nested too deeply") from None
    except ValueError:
        raise NoAnswerError("the body is no JSON" if body.strip() else "the body is empty") from None
    if not isinstance(tree, dict):
        raise NoAnswerError("the body is no JSON object")
    fields = cast("dict[str, Any]", tree)
    return _Completion(
        choices=[_loose_choice(c) for c in _items(fields.get("choices"))],
        usage=_loose(_Usage, fields.get("usage")),
        model=_string(fields.get("model")),
        error=fields.get("error"),
        error_code=fields.get("error_code"),
        error_msg=fields.get("error_msg"),
    )


def _loose_choice(raw: Any) -> _Choice:
    fields: dict[str, Any] = raw if isinstance(raw, dict) else {}
    message = fields.get("message")
    if not isinstance(message, dict):
        return _Choice(None, _string(fields.get("finish_reason")))
    parts = cast("dict[str, Any]", message)
    content = parts.get("content", UNSET)
    if not isinstance(content, str | list | None | UnsetType):
        content = UNSET
    read = _Message(content, parts.get("reasoning_content"), parts.get("reasoning"), _string(parts.get("refusal")))
    read.tool_calls = parts.get("tool_calls")
    return _Choice(read, _string(fields.get("finish_reason")))


def _loose(kind: type[_Usage], raw: Any) -> _Usage | None:
    """Returns the counts that can be read as whole numbers; one odd count does not take the others with it."""
    if not isinstance(raw, dict):
        return None
    usage = kind()
    for name, value in cast("dict[str, Any]", raw).items():
        if name in ("completion_tokens_details", "prompt_tokens_details"):
            details = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
            setattr(
                usage, name, _Details(_count(details.get("reasoning_tokens")), _count(details.get("cached_tokens")))
            )
        elif name in kind.__struct_fields__:
            setattr(usage, name, _count(value))
    return usage


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _TOKENS_MAX:
        return None
    return value


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _sound(value: Any) -> Any:
    """Replaces lone surrogates, which no file or database takes, by U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_sound(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _sound(item) for key, item in cast("dict[str, Any]", value).items()}
    return value
