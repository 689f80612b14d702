"""Agreement and strengths against published tables, scikit-learn and a logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.metrics import cohen_kappa_score

from steelyard.domain.errors import InputError
from steelyard.flow.metrics import ranking
from steelyard.flow.metrics.agreement import cohen_kappa, counts_of, gwet_ac1, krippendorff_alpha, percent_agreement
from steelyard.flow.metrics.ranking import bradley_terry

_ = None
# Four observers, twelve units (Krippendorff 2011, section C), one list an observer.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]
ITEMS = [list(item) for item in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorffs_own_example(level, published):
    counts = counts_of(ITEMS, [1, 2, 3, 4, 5])
    assert krippendorff_alpha(counts, np.arange(1.0, 6.0), level) == pytest.approx(published, abs=0.0006)


def test_ac1_is_steady_where_kappa_breaks_down():
    # 118 both yes, 5 and 2 split, none both no: agreement .944; Gwet's chance term is 2 * .972 * .028.
    pairs = [["y", "y"]] * 118 + [["y", "n"]] * 5 + [["n", "y"]] * 2
    share = (123 + 120) / 250
    chance = 2 * share * (1 - share)
    assert gwet_ac1(counts_of(pairs, ["n", "y"])) == pytest.approx((118 / 125 - chance) / (1 - chance))
    first, second = (np.array([pair[rater] == "n" for pair in pairs]).astype(int) for rater in (0, 1))
    assert cohen_kappa(first, second, 2) == pytest.approx(-0.0234, abs=1e-4)


@given(
    some.lists(some.tuples(some.integers(0, 3), some.integers(0, 3)), min_size=2, max_size=60),
    some.sampled_from(["none", "linear", "quadratic"]),
)
def test_kappa_is_that_of_scikit_learn(pairs, weights):
    a, b = zip(*pairs, strict=True)
    own = cohen_kappa(np.array(a), np.array(b), 4, weights)
    if own is None:
        assert len(set(pairs)) == 1
        return
    reference = cohen_kappa_score(a, b, labels=[0, 1, 2, 3], weights=None if weights == "none" else weights)
    assert own == pytest.approx(reference)


@given(
    some.lists(some.lists(some.sampled_from([None, 1, 2, 3]), min_size=3, max_size=3), min_size=2, max_size=25),
    some.randoms(),
)
@settings(max_examples=50)
def test_agreement_does_not_depend_on_the_order_of_items_or_raters(items, shuffle):
    counts = counts_of(items, [1, 2, 3])
    moved = [shuffle.sample(item, 3) for item in shuffle.sample(items, len(items))]
    other = counts_of(moved, [1, 2, 3])
    for statistic in (percent_agreement, gwet_ac1, lambda c: krippendorff_alpha(c, np.arange(3.0), "ordinal")):
        one, two = statistic(counts), statistic(other)
        assert one == (None if two is None else pytest.approx(two, abs=1e-9))
        assert one is None or one <= 1 + 1e-12


def test_no_two_ratings_is_no_agreement():
    counts = counts_of([[1, None], [None, 2]], [1, 2])
    assert percent_agreement(counts) is None
    assert krippendorff_alpha(counts, np.arange(2.0)) is None
    assert gwet_ac1(counts) is None
    assert cohen_kappa(np.zeros(5, int), np.zeros(5, int), 2) is None
    assert cohen_kappa(np.zeros(5, int), np.ones(5, int), 2) == 0.0


def logistic_strengths(wins):
    size = len(wins)
    design, won, lost = [], [], []
    for i in range(size):
        for j in range(i + 1, size):
            row = np.zeros(size)
            row[i], row[j] = 1, -1
            design.append(row[1:])
            won.append(wins[i, j])
            lost.append(wins[j, i])
    fit = sm.GLM(np.column_stack([won, lost]), np.array(design), family=sm.families.Binomial()).fit(tol=1e-12)
    strengths = np.concatenate([[0.0], fit.params])
    return strengths - strengths.mean(), fit.cov_params()


def test_strengths_are_those_of_a_logistic_regression():
    wins = np.random.default_rng(1).integers(2, 40, (6, 6)).astype(float)
    wins[0, 1] += 0.5
    np.fill_diagonal(wins, 0)
    fit = bradley_terry(wins)
    reference, covariance = logistic_strengths(wins)
    assert fit.values == pytest.approx(reference, abs=1e-8)
    full = np.zeros((6, 6))
    full[1:, 1:] = covariance
    centre = np.eye(6) - 1 / 6
    assert fit.errors == pytest.approx(np.sqrt(np.diag(centre @ full @ centre)), rel=1e-6)


def test_two_objects_are_the_log_odds():
    fit = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert fit.values[0] - fit.values[1] == pytest.approx(np.log(3))


@given(some.integers(2, 7), some.integers(0, 2**32))
@settings(max_examples=25)
def test_strengths_follow_the_objects_wherever_they_stand(size, seed):
    generator = np.random.default_rng(seed)
    wins = generator.integers(1, 300, (size, size)).astype(float)
    order = generator.permutation(size)
    assert bradley_terry(wins).values[order] == pytest.approx(
        bradley_terry(wins[np.ix_(order, order)]).values, abs=1e-7
    )


def test_lopsided_tables_still_converge():
    wins = np.array([[0, 9999.0, 5000], [1.0, 0, 3], [2.0, 4, 0]])
    expected = 1 / (1 + np.exp(-np.subtract.outer(bradley_terry(wins).values, bradley_terry(wins).values)))
    assert ((wins + wins.T) * expected).sum(axis=1) - 0.5 * np.diag(wins + wins.T) == pytest.approx(
        wins.sum(axis=1), rel=1e-6
    )


@pytest.mark.parametrize("wins", [[[0, 5, 5], [0, 0, 5], [0, 5, 0]], [[0, 5, 0], [5, 0, 0], [0, 0, 0]]])
def test_an_object_that_never_lost_has_no_finite_strength(wins):
    with pytest.raises(InputError, match="no finite strengths"):
        bradley_terry(np.array(wins, dtype=float))


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 1e6], [1e-300, 0]],
        [[0, 1, 0], [5e-15, 0, 1], [0, 5e-15, 0]],
        [[0, 1e6, 1], [1e-40, 0, 1e-40], [1, 1e6, 0]],
    ],
)
def test_strengths_that_run_away_are_refused(wins):
    with pytest.raises(InputError, match="no finite strengths"):
        bradley_terry(np.array(wins, dtype=float))


@pytest.mark.parametrize(("much", "little"), [(1e6, 1e-6), (1e6, 1.0), (1e-300, 1e-300), (3e-9, 1e-9)])
def test_the_maximum_is_reached_however_lopsided_the_wins(much, little):
    fit = bradley_terry(np.array([[0.0, much], [little, 0.0]]))
    assert fit.converged
    assert fit.values[0] - fit.values[1] == pytest.approx(np.log(much) - np.log(little), abs=1e-7)


def test_steps_that_end_too_early_are_told(monkeypatch):
    monkeypatch.setattr(ranking, "_STEPS", 2)
    assert not bradley_terry(np.array([[0.0, 500.0], [1.0, 0.0]])).converged


def test_distances_do_not_overflow():
    counts = counts_of([[0, 1], [2, 3]], [0, 1, 2, 3])
    small = krippendorff_alpha(counts, np.array([-1.0, 0.5, 0.7, 1.0]), "interval")
    assert krippendorff_alpha(counts, np.array([-1.0, 0.5, 0.7, 1.0]) * 1.7e308, "interval") == pytest.approx(small)
    assert krippendorff_alpha(counts, np.array([-1.0, 0.5, 0.7, 1.0]) * 1e-300, "interval") == pytest.approx(small)
