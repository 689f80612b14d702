"""Several data sets become abilities and one overall score: the right means, honest intervals, and no zero for what is missing."""

from __future__ import annotations

import csv
import io
import math

import msgspec
import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as some
from made_up_reports import made_up_units, make_column, make_evaluation, make_unit
from msgspec.structs import replace

from steelyard.adapters.formats.report_xlsx import write_report_xlsx
from steelyard.domain.report import Report
from steelyard.flow.metrics.intervals import wilson
from steelyard.flow.metrics.rollup import Share, rollup, weighted_shares
from steelyard.flow.reports.build import build_report
from steelyard.flow.reports.render_csv import render_csv
from steelyard.flow.reports.render_html import render_html
from steelyard.flow.reports.render_markdown import render_markdown
from steelyard.flow.reports.render_text import render_text

NOW = "2024-07-18T08:12:30Z"


def unit_of(label, dataset, right, n=100, metric="exact"):
    values = np.arange(n) < right
    return make_unit(
        label, [make_column(metric, values, "rate")], n, dataset=dataset, dataset_version_id=f"ds-{dataset}"
    )


def empty_unit(label, dataset):
    nothing = make_column("exact", np.zeros(10), "rate", np.zeros(10, bool))
    return make_unit(label, [nothing], 10, dataset=dataset, dataset_version_id=f"ds-{dataset}", answered=0, failed=10)


def report_of(units, uses=None):
    """Builds a report; `uses` gives (ability, weight) by data set."""
    evaluation = make_evaluation(units)
    planned = []
    for unit in evaluation.units:
        ability, weight = (uses or {}).get(unit.dataset.name, ("", 1.0))
        planned.append(replace(unit, dataset=replace(unit.dataset, ability=ability, weight=weight)))
    evaluation.units = planned
    return build_report(evaluation, units, now=NOW)


def values_of(report, label="m"):
    return {
        "overall" if one.overall else one.ability: one.value for one in report.abilities if one.label == label
    }  # fmt: skip


USES = {"mmlu": ("knowledge", 1.0), "ceval": ("knowledge", 3.0), "gsm8k": ("reasoning", 1.0)}


def three(label="m", right=(80, 60, 20)):
    return [unit_of(label, name, count) for name, count in zip(USES, right, strict=True)]


def test_an_ability_is_the_weighted_mean_of_its_data_sets_and_overall_the_plain_mean_of_abilities():
    values = values_of(report_of(three(), USES))
    assert values == pytest.approx({"knowledge": (0.8 + 3 * 0.6) / 4, "reasoning": 0.2, "overall": (0.65 + 0.2) / 2})


def test_each_object_has_its_own_scores_in_the_order_of_the_plan():
    report = report_of([*three("m"), *three("other", (10, 10, 10))], USES)
    assert [(one.label, one.ability, one.overall) for one in report.abilities] == [
        (label, *rest) for label in ("m", "other") for rest in (("knowledge", False), ("reasoning", False), ("", True))
    ]
    assert values_of(report, "other") == pytest.approx({"knowledge": 0.1, "reasoning": 0.1, "overall": 0.1})


def test_the_first_scorer_counts_and_is_named():
    first, second = make_column("exact", np.ones(20), "rate"), make_column("token_f1", np.zeros(20))
    units = [make_unit("m", [first, second], 20, dataset=d, dataset_version_id=f"ds-{d}") for d in ("a", "b")]
    overall = report_of(units).abilities[-1]
    assert overall.value == 1.0
    assert [(part.dataset, part.metric, part.signature) for part in overall.parts] == [
        ("a", "exact", "exact|v1"), ("b", "exact", "exact|v1"),
    ]  # fmt: skip


def test_one_data_set_without_an_ability_makes_none():
    assert report_of([unit_of("m", "mmlu", 5)]).abilities == []
    assert report_of(made_up_units(40)).abilities == []


def test_one_data_set_with_an_ability_keeps_its_own_interval():
    report = report_of([unit_of("m", "mmlu", 80)], {"mmlu": ("knowledge", 1.0)})
    assert [(one.value, one.interval, one.interval_reason) for one in report.abilities] == [
        (0.8, wilson(80, 100), "wilson")
    ] * 2


