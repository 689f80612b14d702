"""From a plan to a stored evaluation: everything that can be wrong is found here, before anything exists or costs money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct

from steelyard.domain.errors import InputError
from steelyard.domain.evaluation import DatasetUse, Evaluation, EvaluationSpec, ObjectSpec, State, UnitCounts, UnitSpec
from steelyard.domain.ids import EVALUATION, UNIT, new_id
from steelyard.flow.prompts.template import Template
from steelyard.flow.requests.params import check_params
from steelyard.flow.scores.registry import build_scorer, parse_scorer_item
from steelyard.services.evaluations.plan import History, OnBadRows, PlanIn, plan_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.request import EndpointSpec
    from steelyard.domain.score import ScorerSpec
    from steelyard.ports.rows import VersionManifest
    from steelyard.services.evaluations.plan import DatasetIn, EndpointIn, ObjectIn


class Catalog(Protocol):
    """Where a plan's references lead: files and inline addresses for the CLI, ids for the server."""

    @property
    def reads_files(self) -> bool:
        """Whether a plan may name files, and so map their columns."""
        ...

    def data(self, ref: str, kind: str, on_bad_rows: OnBadRows) -> VersionManifest:
        """Returns the manifest of a data set or result set; imports it when it is a file. Raises InputError, RowsRefusedError, NotFoundError."""
        ...

    def endpoint(self, given: EndpointIn | str) -> tuple[EndpointSpec, str]:
        """Returns (endpoint, model version id or ""). Raises InputError or NotFoundError."""
        ...


@runtime_checkable
class SuggestsScorers(Protocol):
    """A catalog whose data sets may say themselves how they are scored (presets)."""

    def defaults(self, ref: str) -> tuple[tuple[ScorerSpec, ...], str]:
        """Returns the data set's own scorers and ability group; empty where it has none. Raises InputError."""
        ...


class Draft(Struct):
    """A checked plan: what would be created, and what a person should know before."""

    spec: EvaluationSpec
    name: str
    description: str
    labels: dict[str, str]
    plan_hash: str
    warnings: list[str]


def compile_plan(plan: PlanIn, catalog: Catalog, *, where: str = "plan") -> Draft:
    """Returns the checked evaluation of a plan; creates nothing but imported data set versions.

    Raises:
        InputError: with the field that is wrong; two data sets of the same rows are refused too.
    """
    warnings: list[str] = []
    if plan.mapping and not catalog.reads_files:
        hint = "leave `mapping` out, or give it with the upload"
        raise InputError(
            "a stored data set was mapped when it was imported", where=f"{where} mapping", hint=hint, code="bad_plan"
        )
    scorers = tuple(_scorers(plan.scorers, f"{where} scorers"))
    results_given = plan.objects[0].results is not None
    for i, target in enumerate(plan.objects):
        # Cheap checks first: an import of a large file should not precede a typing error in a template.
        Template(target.prompt_template, where=f"{where} objects.{i}.prompt_template")
    endpoints = [catalog.endpoint(o.endpoint) if o.endpoint is not None else None for o in plan.objects]
    manifests, uses = _results(plan, catalog, where) if results_given else _datasets(plan, catalog, where, warnings)
    objects = tuple(
        _object(o, endpoint, manifests, f"{where} objects.{i}", warnings, i, plan.history)
        for i, (o, endpoint) in enumerate(zip(plan.objects, endpoints, strict=True))
    )
    labels = [o.label for o in objects]
    if twins := sorted({label for label in labels if labels.count(label) > 1}):
        raise InputError(
            f"two objects are labelled '{twins[0]}'",
            where=f"{where} objects",
            hint="give each object its own label",
            code="twin_labels",
        )
    if not scorers and not all(u.scorers for u in uses):
        raise InputError(
            "the plan names no scorer",
            where=f"{where} scorers",
            hint="add `scorers: [prefix]`, for example",
            code="bad_plan",
        )
    spec = EvaluationSpec(
        objects, tuple(uses), scorers, plan.repeats, plan.seed, plan.limit, plan.limits.max_concurrency,
        rows_dropped=sum(m.rejected_count for m in manifests), allow_failed=plan.allow_failed,
    )  # fmt: skip
    if plan.limits.max_cost is not None:
        raise InputError(
            "max_cost cannot be held yet by this version",
            where=f"{where} limits.max_cost",
            hint="leave it out, or bound the rows with `limit`",
            code="unsupported",
        )
    return Draft(spec, plan.name, plan.description, plan.labels, plan_hash(spec), warnings)


