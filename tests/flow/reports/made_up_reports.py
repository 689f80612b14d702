"""A made-up evaluation: five objects, four metrics, seven categories."""

from __future__ import annotations

import numpy as np

from steelyard.domain.evaluation import DatasetUse, Evaluation, EvaluationSpec, ObjectSpec, State, UnitSpec
from steelyard.domain.report import FailureMessage
from steelyard.domain.request import EndpointSpec
from steelyard.flow.metrics.results import ScoreColumn, UnitResults, row_keys
from steelyard.flow.reports.build import build_report

CATEGORIES = ["售后退款", "物流查询", "商品咨询", "会员与优惠", "发票与税务", "投诉升级", "闲聊与其他"]
ABILITIES = {"微调版": 0.86, "线上版": 0.81, "qwen-plus": 0.83, "deepseek-chat-0324": 0.80, "检索基线": 0.55}


def make_column(metric, values, kind="mean", scored=None, **more):
    values = np.asarray(values, float)
    n = len(values)
    scored = np.ones(n, bool) if scored is None else np.asarray(scored, bool)
    zeros = np.zeros(n, np.int32)
    position = np.arange(n, dtype=np.int64)
    return ScoreColumn(metric, f"{metric}|v1", kind, position, zeros, zeros, values, scored, **more)


def make_unit(label, columns, rows, **more):
    fields = {
        "dataset": "客服问答 2024-07", "dataset_version_id": "ds-abc", "expected": rows, "answered": rows, "failed": 0,
        "row_key": row_keys(f"r{i}" for i in range(rows)), "group": np.full(rows, -1),
    }  # fmt: skip
    return UnitResults(label=label, rows=rows, score_columns=columns, **(fields | more))


def make_evaluation(units, *, baseline="", builtin=None, limit=None, row_count=None, result_sets=False, **more):
    specs, objects, uses = [], [], []
    for index, unit in enumerate(units):
        address = f"builtin:{builtin[unit.label]}" if builtin and unit.label in builtin else "http://127.0.0.1:1/v1"
        endpoint = None if result_sets else EndpointSpec(address, "m")
        one = ObjectSpec(unit.label, endpoint, "ds-x" if result_sets else "", baseline=unit.label == baseline)
        use = DatasetUse(unit.dataset_version_id, "h", unit.dataset, row_count or unit.rows)
        objects.append(one)
        uses.append(use)
        specs.append(UnitSpec(index, f"ameu-{index}", one, use, ()))
    fields = {
        "id": "ame-7k2m9q4x1c", "workspace_id": "ws-default", "created_at": "2024-07-18T08:00:00Z", "created_by": "us-a",
        "name": "客服机器人七月评测", "description": "", "state": State.SUCCEEDED, "plan_hash": "9f2c41d0aa17be33",
        "spec": EvaluationSpec(tuple(objects), tuple(uses), limit=limit, seed=7), "units": specs, "counts": [], "unit_states": [],
    }  # fmt: skip
    return Evaluation(**(fields | more))


def made_up_units(rows=420):
    generator = np.random.default_rng(11)
    hardness = generator.normal(0, 0.22, rows)
    category = generator.choice(7, rows, p=[0.24, 0.2, 0.18, 0.14, 0.1, 0.08, 0.06]).astype(np.int32)
    effect = np.array([0.05, 0.06, 0.0, -0.04, -0.1, -0.12, 0.03])[category]
    units = []
    for index, (label, ability) in enumerate(ABILITIES.items()):
        skill = ability + hardness * 0.6 + effect + generator.normal(0, 0.12, rows)
        scored = generator.random(rows) > (0.012 if index < 4 else 0.075)
        choice = make_column("choice", skill > 0.62, "rate", scored, flags={"unparsed": 4 + 3 * index})
        rouge = make_column("rouge_l", np.clip(skill - 0.22, 0, 1), scored=scored)
        judge = make_column("judge", np.clip(np.round((skill - 0.05) * 5) / 5, 0, 1), scored=scored)
        contains = make_column("contains", skill > 0.5, "rate", scored)
        failed = int((~scored).sum())
        latency = generator.lognormal(6.4 + 0.25 * index, 0.5, rows).astype(np.float32)
        units.append(make_unit(
            label, [choice, rouge, judge, contains], rows, answered=rows - failed, failed=failed,
            failures={"timeout": failed - failed // 3, "server_error": failed // 3} if failed > 2 else {"timeout": failed},
            category=(category, list(CATEGORIES)), latency_ms=latency, prompt_tokens=61_234 + index, completion_tokens=40_100 - 7000 * index,
            price_input_per_1m="0.8", price_output_per_1m="2", currency="CNY", retried=index,
            examples=[{"row_id": "r17", "prompt": "七天无理由退货，运费谁出？", "answer": "运费由平台承担。", "reference": "退货运费由买家承担。", "scores": {"choice": 0.0, "rouge_l": 0.21}}],
        ))  # fmt: skip
    return units


def made_up_report():
    units = made_up_units()
    evaluation = make_evaluation(units, baseline="线上版", builtin={"检索基线": "retrieval"})
    return build_report(evaluation, units, now="2024-07-18T08:12:30Z")


def cut_short_report(message="401 from http://x: bad <key> | gone"):
    """Two objects that ended early: metrics of unlike coverage, failures with messages, dialogues, requests not asked."""
    has = np.arange(40) < 30
    units = [
        make_unit(
            label, [make_column("exact", has, "rate"), make_column("rouge_l", np.linspace(0, 1, 40), scored=has)], 40, expected=55,
            answered=40, failed=5, failures={"refused": 4, "timeout": 1}, category=["甲", "乙"] * 20, latency_ms=np.full(3, 812.3456, np.float32),
        )
        for label in ("a", "b")
    ]  # fmt: skip
    messages = {
        "refused": [FailureMessage(message, 3), FailureMessage("too long", 1)],
        "timeout": [FailureMessage("late", 1)],
    }
    evaluation = make_evaluation(
        units, state=State.STOPPED, error="error[endpoint_dead]: nothing answers", stop_reason="user"
    )
    return build_report(evaluation, units, now="2024-07-18T08:12:30Z", failure_messages=[messages, {}])
