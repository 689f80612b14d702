"""The plan: what people write in YAML or send as JSON. Compiling it into an EvaluationSpec happens next door, in `compile`."""

from __future__ import annotations

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
    model_config = ConfigDict(extra="forbid")


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
    try:
        plan = PlanIn.model_validate(data)
    except ValidationError as error:
        raise _plan_error(error, where) from error
    check_objects(plan.objects, where=where)
    return plan


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
        hint="see the plan format in the documentation",
        code="bad_plan",
    )


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