def _results(plan: PlanIn, catalog: Catalog, where: str) -> tuple[list[VersionManifest], list[DatasetUse]]:
    if plan.datasets:
        raise InputError(
            "result sets bring their own rows",
            where=f"{where} dataset",
            hint="leave `dataset` out",
            code="bad_plan",
        )
    if plan.history != "answers":
        raise InputError(
            "result sets are not asked again, so their dialogues take no history",
            where=f"{where} history",
            hint="leave `history` out",
            code="bad_plan",
        )
    manifests = [catalog.data(o.results or "", "result_set", plan.on_bad_rows) for o in plan.objects]
    return manifests, [DatasetUse(m.id, m.content_hash, m.name, m.row_count) for m in manifests]


def _datasets(
    plan: PlanIn, catalog: Catalog, where: str, warnings: list[str]
) -> tuple[list[VersionManifest], list[DatasetUse]]:
    if not plan.datasets:
        raise InputError(
            "the plan names no data set",
            where=f"{where} dataset",
            hint="add `dataset: rows.jsonl`",
            code="bad_plan",
        )
    manifests = [catalog.data(d.ref, "general", plan.on_bad_rows) for d in plan.datasets]
    _check_twins(plan, manifests, where)
    _check_history(plan, manifests, where, warnings)
    names = [m.name for m in manifests]
    uses = [
        DatasetUse(
            m.id,
            m.content_hash,
            # Files of one name in several folders are told apart by what the plan calls them.
            m.name if names.count(m.name) == 1 else d.ref,
            m.row_count,
            _own_scorers(plan, catalog, i, where),
            _own_ability(plan, catalog, d),
            d.weight,
        )
        for i, (d, m) in enumerate(zip(plan.datasets, manifests, strict=True))
    ]
    return manifests, uses


def _check_twins(plan: PlanIn, manifests: Sequence[VersionManifest], where: str) -> None:
    seen: dict[str, str] = {}
    for i, (given, manifest) in enumerate(zip(plan.datasets, manifests, strict=True)):
        if manifest.content_hash in seen:
            raise InputError(
                f"'{given.ref}' holds the same rows as '{seen[manifest.content_hash]}'",
                where=f"{where} datasets.{i}.ref",
                hint="name the data set once, with all its scorers",
                code="twin_datasets",
            )
        seen[manifest.content_hash] = given.ref


def _check_history(plan: PlanIn, manifests: Sequence[VersionManifest], where: str, warnings: list[str]) -> None:
    if plan.history == "answers":
        return
    for given, manifest in zip(plan.datasets, manifests, strict=True):
        if manifest.multi_turn and not manifest.has_references:
            raise InputError(
                f"the dialogues of '{given.ref}' bring no references to go on from",
                where=f"{where} history",
                hint="add references to the data set, or use history: answers",
                code="no_reference",
            )
    if not any(m.multi_turn for m in manifests):
        warnings.append(f"{where} history: no data set holds dialogues, so the history changes nothing")


def _own_scorers(plan: PlanIn, catalog: Catalog, index: int, where: str) -> tuple[ScorerSpec, ...]:
    """Returns the scorers that the plan gives a data set; where it names none at all, those of the data set itself."""
    given = plan.datasets[index]
    named = tuple(_scorers(given.scorers, f"{where} datasets.{index}.scorers"))
    if named or plan.scorers or not isinstance(catalog, SuggestsScorers):
        return named
    return catalog.defaults(given.ref)[0]