def test_data_sets_that_name_no_ability_stand_together():
    units = three()
    assert values_of(report_of(units)) == pytest.approx({"": 1.6 / 3, "overall": 1.6 / 3})
    assert values_of(report_of(units, {"gsm8k": ("reasoning", 1.0)})) == pytest.approx(
        {"": 0.7, "reasoning": 0.2, "overall": 0.45}
    )


def test_a_data_set_without_a_score_is_no_zero_and_is_named():
    units = [unit_of("m", "mmlu", 80), empty_unit("m", "ceval"), unit_of("m", "gsm8k", 20)]
    report = report_of(units, USES)
    assert values_of(report) == {"knowledge": None, "reasoning": 0.2, "overall": None}
    knowledge, reasoning, overall = report.abilities
    assert (knowledge.missing, reasoning.missing, overall.missing) == (["ceval"], [], ["ceval"])
    assert {knowledge.interval_reason, overall.interval_reason} == {"incomplete"}
    assert (knowledge.interval, overall.interval) == (None, None)
    text = render_text(report, "en")
    assert "! m: no score for knowledge, because these data sets have none: ceval" in text
    assert "! m：没有「综合得分」，因为这些数据集没有得分：ceval" in render_text(report, "zh")
    row = next(line for line in text.splitlines() if line.startswith("m "))
    assert row.split() == ["m", "–", "0.200", "[0.13,", "0.29]", "–"]


def test_a_unit_without_any_scorer_is_missing_too():
    units = [unit_of("m", "mmlu", 80), make_unit("m", [], 10, dataset="b", dataset_version_id="ds-b")]
    (_, overall) = report_of(units).abilities
    assert (overall.value, overall.missing, overall.parts[1].metric) == (None, ["b"], "")


def test_perfect_scores_out_of_few_rows_are_not_certain():
    units = [unit_of("m", name, 10, 10) for name in ("a", "b")]
    low, high = report_of(units).abilities[-1].interval
    assert high == 1.0
    assert low == pytest.approx(1 - (1 - wilson(10, 10)[0]) / math.sqrt(2))


def test_a_part_without_an_interval_leaves_the_value():
    parts = [Share(0.4, (0.3, 0.5), "t", 0.5), Share(0.6, None, "one_row", 0.5)]
    assert msgspec.structs.astuple(rollup(parts)) == (0.5, None, "part_without_interval")


@some.composite
def shares(draw):
    weights = draw(some.lists(some.floats(1e-6, 1e6), min_size=1, max_size=6))
    parts = []
    for share in weighted_shares(weights):
        low, value, high = sorted(draw(some.tuples(*[some.floats(0, 1)] * 3)))
        parts.append(Share(value, (low, high), "t", share))
    return parts


@given(shares())
def test_the_mean_lies_between_its_parts_and_inside_its_interval(parts):
    summed = rollup(parts)
    values = [part.value for part in parts]
    assert min(values) - 1e-12 <= summed.value <= max(values) + 1e-12
    low, high = summed.interval
    assert 0.0 <= low <= summed.value + 1e-12
    assert summed.value - 1e-12 <= high <= 1.0
    widest = max(part.interval[1] - part.interval[0] for part in parts)
    assert high - low <= 2 * widest + 1e-9
    again = rollup(parts[::-1])
    assert (again.value, again.interval) == (pytest.approx(summed.value), pytest.approx(summed.interval))


@given(some.lists(some.floats(1e-300, 1e300), min_size=1, max_size=8))
def test_shares_add_up_to_one_whatever_the_weights(weights):
    assert math.fsum(weighted_shares(weights)) == pytest.approx(1.0)


def test_symmetric_intervals_give_the_delta_method():
    rng = np.random.default_rng(3)
    se, value, weight = rng.uniform(0.01, 0.03, 4), rng.uniform(0.3, 0.7, 4), weighted_shares([1, 2, 3, 4])
    parts = [Share(v, (v - 1.96 * s, v + 1.96 * s), "t", w) for v, s, w in zip(value, se, weight, strict=True)]
    summed, half = rollup(parts), 1.96 * math.sqrt(sum((w * s) ** 2 for w, s in zip(weight, se, strict=True)))
    assert summed.interval == pytest.approx((summed.value - half, summed.value + half))


