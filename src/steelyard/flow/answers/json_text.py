"""Reads the JSON value that an answer consists of."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any

from steelyard.flow.answers.reasoning import split_reasoning

_FENCE = re.compile(r"```[ \t]*(?:json|JSON)?[ \t]*\r?\n?(.*?)```", re.DOTALL)
_LONGEST_READ = 2_000_000


class NotJsonError(ValueError):
    """The text holds no JSON value; the message says in one line why."""


def read_json(text: str) -> Any:
    """Returns the JSON value of an answer: the whole text, or its only fenced block (prose around it is left out).

    Strict JSON: no NaN, no Infinity, no number beyond a double. <think> blocks are left out.

    Raises:
        NotJsonError: there is no such value, or more than one block.
    """
    answer = split_reasoning(text)[0].strip()
    if len(answer) > _LONGEST_READ:
        raise NotJsonError(f"longer than {_LONGEST_READ} characters")
    blocks = _FENCE.findall(answer)
    if len(blocks) > 1:
        raise NotJsonError(f"{len(blocks)} fenced blocks, one expected")
    return parse_json(blocks[0] if blocks else answer)


def parse_json(text: str) -> Any:
    """Returns the value of strict JSON text.

    Raises:
        NotJsonError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_double)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except ValueError as error:
        raise NotJsonError(str(error)) from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _double(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value
