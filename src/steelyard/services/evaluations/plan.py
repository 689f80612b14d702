"""The plan: what people write in YAML or send as JSON. Compiling it into an EvaluationSpec happens next door, in `create`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from steelyard.domain.errors import InputError
from steelyard.domain.ids import content_hash

if TYPE_CHECKING:
    from steelyard.domain.evaluation import EvaluationSpec


OnBadRows = Literal["refuse", "drop"]
"""What happens to rows that cannot be used."""

History = Literal["answers", "references"]
"""What a dialogue's later turns see of the earlier ones: the model's own answers, or the data set's references."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PriceIn(_Model):
    """Prices per million tokens."""

    input_per_1m: float = Field(ge=0)
    output_per_1m: float = Field(ge=0)
    currency: str = "CNY"


class EndpointIn(_Model):
    """An address written into the plan itself (CLI only)."""

    base_url: str
    model: str = ""
    api_key_env: str = ""
    headers: dict[str, str] = {}
    timeout_s: float = Field(default=120.0, gt=0, le=86_400)
    proxy: str = ""
    verify_tls: bool = True
    ca_file: str = ""
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    max_concurrency: int | None = Field(default=None, ge=1, le=4096)
    max_attempts: int = Field(default=5, ge=1, le=100)
    param_map: dict[str, str] = {}
    param_ranges: dict[str, tuple[float, float]] = {}
    price: PriceIn | None = None


class ObjectIn(_Model):
    """One object: a model behind an endpoint, or answers that exist already."""

    label: str = Field(default="", max_length=200)
    endpoint: EndpointIn | str | None = None
    """An inline address, an `ep-` / `amv-` id, or `builtin:NAME`."""
    results: str | None = None
    """A file of answers (CLI), or a `ds-` id of a result set."""
    inference: Literal["online", "batch"] = "online"
    prompt_template: str = ""
    system: str = ""
    params: dict[str, Any] = {}
    baseline: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> ObjectIn:
        if (self.endpoint is None) == (self.results is None):
            raise ValueError("needs either `endpoint` (a model) or `results` (answers that exist), not both")
        return self


class DatasetIn(_Model):
    """One data set of the evaluation, with its own scorers where it needs them."""

    ref: str
    scorers: list[str | dict[str, Any]] = []
    ability: str = ""
    weight: float = Field(default=1.0, gt=0)


class MoneyIn(_Model):
    """An amount of money."""

    amount: float = Field(gt=0)
    currency: str = "CNY"


class LimitsIn(_Model):
    """What the evaluation may use."""

    max_cost: MoneyIn | None = None
    max_concurrency: int | None = Field(default=None, ge=1, le=4096)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


class PlanIn(_Model):
    """An evaluation plan, format version 1."""

    steelyard: Literal[1] = 1
    name: str = Field(default="evaluation", min_length=1, max_length=200)
    description: str = ""
    labels: dict[str, str] = {}
    dataset: str | None = None
    datasets: list[DatasetIn] = []
    limit: int | None = Field(default=None, ge=1)
    repeats: int = Field(default=1, ge=1, le=100)
    seed: int = Field(default=0, ge=0, lt=2**63)
    on_bad_rows: OnBadRows = "refuse"
    history: History = "answers"
    mapping: dict[str, str] = {}
    """Our name -> the files' column, where the names are others; files only (a stored version was mapped when it was imported)."""
    objects: list[ObjectIn] = Field(min_length=1)
    scorers: Annotated[list[str | dict[str, Any]], BeforeValidator(_one_or_many)] = []
    limits: LimitsIn = LimitsIn()
    allow_failed: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _shape(self) -> PlanIn:
        if self.dataset is not None and self.datasets:
            raise ValueError("`dataset` is short for `datasets`: give one of them")
        if self.dataset is not None:
            self.datasets = [DatasetIn(ref=self.dataset)]
            self.dataset = None
        return self


def read_plan(data: Any, *, where: str = "plan") -> PlanIn:
    """Returns the plan in `data` (parsed YAML or JSON).

    Raises:
        InputError: naming the first wrong field; objects over five and mixed kinds are refused here too.
    """
    if not isinstance(data, dict):
        raise InputError(
            "a plan is a mapping of fields", where=where, hint="start with `objects:` and `scorers:`", code="bad_plan"
        )
    check_plain(data, where=where)
    try:
        plan = PlanIn.model_validate(data)
    except ValidationError as error:
        raise _plan_error(error, where) from error
    check_objects(plan.objects, where=where)
    return plan


DEEPEST = 64
"""Levels that a plan may be nested; deeper is a mistake or an attack, and would not survive being stored."""