def test_every_form_of_the_report_shows_the_abilities(tmp_path):
    report = report_of([*three("m"), *three("=other|<b>", (10, 10, 10))], USES)
    for lang, heading, overall in (("en", "Abilities", "overall"), ("zh", "能力得分", "综合得分")):
        text, md, html = render_text(report, lang), render_markdown(report, lang), render_html(report, lang)
        for page in (text, md, html):
            assert heading in page
            assert overall in page
            assert "knowledge" in page
            assert "0.425" in page
        assert "mmlu (" in text
        assert "× 3" in text
        assert "MOVER" in html
        assert "<b>" not in html.replace("<body>", "")
        assert "=other\\|&lt;b&gt;" in md
        write_report_xlsx(report, tmp_path / f"{lang}.xlsx", lang)
        sheet = openpyxl.load_workbook(tmp_path / f"{lang}.xlsx")[heading]
        rows = list(sheet.iter_rows(values_only=True))
        assert [row[1] for row in rows[1:4]] == ["knowledge", "reasoning", overall]
        assert rows[3][2] == pytest.approx(0.425)
        assert rows[1][6] == "mmlu; ceval"
    lines = [row for row in csv.DictReader(io.StringIO(render_csv(report))) if not row["dataset"]]
    assert [(row["slice_column"], row["slice_value"], row["metric"]) for row in lines[:3]] == [
        ("ability", "knowledge", "ability_score"), ("ability", "reasoning", "ability_score"), ("", "", "overall_score"),
    ]  # fmt: skip
    assert float(lines[2]["value"]) == pytest.approx(0.425)
    assert lines[3]["object"] == "'=other|<b>"


def test_what_has_no_abilities_shows_none(tmp_path):
    report = report_of([unit_of("m", "mmlu", 5)])
    for page in (render_text(report, "en"), render_markdown(report, "en"), render_html(report, "en")):
        assert "Abilities" not in page
    assert "overall_score" not in render_csv(report)
    write_report_xlsx(report, tmp_path / "a.xlsx", "en")
    assert "Abilities" not in openpyxl.load_workbook(tmp_path / "a.xlsx").sheetnames


def test_without_any_name_only_the_overall_score_is_shown():
    text = render_text(report_of(three()), "en")
    assert "(no ability)" not in text
    assert "overall = mmlu (exact match) + ceval (exact match) + gsm8k (exact match)" in text
    assert render_csv(report_of(three())).count("ability_score") == 0


def test_paired_differences_stay_with_their_data_sets():
    report = report_of([*three("m"), *three("other", (10, 10, 10))], USES)
    assert [one.dataset for one in report.comparisons] == list(USES)


def test_a_report_that_was_kept_before_abilities_is_read():
    report = report_of(three(), USES)
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    old = {k: v for k, v in msgspec.to_builtins(report).items() if k != "abilities"}
    assert msgspec.json.decode(msgspec.json.encode(old), type=Report).abilities == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("rows", "rates"),
    [((40, 60, 200), (0.9, 0.6, 0.3)), ((20, 20, 30), (0.97, 0.95, 0.9)), ((300, 50, 20), (0.5,) * 3)],
)
def test_intervals_of_abilities_cover_what_they_promise(rows, rates):
    generator = np.random.default_rng(17)
    share = [0.125, 0.375, 0.5]
    truth = sum(w * p for w, p in zip(share, rates, strict=True))
    hits, draws = 0, 4000
    for _ in range(draws):
        counts = [int(generator.binomial(n, p)) for n, p in zip(rows, rates, strict=True)]
        parts = [Share(k / n, wilson(k, n), "wilson", w) for k, n, w in zip(counts, rows, share, strict=True)]
        low, high = rollup(parts).interval
        hits += low <= truth <= high
    assert 0.93 < hits / draws < 0.985
