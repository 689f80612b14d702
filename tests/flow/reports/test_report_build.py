"""The report is a function of the set of results, and says what is missing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from made_up_reports import made_up_units, make_column, make_evaluation, make_unit

from steelyard.domain.report import FailureMessage, Report
from steelyard.flow.metrics.intervals import wilson
from steelyard.flow.metrics.results import ScoreColumn, row_keys
from steelyard.flow.reports.build import build_report

NOW = "2024-07-18T08:12:30Z"


def build(units, **more):
    return build_report(make_evaluation(units, **more), units, now=NOW)


def shuffled(column, seed):
    order = np.random.default_rng(seed).permutation(len(column.position))
    moved = {name: getattr(column, name)[order] for name in ("position", "repeat", "turn", "value", "scored")}
    parts = None if column.parts is None else column.parts[order]
    return ScoreColumn(
        column.metric, column.signature, column.kind, **moved, flags=column.flags, parts=parts, pool=column.pool
    )


def repeated_column(rows, repeats, seed, **more):
    generator = np.random.default_rng(seed)
    n = rows * repeats
    return ScoreColumn(
        "rouge_l", "rouge_l|v1", "mean", np.repeat(np.arange(rows), repeats), np.tile(np.arange(repeats, dtype=np.int32), rows),
        np.zeros(n, np.int32), generator.random(n), generator.random(n) > 0.2, **more,
    )  # fmt: skip


def test_order_of_arrival_changes_no_bit():
    def pool(rows):
        return rows[0][0] / rows[0][1] if rows[0][1] else None

    generator = np.random.default_rng(1)
    parts = np.column_stack([generator.random(600), np.ones(600)])
    columns = [repeated_column(200, 3, seed, parts=parts, pool=pool) for seed in (1, 2)]
    latency = generator.lognormal(3, 5, 999).astype(np.float32)
    straight = [
        make_unit(f"m{i}", [c], 200, latency_ms=latency, category=["甲", "乙"] * 100) for i, c in enumerate(columns)
    ]
    mixed = [
        make_unit(
            f"m{i}", [shuffled(c, 9)], 200, latency_ms=generator.permutation(latency), category=["甲", "乙"] * 100
        )
        for i, c in enumerate(columns)
    ]
    assert msgspec.json.encode(build(straight)) == msgspec.json.encode(build(mixed))


def test_report_survives_json():
    report = build(made_up_units(60))
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_failure_is_no_zero():
    scored = np.arange(100) < 90
    metric = (
        build([make_unit("a", [make_column("exact", np.ones(100), "rate", scored)], 100, failed=10)])
        .units[0]
        .metrics[0]
    )
    assert metric.value == 1.0
    assert (metric.n, metric.n_unscored, metric.coverage) == (90, 10, 0.9)
    assert metric.interval == wilson(90, 90)


def test_failed_rows_that_left_no_entry_are_counted_too():
    column = make_column("exact", np.ones(7), "rate")
    metric = build([make_unit("a", [column], 10)]).units[0].metrics[0]
    assert (metric.n, metric.n_unscored) == (7, 3)


def test_nothing_scored_has_no_value_and_says_why():
    unit = build([make_unit("a", [make_column("exact", [1.0, 1.0], "rate", [False, False])], 2)]).units[0]
    metric = unit.metrics[0]
    assert (metric.value, metric.interval, metric.interval_reason, metric.coverage) == (None, None, "no_scores", 0.0)
    assert unit.counts.scored == 0


def test_repeats_are_averaged_before_the_interval():
    once = make_column("f1", np.tile([0.1, 0.9], 200))
    column = ScoreColumn(
        "f1", "f1|v1", "mean", np.repeat(np.arange(400), 4), np.tile(np.arange(4, dtype=np.int32), 400), np.zeros(1600, np.int32),
        np.repeat(once.value, 4), np.ones(1600, bool),
    )  # fmt: skip
    one, four = (build([make_unit("a", [c], 400)]).units[0].metrics[0] for c in (once, column))
    assert four.n == 400
    assert four.interval == pytest.approx(one.interval)


def test_repeated_rates_are_not_taken_for_independent():
    column = ScoreColumn(
        "exact", "exact|v1", "rate", np.repeat(np.arange(50), 2), np.tile(np.arange(2, dtype=np.int32), 50), np.zeros(100, np.int32),
        np.tile([0.0, 0.0, 1.0, 1.0], 25), np.ones(100, bool),
    )  # fmt: skip
    metric = build([make_unit("a", [column], 50)]).units[0].metrics[0]
    assert metric.interval_reason == "bootstrap_bca"
    assert metric.interval[1] - metric.interval[0] > 0.2


def test_groups_cluster_the_interval_and_few_are_noted():
    values = np.repeat(np.random.default_rng(3).random(10), 40)
    unit = build([make_unit("a", [make_column("f1", values)], 400, group=np.repeat(np.arange(10), 40))]).units[0]
    assert unit.metrics[0].interval_reason == "clustered_t"
    assert "few_groups" in unit.notes


@pytest.mark.parametrize(
    ("note", "unit", "plan"),
    [
        ("few_rows", {"rows": 29}, {}),
        ("low_coverage", {"scored": 94}, {}),
        ("unparsed_high", {"flags": {"unparsed": 6}}, {}),
        ("sampled", {}, {"limit": 100, "row_count": 1000}),
        ("floor_baseline", {}, {"builtin": {"a": "majority"}}),
        ("uses_references", {}, {"builtin": {"a": "retrieval"}}),
        ("failed_requests", {"failed": 1}, {}),
        ("cost_incomplete", {"answers_without_usage": 1, "price_input_per_1m": "1"}, {}),
    ],
)
def test_notes_appear_when_due_and_only_then(note, unit, plan):
    unit = dict(unit)
    rows = unit.pop("rows", 100)
    scored = np.arange(rows) < unit.pop("scored", rows)
    column = make_column("exact", np.arange(rows) % 2, "rate", scored, flags=unit.pop("flags", {}))
    assert note in build([make_unit("a", [column], rows, **unit)], **plan).units[0].notes
    plain = make_column("exact", np.arange(100) % 2, "rate", flags={"unparsed": 5})
    assert note not in build([make_unit("a", [plain], 100)]).units[0].notes


def test_slices_hold_every_row_once_and_fold_beyond_fifty():
    names = [f"c{i:02d}" for i in range(60)]
    category = [names[i % 60] if i < 590 else None for i in range(600)]
    unit = build(
        [make_unit("a", [make_column("f1", np.random.default_rng(1).random(600))], 600, category=category)]
    ).units[0]
    assert len(unit.slices) == 52
    assert unit.slices[-2].value == "other"
    assert unit.slices[-1].value == ""
    assert sum(one.metrics[0].n for one in unit.slices) == 600
    assert "categories_folded" in unit.notes
    few = build([make_unit("a", [make_column("f1", np.ones(4))], 4, category=["甲", "乙", "甲", "甲"])]).units[0]
    assert [(one.value, one.metrics[0].n) for one in few.slices] == [("甲", 3), ("乙", 1)]


def test_category_codes_and_names_give_the_same_slices():
    values = np.random.default_rng(2).random(6)
    codes = np.array([1, 0, 1, -1, 0, 1], np.int32)
    by_codes = build([make_unit("a", [make_column("f1", values)], 6, category=(codes, ["乙", "甲"]))])
    by_names = build([make_unit("a", [make_column("f1", values)], 6, category=["甲", "乙", "甲", None, "乙", "甲"])])
    assert by_codes.units[0].slices == by_names.units[0].slices


def test_pairs_follow_the_row_not_the_position():
    values = np.random.default_rng(4).random(50)
    a = make_unit("a", [make_column("f1", values)], 50)
    b = make_unit("b", [make_column("f1", values[::-1].copy())], 50, row_key=row_keys(f"r{49 - i}" for i in range(50)))
    one = build([a, b]).comparisons[0]
    assert (one.difference, one.ties, one.n, one.p_value) == (0.0, 50, 50, 1.0)


def test_result_sets_are_paired_by_row_across_versions():
    a = make_unit("old", [make_column("exact", [1, 0, 0, 0], "rate")], 4, dataset="a.jsonl", dataset_version_id="ds-1")
    keys = row_keys(["r1", "r2", "r9"])
    b = make_unit(
        "new", [make_column("exact", [1, 1, 1], "rate")], 3, dataset="b.jsonl", dataset_version_id="ds-2", row_key=keys
    )
    one = build([a, b], result_sets=True).comparisons[0]
    assert (one.a, one.b, one.n, one.wins, one.losses) == ("old", "new", 2, 0, 2)
    assert build([a, b]).comparisons == []


def test_the_baseline_is_always_the_second():
    units = [make_unit(name, [make_column("exact", [1, 0, 1], "rate")], 3) for name in "abc"]
    pairs = [(one.a, one.b) for one in build(units, baseline="a").comparisons]
    assert pairs == [("b", "a"), ("c", "a"), ("b", "c")]


def test_different_signatures_are_not_compared():
    a = make_unit("a", [make_column("rouge_l", [0.1, 0.2])], 2)
    b = make_unit("b", [make_column("rouge_l", [0.1, 0.2])], 2)
    b.score_columns[0].signature = "rouge_l|tokeniser=words|v1"
    assert build([a, b]).comparisons == []


def test_holm_counts_the_pairs_of_one_metric_only():
    report = build(made_up_units(100))
    for metric in ("choice", "rouge_l"):
        ours = [one for one in report.comparisons if one.metric == metric]
        smallest = min(ours, key=lambda one: one.p_value)
        assert len(ours) == 10
        assert smallest.p_adjusted == pytest.approx(min(1.0, 10 * smallest.p_value))


def test_which_test_is_used():
    rate = [make_unit(n, [make_column("exact", np.arange(40) % k == 0, "rate")], 40) for n, k in (("a", 2), ("b", 3))]
    assert build(rate).comparisons[0].method == "mcnemar_mid_p"
    mean = [make_unit(n, [make_column("f1", np.random.default_rng(k).random(40))], 40) for n, k in (("a", 2), ("b", 3))]
    assert build(mean).comparisons[0].method == "permutation"
    for unit in mean:
        unit.group = np.arange(40) // 4
    assert build(mean).comparisons[0].method == "clustered_t"


def test_pooled_metric_pools_before_it_divides():
    def pool(rows):
        total = np.sum(rows, axis=0)
        return total[0] / total[1] if total[1] else None

    parts = np.array([[1.0, 1.0], [0.0, 99.0]] * 30)
    units = [
        make_unit(n, [make_column("bleu", parts[:, 0] / parts[:, 1], parts=parts + np.array([d, 0]), pool=pool)], 60)
        for n, d in (("a", 0.5), ("b", 0))
    ]
    report = build(units)
    mean, corpus = report.units[1].metrics
    assert (mean.name, mean.value) == ("bleu", 0.5)
    assert (corpus.name, corpus.signature, corpus.interval_reason) == (
        "bleu_corpus",
        "bleu_corpus|v1",
        "bootstrap_percentile",
    )
    assert corpus.value == pytest.approx(0.01)
    assert corpus.interval[0] <= 0.01 <= corpus.interval[1]
    pooled = next(one for one in report.comparisons if one.metric == "bleu_corpus")
    assert pooled.difference == pytest.approx(0.01)
    assert pooled.p_value < 0.01
    assert pooled.interval[0] > 0


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        (("0.8", "2"), "0.0028"),
        (("0.1", ""), None),
        (("", ""), None),
        (("abc", "1"), None),
        (("NaN", "1"), None),
        (("0", "0"), "0"),
    ],
)
def test_cost_is_exact_or_absent(price, cost):
    unit = make_unit(
        "a",
        [],
        1,
        prompt_tokens=1000,
        completion_tokens=1000,
        price_input_per_1m=price[0],
        price_output_per_1m=price[1],
    )
    assert build([unit]).units[0].cost == cost


def test_an_answer_counts_as_scored_when_any_scorer_gave_one():
    columns = [
        make_column("a", np.ones(5), scored=[1, 1, 0, 1, 0]),
        make_column("b", np.ones(5), scored=[1, 0, 1, 1, 0]),
        make_column("c", np.ones(5), scored=np.zeros(5)),
    ]
    assert build([make_unit("a", columns, 5)]).units[0].counts.scored == 4


@pytest.mark.parametrize(("position", "value"), [(9, 0.5), (-1, 0.5), (0, float("nan"))])
def test_impossible_scores_stop_the_report(position, value):
    column = make_column("f1", [0.5, value])
    column.position[1] = position
    with pytest.raises(ValueError, match="f1"):
        build([make_unit("a", [column], 2)])


@given(some.integers(0, 40), some.integers(0, 2**32), some.booleans())
@settings(max_examples=25, deadline=None)
def test_no_input_gives_a_nan(rows, seed, binary):
    generator = np.random.default_rng(seed)
    units = []
    for name in "ab":
        value = generator.integers(0, 2, rows) if binary else generator.random(rows).round(1)
        column = make_column("m", value, "rate" if binary else "mean", generator.random(rows) > 0.3)
        group = generator.integers(-1, 5, rows)
        units.append(
            make_unit(name, [column], rows, group=group, category=generator.choice(["x", "y", None], rows).tolist())
        )
    report = build(units)
    text = msgspec.json.encode(report)
    assert msgspec.json.decode(text, type=Report) == report
    for unit in report.units:
        for metric in [*unit.metrics, *(m for one in unit.slices for m in one.metrics)]:
            assert (metric.value is None) == (metric.n == 0)
            if metric.interval is not None:
                assert 0 <= metric.interval[0] <= metric.value + 1e-9
                assert metric.value - 1e-9 <= metric.interval[1] <= 1
    for one in report.comparisons:
        assert one.wins + one.ties + one.losses == one.n
        if one.interval is not None:
            assert -1 <= one.interval[0] <= one.difference + 1e-9


def test_an_evaluation_that_was_cut_short_keeps_its_reason():
    unit = make_unit("a", [], 3, expected=9, answered=1, failed=2)
    messages = {"refused": [FailureMessage("no such model", 2)]}
    evaluation = make_evaluation([unit], error="error[x]: gone", stop_reason="budget")
    report = build_report(evaluation, [unit], now=NOW, failure_messages=[messages])
    assert (report.error, report.stop_reason) == ("error[x]: gone", "budget")
    assert report.units[0].failure_messages == messages
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