def check_plain(data: Any, *, where: str) -> None:
    """Refuses what cannot be stored and read back as JSON: NaN, infinity, keys that are no text, broken text, bottomless nesting.

    Raises:
        InputError: names the first such place.
    """
    stack: list[tuple[Any, str, int]] = [(data, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        problem = "is nested too deeply, or holds itself" if depth > DEEPEST else _not_plain(value)
        if problem:
            place = f"{where} {path.lstrip('.')}".strip()[:200]
            raise InputError(f"a value {problem}", where=place, hint="write plain JSON values", code="bad_plan")
        if isinstance(value, dict):
            stack += [(item, f"{path}.{key}", depth + 1) for key, item in value.items()]
            stack += [(key, f"{path}.{key}", depth + 1) for key in value]
        elif isinstance(value, (list, tuple)):
            stack += [(item, f"{path}.{i}", depth + 1) for i, item in enumerate(value)]


def _not_plain(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "is a number of over 64 bits"
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "holds half of a surrogate pair"
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return "has a key that is no text"
    if value is not None and not isinstance(value, (str, int, float, bool, dict, list, tuple)):
        return f"is a {type(value).__name__}, which JSON does not have"
    return ""


def check_objects(objects: list[ObjectIn], *, where: str) -> None:
    """Refuses more than five objects, mixed kinds, twin labels, and more than one baseline.

    Raises:
        InputError: says which.
    """
    if len(objects) > 5:
        raise InputError(
            f"an evaluation takes at most 5 objects, not {len(objects)}",
            where=f"{where} objects",
            hint="split it into several evaluations",
            code="too_many_objects",
        )
    if len({o.results is None for o in objects}) > 1:
        raise InputError(
            "models and result sets cannot be mixed in one evaluation",
            where=f"{where} objects",
            hint="make all objects of one kind",
            code="mixed_objects",
        )
    if sum(o.baseline for o in objects) > 1:
        raise InputError(
            "only one object can be the baseline",
            where=f"{where} objects",
            hint="set baseline: true once",
            code="two_baselines",
        )
    for i, target in enumerate(objects):
        if target.inference == "batch":
            raise InputError(
                "batch inference is not available on this installation",
                where=f"{where} objects.{i}.inference",
                hint="use inference: online",
                code="batch_unavailable",
            )


def _plan_error(error: ValidationError, where: str) -> InputError:
    # A wrong union member reports every branch; the deepest location is the one the person meant.
    problems = error.errors(include_url=False)
    first = max(problems, key=lambda p: (p["type"] == "extra_forbidden", len(p["loc"])))
    loc = ".".join(str(part) for part in first["loc"] if part not in {"EndpointIn", "str", "dict[str,any]"})
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown field '{first['loc'][-1]}'"
    elif first["type"] == "missing":
        message = f"field '{first['loc'][-1]}' is missing"
    return InputError(
        message[:1].lower() + message[1:],
        where=f"{where} {loc}".strip(),
        hint=_HINTS.get(str(first["loc"][-1]), "docs/reference/plan.md lists every field"),
        code="bad_plan",
    )


_HINTS = {
    "api_key": "keys stay out of plans: put the key into an environment variable and name it with api_key_env",
    "scorer": "write scorers, a list",
    "object": "write objects, a list",
    "model": "a model is reached through endpoint: {base_url, model}",
    "prompt": "write prompt_template",
    "prompt_template": 'put quotes around it: "{input}" without them is a mapping in YAML',
    "dataset": "name one file or id; several go into datasets: [{ref: ...}, ...]",
    "steelyard": "this program reads plans of version 1",
}
"""What people write instead, by the field that is wrong."""


def plan_hash(spec: EvaluationSpec) -> str:
    """Returns the hash that makes two plans the same plan: data content, objects with all that shapes their requests, repeats, seed and limit.

    Names, labels, limits and scorers are left out: they change no answer.
    """
    objects = [
        [
            o.endpoint.base_url, o.endpoint.model, sorted(o.endpoint.param_map.items()), o.prompt_template, o.system, sorted(o.params.items())
        ] if o.endpoint else ["results"]
        for o in spec.objects
    ]  # fmt: skip
    data = [d.content_hash for d in spec.datasets]
    covered: list[Any] = [spec.version, objects, data, spec.repeats, spec.seed, spec.limit]
    # Only what differs from the default is added, so that a plan without it keeps the hash it had.
    if any(o.history != "answers" for o in spec.objects):
        covered.append([o.history for o in spec.objects])
    return content_hash(msgspec.json.encode(covered, order="sorted"))
