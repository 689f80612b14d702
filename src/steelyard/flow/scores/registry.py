"""The table of scorers, and how a plan's words become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from steelyard.domain.errors import InputError
from steelyard.domain.registry import Registry
from steelyard.domain.score import ScorerSpec
from steelyard.flow.scores.scorer import Scorer

_HERE = "steelyard.flow.scores"

SCORERS: Registry[type[Scorer[Any]]] = Registry(
    "scorer",
    {
        "accuracy": f"{_HERE}.overlap:Accuracy",
        "bleu": f"{_HERE}.bleu:Bleu",
        "choice": f"{_HERE}.choice:Choice",
        "chrf": f"{_HERE}.characters:Chrf",
        "contains": f"{_HERE}.contains:Contains",
        "edit_similarity": f"{_HERE}.characters:EditSimilarity",
        "exact": f"{_HERE}.exact:Exact",
        "json_fields": f"{_HERE}.json_fields:JsonFields",
        "json_schema": f"{_HERE}.json_schema:JsonSchema",
        "numeric": f"{_HERE}.numeric:Numeric",
        "prefix": f"{_HERE}.exact:Prefix",
        "regex": f"{_HERE}.pattern:Regex",
        "rouge": f"{_HERE}.overlap:Rouge",
        "suffix": f"{_HERE}.exact:Suffix",
        "token_f1": f"{_HERE}.overlap:TokenF1",
    },
)


def build_scorer(spec: ScorerSpec) -> Scorer[Any]:
    """Returns the scorer of a recipe, with its options checked.

    Raises:
        InputError: the name is unknown (`unknown_scorer`; the hint lists all), or an option is (`bad_scorer_option`;
            message and `where` name scorer and option).
    """
    scorer_type = SCORERS.load(spec.name)
    try:
        options = scorer_type.options_type.model_validate(spec.options)
    except ValidationError as error:
        raise _bad_option(spec.name, scorer_type, error) from None
    return scorer_type(options)


def parse_scorer_item(item: object) -> ScorerSpec:
    """Returns the recipe that an item of a plan's `scorers` stands for; options are not checked here.

    Items: `prefix`, `{contains: {keywords: any}}`, or `{name: contains, options: {keywords: any}}`.

    Raises:
        InputError: the item has another shape (`bad_scorer`).
    """
    if isinstance(item, str) and item:
        return ScorerSpec(item)
    if isinstance(item, Mapping):
        fields = cast("Mapping[object, object]", item)
        if "name" in fields and set(fields) <= {"name", "options"}:
            name, options = fields["name"], fields.get("options")
        elif len(fields) == 1:
            name, options = next(iter(fields.items()))
        else:
            raise _bad_item(item)
        if isinstance(name, str) and (options is None or isinstance(options, Mapping)):
            given = cast("Mapping[object, Any]", options or {})
            return ScorerSpec(name, {str(key): value for key, value in given.items()})
    raise _bad_item(item)


def _bad_item(item: object) -> InputError:
    shown = repr(item)
    return InputError(
        f"a scorer cannot be read: {shown if len(shown) <= 80 else shown[:79] + '…'}",
        where="scorers",
        hint="write a name such as prefix, or one name with its options such as {contains: {keywords: any}}",
        code="bad_scorer",
    )


def _bad_option(name: str, scorer_type: type[Scorer[Any]], error: ValidationError) -> InputError:
    first = error.errors(include_url=False, include_context=False)[0]
    option = ".".join(str(step) for step in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    reason = "there is no such option" if first["type"] == "extra_forbidden" else reason[:1].lower() + reason[1:]
    known = sorted(field.alias or key for key, field in scorer_type.options_type.model_fields.items())
    return InputError(
        f"scorer {name}: {f'option {option}: ' if option else ''}{reason}",
        where=f"scorer {name}" + (f", option {option}" if option else ""),
        hint=f"its options are {', '.join(known)}",
        code="bad_scorer_option",
    )
