"""Comparing evaluations: only what may be compared."""

from __future__ import annotations

import numpy as np
from made_up_reports import make_column, make_unit

from steelyard.flow.metrics.results import row_keys
from steelyard.flow.reports.compare import EvaluationResults, compare_reports
from steelyard.flow.reports.render_text import render_comparison_text


def results(name, *units):
    return EvaluationResults(f"ame-{name}", name, units)


def test_equal_signatures_are_compared_and_labels_told_apart():
    a = make_unit("bot", [make_column("exact", np.ones(20), "rate")], 20)
    b = make_unit("bot", [make_column("exact", np.arange(20) % 2, "rate")], 20)
    found = compare_reports([results("june", a), results("july", b)])
    (one,) = found.differences
    assert (one.a, one.b, one.difference, one.wins) == ("bot @ june", "bot @ july", 0.5, 10)
    assert found.not_comparable == []
    assert found.notes == []
    assert "bot @ june beats bot @ july by 50.0 points" in render_comparison_text(found, "en")


def test_different_signatures_are_listed_never_compared():
    a = make_unit("a", [make_column("rouge_l", [0.1, 0.2]), make_column("exact", [0, 1], "rate")], 2)
    b = make_unit("b", [make_column("rouge_l", [0.3, 0.4]), make_column("f1", [0.3, 0.4])], 2)
    b.score_columns[0].signature = "rouge_l|tokeniser=words|v1"
    found = compare_reports([results("x", a), results("y", b)])
    assert found.differences == []
    assert {(one.metric, one.reason) for one in found.not_comparable} == {
        ("rouge_l", "different_signature"), ("exact", "only_in_a"), ("f1", "only_in_b"),
    }  # fmt: skip
    text = render_comparison_text(found, "zh")
    assert "配方签名不同" in text
    assert "rouge_l|tokeniser=words|v1" in text


def test_no_common_rows_and_other_versions_are_said():
    a = make_unit("a", [make_column("exact", [0, 1], "rate")], 2)
    b = make_unit("b", [make_column("exact", [0, 1], "rate")], 2, row_key=row_keys(["x", "y"]))
    assert [one.reason for one in compare_reports([results("x", a), results("y", b)]).not_comparable] == [
        "no_common_rows"
    ] * 2
    b = make_unit("b", [make_column("exact", [0, 1], "rate")], 2, dataset_version_id="ds-other")
    assert compare_reports([results("x", a), results("y", b)]).notes == ["paired_by_row_id"]


def test_units_of_one_evaluation_are_not_compared_again():
    units = [make_unit(name, [make_column("exact", [0, 1], "rate")], 2) for name in "ab"]
    other = make_unit("c", [make_column("exact", [1, 1], "rate")], 2)
    pairs = [(one.a, one.b) for one in compare_reports([results("x", *units), results("y", other)]).differences]
    assert pairs == [("a", "c"), ("b", "c")]