def _own_ability(plan: PlanIn, catalog: Catalog, given: DatasetIn) -> str:
    """Returns the data set's ability; beside others, a preset brings its own."""
    named = given.ability.strip()
    if named or len(plan.datasets) == 1 or not isinstance(catalog, SuggestsScorers):
        return named
    return catalog.defaults(given.ref)[1]


def _scorers(items: Sequence[str | dict[str, Any]], where: str) -> list[ScorerSpec]:
    specs = [parse_scorer_item(item) for item in items]
    seen: set[str] = set()
    for i, spec in enumerate(specs):
        signature = build_scorer(spec).signature
        if signature in seen:
            raise InputError(
                f"scorer '{spec.name}' is named twice with the same options",
                where=f"{where}.{i}",
                hint="remove one",
                code="twin_scorers",
            )
        seen.add(signature)
    return specs


def _object(
    given: ObjectIn,
    endpoint: tuple[EndpointSpec, str] | None,
    manifests: Sequence[VersionManifest],
    where: str,
    warnings: list[str],
    index: int,
    history: History,
) -> ObjectSpec:
    if endpoint is None:
        manifest = manifests[index]
        return ObjectSpec(given.label or manifest.name, None, manifest.id, baseline=given.baseline)
    spec, model_version_id = endpoint
    params = check_params(given.params, spec.param_ranges, where=f"{where}.params")
    if "temperature" in params and "top_p" in params:
        warnings.append(f"{where}: temperature and top_p are both set; vendors advise to set only one")
    columns = {name for m in manifests for name in m.columns}
    template = Template(given.prompt_template, columns, where=f"{where}.prompt_template")
    warnings.extend(
        f"{where}.prompt_template: {{{name}}} is no column of the data, it is sent as it stands"
        for name in template.unknown
    )
    return ObjectSpec(
        given.label or (spec.base_url if spec.builtin else spec.model),
        spec,
        "",
        model_version_id,
        given.prompt_template,
        given.system,
        params,
        given.baseline,
        history,
    )


def new_evaluation(draft: Draft, *, workspace_id: str, created_by: str, now: str) -> Evaluation:
    """Returns the evaluation of a draft, queued; stores nothing."""
    spec = draft.spec
    units = [UnitSpec(i, new_id(UNIT), *pair) for i, pair in enumerate(_pairs(spec))]
    return Evaluation(
        new_id(EVALUATION), workspace_id, now, created_by, draft.name, draft.description, State.QUEUED, draft.plan_hash, spec, units,
        [UnitCounts() for _ in units], [State.QUEUED for _ in units], labels=dict(draft.labels),
    )  # fmt: skip


def _pairs(spec: EvaluationSpec) -> list[tuple[ObjectSpec, DatasetUse, tuple[ScorerSpec, ...]]]:
    """Returns object, data set and scorers of every unit, in the order of the units."""
    return [
        (target, use, use.scorers or spec.scorers)
        for i, target in enumerate(spec.objects)
        for use in ([spec.datasets[i]] if target.endpoint is None else spec.datasets)
    ]


def with_scorers(evaluation: Evaluation, draft: Draft) -> bool:
    """Gives a stored evaluation the draft's scorers, name and limits; returns whether a unit has a scorer that is new to it.

    Both have the same plan hash, so the units stand in the same order.
    """
    new = False
    units: list[UnitSpec] = []
    for unit, pair in zip(evaluation.units, _pairs(draft.spec), strict=True):
        units.append(UnitSpec(unit.index, unit.id, *pair))
        known = {build_scorer(s).signature for s in unit.scorers}
        new = new or any(build_scorer(s).signature not in known for s in pair[2])
    evaluation.units = units
    evaluation.spec = draft.spec
    evaluation.name, evaluation.description = draft.name, draft.description
    return new
