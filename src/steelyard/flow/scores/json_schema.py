"""Whether an answer is JSON of the shape that was asked for."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, model_validator

from steelyard.domain.errors import InputError
from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.answers.json_text import NotJsonError, read_json
from steelyard.flow.scores.scorer import Options, Scorer, brief

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

_PATTERN_TIMEOUT_S = 0.5


class JsonSchemaOptions(Options):
    """Options of `json_schema`."""

    definition: dict[str, Any] | None = Field(None, alias="schema", description="The JSON Schema of every row.")
    column: str | None = Field(None, description="The column that holds each row's schema: an object or its JSON text.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.definition is None) == (self.column is None):
            raise ValueError("give either schema or column")
        return self


class JsonSchema(Scorer[JsonSchemaOptions]):
    """1 when the answer is JSON that the schema (draft 2020-12, or its own `$schema`) allows, else 0.

    The answer is the whole text or its one fenced block; one that is no JSON is flagged `unparsed`. References to
    other documents are never fetched. Formats are not checked. A pattern that takes too long is flagged `timeout`.
    """

    name = "json_schema"
    kind = "rate"
    needs_reference = False
    options_type = JsonSchemaOptions

    def __init__(self, options: JsonSchemaOptions | None = None) -> None:
        super().__init__(options)
        self._validator: Any = None
        if self.options.definition is not None:
            built = _build(json.dumps(self.options.definition))
            if isinstance(built, str):
                raise InputError(
                    f"scorer json_schema: the schema is not valid: {built}",
                    where="scorer json_schema, option schema",
                    hint="correct it; the JSON Schema site explains each keyword",
                    code="bad_scorer_option",
                )
            self._validator = built

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Validates the answer; a row without a usable schema is Unscored("bad_schema")."""
        validator = self._validator or _of_column(case.columns.get(self.options.column or ""))
        if validator is None or isinstance(validator, str):
            return Unscored("bad_schema")
        if not case.answer.strip():
            return Scored(0.0, "the answer is empty", "empty_answer")
        try:
            value = read_json(case.answer)
        except NotJsonError as error:
            return Scored(0.0, f"no JSON: {brief(str(error))}", "unparsed")
        return _validated(validator, value)


def _validated(validator: Any, value: Any) -> Scored | Unscored:
    import regex
    from referencing.exceptions import Unresolvable

    try:
        error = next(validator.iter_errors(value), None)
    except (Unresolvable, regex.error, re.error):
        return Unscored("bad_schema")
    except TimeoutError:
        return Scored(0.0, f"no result within {_PATTERN_TIMEOUT_S:g} s", "timeout")
    except (RecursionError, ArithmeticError):
        return Scored(0.0, "nested too deeply or too large to validate")
    if error is None:
        return Scored(1.0, "valid")
    where = ".".join(str(step) for step in error.absolute_path)
    return Scored(0.0, f"{brief(where or 'the value', 40)}: {brief(error.message)}")


def _of_column(value: Any) -> Any:
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return _build(text)


@lru_cache(maxsize=256)
def _build(schema_text: str) -> Any:
    """Returns a validator, or one line on why there is none."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, extend, validator_for
    from referencing import Registry

    try:
        schema = json.loads(schema_text)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(schema, dict):
        return "not an object"
    base: Any = validator_for(cast("Any", schema), default=Draft202012Validator)
    try:
        base.check_schema(schema, format_checker=base.FORMAT_CHECKER)
    except (SchemaError, RecursionError) as error:
        return brief(getattr(error, "message", "nested too deeply"), 120)
    bounded = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    used = {name: check for name, check in bounded.items() if name in base.VALIDATORS}
    return extend(base, used)(schema, registry=Registry())


def _matches(pattern: str, text: str) -> bool:
    import regex

    return regex.search(pattern, text, timeout=_PATTERN_TIMEOUT_S) is not None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    del schema
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield _error(f"does not match {brief(pattern, 40)}")


def _pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    del schema
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for key, item in instance.items():
                if _matches(pattern, key):
                    yield from validator.descend(item, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: dict[str, Any]) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, item in instance.items():
        if key in named or any(_matches(pattern, key) for pattern in patterns):
            continue
        if allowed is False:
            yield _error(f"has a field that is not allowed: {brief(key, 40)}")
        else:
            yield from validator.descend(item, allowed, path=key)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    """Compares canonical texts: comparing values pair by pair takes time quadratic in the list's length."""
    del schema
    if wanted and validator.is_type(instance, "array"):
        texts = {json.dumps(_canonical(item), sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield _error("has items that are equal")


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_canonical(item) for item in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _error(message: str) -> Exception:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)
