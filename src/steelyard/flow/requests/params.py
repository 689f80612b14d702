"""Request parameters: which there are, in which range, and how an endpoint's own names replace ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "penalty_score": (1.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}
"""Numbers, with the range that holds unless the endpoint declares its own."""

_POSITIVE_INTS = frozenset({"max_tokens", "max_completion_tokens", "top_k"})
_BOOLS = frozenset({"disable_search", "enable_citation", "logprobs"})
KNOWN = (
    frozenset(RANGES)
    | _POSITIVE_INTS
    | _BOOLS
    | {"stop", "seed", "response_format", "top_logprobs", "extra_body", "user"}
)


def check_params(
    params: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]] | None = None, *, where: str = "params"
) -> dict[str, Any]:
    """Returns the parameters that are set, without the Nones.

    Args:
        params: by our names; `extra_body` holds fields that go to the endpoint as they are.
        ranges: the endpoint's declared ranges; they replace the defaults.
        where: where a wrong value is found, for the message.

    Raises:
        InputError: an unknown name, a wrong type, or a value out of range.
    """
    out: dict[str, Any] = {}
    for name, value in params.items():
        if value is None:
            continue
        place = f"{where}.{name}"
        if name not in KNOWN:
            raise InputError(
                f"unknown parameter '{name}'",
                where=place,
                hint="known: " + ", ".join(sorted(KNOWN)) + "; anything else goes into extra_body",
            )
        if (problem := _problem(name, value, {**RANGES, **(ranges or {})})) is not None:
            raise InputError(f"{name} {problem}, not {value!r}", where=place, hint="correct the value or leave it out")
        out[name] = value
    return out


def _problem(name: str, value: Any, ranges: Mapping[str, tuple[float, float]]) -> str | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in ranges:
        low, high = ranges[name]
        return None if number and low <= value <= high else f"must be a number between {low:g} and {high:g}"
    if name in _POSITIVE_INTS:
        return None if number and isinstance(value, int) and value >= 1 else "must be a whole number of at least 1"
    if name in _BOOLS:
        return None if isinstance(value, bool) else "must be true or false"
    if name in {"seed", "top_logprobs"}:
        return None if number and isinstance(value, int) else "must be a whole number"
    if name == "stop":
        ok = isinstance(value, str) or (isinstance(value, list) and all(isinstance(s, str) for s in value))
        return None if ok else "must be a text or a list of texts"
    if name in {"response_format", "extra_body"}:
        return None if isinstance(value, dict) else "must be an object"
    return None if isinstance(value, str) else "must be a text"


def wire_params(params: Mapping[str, Any], param_map: Mapping[str, str]) -> dict[str, Any]:
    """Returns the parameters under the endpoint's names; a name mapped to nothing is dropped; extra_body is merged in."""
    out: dict[str, Any] = {}
    for name, value in params.items():
        if name == "extra_body":
            continue
        wire = param_map.get(name, name)
        if wire:
            out[wire] = value
    out.update(params.get("extra_body", {}))
    return out
