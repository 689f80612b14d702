"""Intervals against scipy and statsmodels, and what must hold for any input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats as st
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as some
from statsmodels.stats.proportion import proportion_confint

from steelyard.flow.metrics import bootstrap, distributions, intervals
from steelyard.flow.metrics.summaries import mean_interval

ALONE = -1
scores = some.lists(some.floats(0, 1), min_size=2, max_size=60)


@pytest.mark.parametrize("df", [1, 2, 3, 7.5, 30, 299, 1999, 2001, 1e5])
@pytest.mark.parametrize("p", [0.005, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9995])
def test_t_quantile_is_that_of_scipy(p, df):
    assert distributions.t_quantile(p, df) == pytest.approx(st.t.ppf(p, df), rel=1e-9, abs=1e-12)


@given(some.floats(0.001, 0.999), some.floats(0.1, 5000), some.floats(0.1, 5000))
def test_beta_cdf_is_that_of_scipy(x, a, b):
    assert distributions.beta_cdf(x, a, b) == pytest.approx(st.beta.cdf(x, a, b), rel=1e-7, abs=1e-11)


@given(
    some.integers(1, 5000).flatmap(lambda n: some.tuples(some.integers(0, n), some.just(n))),
    some.sampled_from([0.8, 0.95, 0.99]),
)
def test_proportion_intervals_are_those_of_statsmodels(of, confidence):
    k, n = of
    for method, own in (("wilson", intervals.wilson), ("beta", intervals.clopper_pearson)):
        low, high = own(k, n, confidence)
        assert (low, high) == pytest.approx(proportion_confint(k, n, 1 - confidence, method), rel=1e-7, abs=1e-9)
        assert 0 <= low <= k / n <= high <= 1


def test_clopper_pearson_of_very_many_rows():
    assert intervals.clopper_pearson(1, 1_000_000) == pytest.approx(
        proportion_confint(1, 1_000_000, method="beta"), rel=1e-6
    )
    assert intervals.clopper_pearson(500_000, 1_000_000) == pytest.approx(
        proportion_confint(500_000, 1_000_000, method="beta"), rel=1e-6
    )


def test_t_interval_is_that_of_scipy():
    values = np.random.default_rng(1).beta(2, 1, 40)
    estimate = intervals.mean_estimate(values)
    assert intervals.t_interval(estimate) == pytest.approx(st.t.interval(0.95, 39, values.mean(), st.sem(values)))


def test_clustered_error_is_that_of_statsmodels():
    generator = np.random.default_rng(2)
    groups = generator.integers(0, 25, 200)
    values = generator.random(200) + 0.3 * generator.random(25)[groups]
    fit = sm.OLS(values, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    estimate = intervals.clustered_estimate(values, groups)
    assert estimate.se == pytest.approx(fit.bse[0])
    assert estimate.df == 24
    assert estimate.se > intervals.mean_estimate(values).se


def test_a_row_without_group_stands_alone():
    values = np.random.default_rng(3).random(30)
    alone = np.full(30, ALONE)
    assert intervals.clustered_estimate(values, alone).se == pytest.approx(intervals.mean_estimate(values).se)
    assert not intervals.shares_groups(alone)
    assert intervals.shares_groups(np.array([ALONE, 4, 4]))


def test_bca_is_that_of_scipy_but_for_the_draws():
    values = np.random.default_rng(4).beta(5, 1, 60)
    reference = st.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(9)
    ).confidence_interval
    assert bootstrap.bca_interval(values, 7, resamples=20_000) == pytest.approx(tuple(reference), abs=0.004)


def test_bca_leans_to_the_side_of_the_outlier():
    values = np.append(np.full(14, 0.1) + np.arange(14) / 1000, 0.95)
    reference = st.bootstrap((values,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(9))
    assert bootstrap.bca_interval(values, 7, resamples=40_000) == pytest.approx(
        tuple(reference.confidence_interval), abs=0.002
    )


@given(scores.filter(lambda v: max(v) - min(v) > 1e-3), some.integers(0, 2**63))
@settings(max_examples=40)
def test_bca_depends_on_the_set_of_values_alone(values, seed):
    given_order, reverse = np.array(values), np.array(values[::-1])
    low, high = bootstrap.bca_interval(given_order, seed, resamples=199)
    assert (low, high) == bootstrap.bca_interval(reverse, seed, resamples=199)
    assert min(values) - 1e-12 <= low <= given_order.mean() + 1e-12
    assert given_order.mean() - 1e-12 <= high <= max(values) + 1e-12


@given(scores, some.booleans(), some.integers(1, 20))
@settings(max_examples=60)
def test_any_mean_has_an_interval_inside_0_to_1_around_it(values, grouped, group_count):
    array = np.array(values)
    groups = np.arange(len(values)) % group_count if grouped else np.full(len(values), ALONE)
    interval, _ = mean_interval(array, groups, binary=False, seed=1, resamples=199)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= array.mean() + 1e-9
    assert array.mean() - 1e-9 <= high <= 1
    assert math.isfinite(low + high)


@pytest.mark.parametrize(
    ("values", "groups", "binary", "method"),
    [
        ([], [], False, "no_scores"),
        ([1, 0, 1], [ALONE] * 3, True, "wilson"),
        ([1, 0, 1], [5, 5, ALONE], True, "clustered_t"),
        ([0.5, 0.1, 0.3], [ALONE] * 3, False, "bootstrap_bca"),
        ([0.5, 0.1] * 150, [ALONE] * 300, False, "t"),
        ([0.5] * 400, [ALONE] * 400, False, "wilson_bound"),
        ([0.5, 0.1], [1, 1], False, "wilson_bound"),
        ([0.5], [ALONE], False, "wilson_bound"),
    ],
)
def test_which_method_is_used_when(values, groups, binary, method):
    interval, reason = mean_interval(np.array(values, dtype=float), np.array(groups, dtype=int), binary=binary, seed=0)
    assert reason == method
    assert (interval is None) == (method == "no_scores")


def test_equal_scores_are_no_certainty():
    assert intervals.no_variation_bound(1.0, 12, 0.0, 1.0) == pytest.approx(intervals.wilson(12, 12))
    assert intervals.no_variation_bound(0.0, 12, 0.0, 1.0) == pytest.approx(intervals.wilson(0, 12))


def test_pooled_interval_resamples_groups_and_keeps_to_its_seed():
    parts = np.column_stack([np.random.default_rng(5).integers(0, 5, 400), np.full(400, 5)]).astype(float)
    alone, blocks = np.arange(400), np.arange(400) // 40

    def pool(rows):
        return rows[0][0] / rows[0][1]

    narrow = bootstrap.pooled_interval(parts, alone, pool, 1)
    assert narrow == bootstrap.pooled_interval(parts, alone, pool, 1)
    share = parts[:, 0] / 5
    assert narrow == pytest.approx(intervals.t_interval(intervals.mean_estimate(share)), abs=0.01)
    repeated = np.repeat(parts[:10], 40, axis=0)
    low, high = bootstrap.pooled_interval(repeated, blocks, pool, 1)
    assert high - low > 3 * (narrow[1] - narrow[0])
    assert bootstrap.pooled_interval(parts, alone, lambda _: None, 1) is None


@pytest.mark.full
@pytest.mark.parametrize(("n", "p"), [(10, 0.95), (30, 0.95), (100, 0.7), (300, 0.95)])
def test_wilson_covers_what_it_promises(n, p):
    draws = np.random.default_rng(6).binomial(n, p, 4000)
    hits = [low <= p <= high for low, high in (intervals.wilson(int(k), n) for k in draws)]
    assert np.mean(hits) > 0.90
    exact = {k: intervals.clopper_pearson(k, n) for k in set(draws.tolist())}
    assert np.mean([exact[k][0] <= p <= exact[k][1] for k in draws.tolist()]) > 0.94


@pytest.mark.full
def test_clustered_t_covers_where_the_plain_interval_does_not():
    generator = np.random.default_rng(7)
    groups = np.repeat(np.arange(40), 5)
    hits = {"clustered": 0, "plain": 0}
    for _ in range(2000):
        values = 0.5 + 0.1 * (0.632 * generator.normal(size=40)[groups] + 0.775 * generator.normal(size=200))
        for name, estimate in (
            ("clustered", intervals.clustered_estimate(values, groups)),
            ("plain", intervals.mean_estimate(values)),
        ):
            low, high = intervals.t_interval(estimate)
            hits[name] += low <= 0.5 <= high
    assert hits["clustered"] / 2000 > 0.935
    assert hits["plain"] / 2000 < 0.90


@pytest.mark.full
def test_bca_covers_a_skewed_mean():
    generator = np.random.default_rng(8)
    truth, hits = 5 / 6, 0
    for seed in range(1000):
        low, high = bootstrap.bca_interval(generator.beta(5, 1, 80), seed, resamples=1999)
        hits += low <= truth <= high
    assert hits / 1000 > 0.92
