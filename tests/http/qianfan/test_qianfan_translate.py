"""Translation alone: any JSON gives a plan or an InputError, never anything else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steelyard.api.qianfan.translate import distinct, literal_template, plan_of, read_task
from steelyard.domain.errors import InputError
from steelyard.flow.prompts.template import Template
from steelyard.services.evaluations.plan import PlanIn

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["ds-1", "amv-1", "{input}", "rule", "model", "inferDataset", "\ud800", 10**400])
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def loose(
    fields: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[Any]:
    """Objects of about the right shape, in which some field is sometimes any JSON."""
    either = {name: value | JSON for name, value in optional.items()}
    return st.fixed_dictionaries(fields, optional=either)


NUMBERS = st.floats(0, 2).map(lambda value: round(value, 1)) | st.floats()
PARAMS = loose(
    {},
    {
        "temperature": NUMBERS,
        "top_p": NUMBERS,
        "penalty_score": NUMBERS,
        "top_k": st.integers(),
        "stop": st.lists(st.text(max_size=3), max_size=2),
        "system": st.text(max_size=5),
        "disable_search": st.booleans(),
    },
)
TEMPLATES = st.lists(st.sampled_from(["{input}", "{", "}", "{x}", "文"]), max_size=5).map("".join)
MODEL = loose(
    {"modelId": st.just("amv-1")}, {"promptTemplate": TEMPLATES, "params": PARAMS, "isBaseline": st.booleans()}
)
MODELS = loose(
    {"versionId": st.just("ds-1"), "evalModelConfigList": st.lists(MODEL, min_size=1, max_size=3)},
    {"storageType": st.sampled_from(["sysStorage", "BOS"])},
)
RESULTS = st.fixed_dictionaries(
    {
        "evalInferDatasetConfigList": st.lists(
            st.fixed_dictionaries({"inferDatasetId": st.just("ds-1")}, optional={"isBaseline": st.booleans()}),
            min_size=1,
            max_size=6,
        )
    }
)
CONFIG = loose(
    {"evalMode": st.sampled_from(["rule", "rule", "rule", "model", "manual", "rule,model"])},
    {"autoRuleEvalConfig": loose({}, {"stopWordList": st.lists(st.text(max_size=3), max_size=3)})},
)
NAMES = st.text(min_size=1, max_size=10) | SCALARS
TASKS = st.fixed_dictionaries(
    {
        "taskName": NAMES,
        "evalObjectType": st.just("model"),
        "evalObjectConfig": st.fixed_dictionaries({"evalModelConfig": MODELS}),
        "evalConfig": CONFIG,
    }
) | st.fixed_dictionaries(
    {
        "taskName": NAMES,
        "evalObjectType": st.just("inferDataset"),
        "evalObjectConfig": st.fixed_dictionaries({"evalInferDatasetConfig": RESULTS}),
        "evalConfig": CONFIG,
    }
)


def translated(body: Any) -> PlanIn | None:
    try:
        task = read_task(body)
        config = task.eval_object_config
        models, results = config.eval_model_config, config.eval_infer_dataset_config
        count = len(
            models.eval_model_config_list if models else results.eval_infer_dataset_config_list if results else ()
        )
        return plan_of(task, ["same"] * count, body)
    except InputError:
        return None


@given(JSON)
def test_any_json_is_translated_or_refused(body: Any) -> None:
    translated(body)


@given(TASKS)
def test_a_task_of_about_the_right_shape_is_translated_or_refused(body: Any) -> None:
    plan = translated(body)
    if plan is not None:
        assert 1 <= len(plan.objects) <= 5
        assert len({one.label for one in plan.objects}) == len(plan.objects)
        assert len(plan.scorers) == 6


@given(TEMPLATES, st.text(max_size=5))
def test_only_input_is_filled_in(template: str, question: str) -> None:
    if "{input}" in template:
        sent = Template(literal_template(template), ["x"]).render(question, {"x": "a column"})
        assert sent == template.replace("{input}", question)


@given(st.lists(st.sampled_from(["a", "a (2)", "b", "x" * 300, ""]), max_size=5))
def test_labels_are_distinct_and_fit(names: list[str]) -> None:
    labels = distinct(names)
    assert len(set(labels)) == len(names)
    assert all(len(label) <= 200 for label in labels)
    assert all(label.startswith(name[:180]) for name, label in zip(names, labels, strict=True))
