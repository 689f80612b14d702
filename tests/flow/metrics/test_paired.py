"""Paired tests against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as st
from hypothesis import given, settings
from hypothesis import strategies as some
from statsmodels.stats.multitest import multipletests

from steelyard.flow.metrics import paired

ALONE = -1


def exact_mid_p(b, c):
    n, k = b + c, min(b, c)
    return min(1.0, 2 * st.binom.cdf(k, n, 0.5) - st.binom.pmf(k, n, 0.5)) if n else 1.0


@given(some.integers(0, 3000), some.integers(0, 3000))
def test_mcnemar_is_twice_the_tail_less_half_the_point(b, c):
    assert paired.mcnemar_mid_p(b, c) == pytest.approx(exact_mid_p(b, c), rel=1e-6, abs=1e-12)
    assert paired.mcnemar_mid_p(b, c) == paired.mcnemar_mid_p(c, b)


def test_mcnemar_hand_table():
    # 1 against 7 of 8 discordant rows: 2 * (1 + 8) / 256 - 8 / 256
    assert paired.mcnemar_mid_p(1, 7) == pytest.approx(10 / 256)


@given(some.integers(0, 2000), some.integers(0, 2000))
def test_sign_test_is_that_of_scipy(wins, losses):
    expected = st.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert paired.sign_test(wins, losses) == pytest.approx(expected, rel=1e-6)


@given(some.lists(some.integers(-5, 5), min_size=1, max_size=10))
@settings(max_examples=30)
def test_exact_permutation_counts_every_sign_pattern(whole):
    differences = np.array(whole) / 5
    moving = differences[differences != 0]
    signs = (
        np.array(np.meshgrid(*[[1, -1]] * len(moving))).reshape(len(moving), -1) if len(moving) else np.zeros((0, 1))
    )
    expected = (np.abs(moving @ signs) >= abs(moving.sum()) - 1e-9).mean()
    p, method = paired.permutation_p(differences, 0)
    assert (p, method) == (pytest.approx(expected), "permutation_exact")


def test_permutation_methods_agree_with_scipy():
    generator = np.random.default_rng(1)
    for n, method in ((14, "permutation_exact"), (200, "permutation"), (25_000, "permutation_normal")):
        differences = generator.normal(0.9 / np.sqrt(n), 0.5, n)
        p, used = paired.permutation_p(differences, 3)
        reference = st.ttest_1samp(differences, 0).pvalue if n > 16 else None
        if reference is None:
            reference = st.permutation_test(
                (differences, np.zeros(n)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
            ).pvalue
        assert used == method
        assert p == pytest.approx(reference, abs=0.015)


def test_a_drawn_p_is_never_zero():
    assert paired.permutation_p(np.linspace(0.5, 0.6, 100), 1) == (1 / 10_000, "permutation")


@given(some.lists(some.floats(-1, 1), min_size=17, max_size=60), some.integers(0, 2**40))
@settings(max_examples=20)
def test_permutation_does_not_depend_on_order_or_direction(values, seed):
    differences = np.array(values)
    p, _ = paired.permutation_p(differences, seed)
    assert 0 < p <= 1
    assert paired.permutation_p(differences[::-1], seed)[0] == p
    assert paired.permutation_p(-differences, seed)[0] == pytest.approx(p, abs=0.03)


def test_paired_interval_is_the_one_sample_t_test():
    differences = np.random.default_rng(2).normal(0.05, 0.2, 50)
    interval, p, method = paired.paired_estimate(differences, np.full(50, ALONE))
    reference = st.ttest_1samp(differences, 0)
    assert method == "t"
    assert p == pytest.approx(reference.pvalue)
    assert interval == pytest.approx(tuple(reference.confidence_interval()))


def test_groups_widen_the_paired_interval():
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 5)
    differences = generator.normal(0, 0.2, 20)[groups] + generator.normal(0, 0.02, 100)
    wide, p, method = paired.paired_estimate(differences, groups)
    narrow, small_p, _ = paired.paired_estimate(differences, np.full(100, ALONE))
    assert method == "clustered_t"
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])
    assert p > small_p


@given(some.lists(some.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels_and_monotone(p_values):
    adjusted = paired.holm(p_values)
    assert adjusted == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    order = np.argsort(p_values)
    assert all(np.diff(np.array(adjusted)[order]) >= 0)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))


def test_holm_leaves_the_unknown_out():
    assert paired.holm([0.01, None, 0.04]) == [0.02, None, 0.04]
