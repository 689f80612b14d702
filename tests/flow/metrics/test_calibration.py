"""A judge corrected by labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from steelyard.flow.metrics.calibration import calibrated_mean
from steelyard.flow.metrics.intervals import wilson
from steelyard.flow.metrics.planning import sample_size


def judged_rows(generator, n, p, right_if_1, right_if_0):
    truth = (generator.random(n) < p).astype(float)
    right = generator.random(n) < np.where(truth == 1, right_if_1, right_if_0)
    return truth, np.where(right, truth, 1 - truth)


def test_a_good_judge_narrows_the_interval_and_a_useless_one_does_no_harm():
    generator = np.random.default_rng(1)
    labels, judged = judged_rows(generator, 200, 0.6, 0.92, 0.9)
    rest = judged_rows(generator, 2000, 0.6, 0.92, 0.9)[1]
    alone = np.subtract(*wilson(labels.sum(), 200)[::-1])
    good = calibrated_mean(labels, judged, rest, 0)
    assert good.method == "ppi_cross_fit"
    assert 0.5 < good.weight <= 1
    assert np.subtract(*good.interval[::-1]) < 0.8 * alone
    useless = calibrated_mean(labels, generator.permutation(judged), rest, 0)
    assert useless.weight < 0.2
    assert np.subtract(*useless.interval[::-1]) == pytest.approx(alone, rel=0.1)


def test_a_biased_judge_is_pulled_back_to_the_labels():
    generator = np.random.default_rng(2)
    labels, judged = judged_rows(generator, 300, 0.5, 1.0, 0.5)
    rest = judged_rows(generator, 3000, 0.5, 1.0, 0.5)[1]
    assert rest.mean() > 0.7
    low, high = calibrated_mean(labels, judged, rest, 0).interval
    assert low < 0.5 < high


def test_weight_one_fold_formula_by_hand():
    # A judge that never errs: the corrected labels are (1 - weight) * labels for every fold.
    generator = np.random.default_rng(3)
    labels = (generator.random(100) < 0.5).astype(float)
    rest = (generator.random(10_000) < 0.5).astype(float)
    fit = calibrated_mean(labels, labels, rest, 0)
    assert fit.weight == pytest.approx(1 / 1.01, abs=0.06)
    assert calibrated_mean(labels, labels, rest[:100], 0).weight == pytest.approx(1 / 2, abs=0.06)
    assert fit.value == pytest.approx((1 - fit.weight) * labels.mean() + fit.weight * rest.mean(), abs=0.002)


@pytest.mark.parametrize(
    ("n", "mean", "method"),
    [(30, 0.5, "labels_only_wilson"), (60, 0.95, "labels_only_wilson"), (60, 0.5, "ppi_cross_fit")],
)
def test_too_few_labels_speak_for_themselves(n, mean, method):
    labels = (np.arange(n) < mean * n).astype(float)
    fit = calibrated_mean(labels, labels, np.tile([0.0, 1.0], 50), 0)
    assert fit.method == method
    if method == "labels_only_wilson":
        assert fit.interval == wilson(labels.sum(), n)


@given(
    some.lists(some.tuples(some.floats(0, 1), some.floats(0, 1)), min_size=1, max_size=120),
    some.lists(some.floats(0, 1), max_size=40),
)
@settings(max_examples=40)
def test_always_a_finite_value_inside_its_interval(pairs, rest):
    labels, judged = (np.array(one) for one in zip(*pairs, strict=True))
    fit = calibrated_mean(labels, judged, np.array(rest), 1)
    assert 0 <= fit.interval[0] <= fit.value + 1e-9
    assert fit.value - 1e-9 <= fit.interval[1] <= 1
    assert 0 <= fit.weight <= 1


def test_sample_size_of_the_published_example():
    assert sample_size(0.03) == 969
    assert sample_size(0.03, within_variance_a=1 / 6, within_variance_b=1 / 6, repeats_a=10, repeats_b=10) == 1260
    assert sample_size(0.06) < sample_size(0.03) < sample_size(0.03, power=0.9)


@pytest.mark.full
def test_coverage_with_a_good_judge():
    generator, hits = np.random.default_rng(4), 0
    for seed in range(2000):
        labels, judged = judged_rows(generator, 100, 0.7, 0.92, 0.88)
        rest = judged_rows(generator, 1000, 0.7, 0.92, 0.88)[1]
        low, high = calibrated_mean(labels, judged, rest, seed).interval
        hits += low <= 0.7 <= high
    assert hits / 2000 > 0.93
