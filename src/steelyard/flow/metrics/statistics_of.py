"""The statistics of `STATISTICS`: checked inputs to plain results. Intervals are [low, high]; None where undefined."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from steelyard.domain.errors import InputError
from steelyard.flow.metrics import intervals, paired
from steelyard.flow.metrics import statistics_in as take
from steelyard.flow.metrics.bootstrap import bca_interval
from steelyard.flow.metrics.calibration import calibrated_mean
from steelyard.flow.metrics.distributions import normal_quantile
from steelyard.flow.metrics.planning import sample_size

if TYPE_CHECKING:
    from collections.abc import Sequence

Result = dict[str, Any]


def wrong(field: str, message: str, hint: str) -> InputError:
    """Returns the error that names a field of a statistic."""
    return InputError(f"{field} {message}", where=field, hint=hint, code="invalid_statistic_input")


def floats(values: Sequence[float]) -> intervals.Floats:
    """Returns the values as an array."""
    return np.array(values, dtype=np.float64)


def _proportion(inputs: take.ProportionIn) -> Result:
    if inputs.successes > inputs.n:
        raise wrong("successes", f"is {inputs.successes}, more than n = {inputs.n}", "give 0 <= successes <= n")
    return {"value": inputs.successes / inputs.n, "n": inputs.n, "confidence": inputs.confidence}


def wilson_interval(inputs: take.ProportionIn) -> Result:
    """Wilson's interval of a proportion."""
    return _proportion(inputs) | {
        "interval": list(intervals.wilson(inputs.successes, inputs.n, inputs.confidence)),
        "method": "wilson",
    }


def clopper_pearson_interval(inputs: take.ProportionIn) -> Result:
    """The exact interval of a proportion."""
    result = _proportion(inputs)
    return result | {
        "interval": list(intervals.clopper_pearson(inputs.successes, inputs.n, inputs.confidence)),
        "method": "clopper_pearson",
    }


def _mean(
    values: intervals.Floats, estimate: intervals.MeanEstimate, independent: int, confidence: float, method: str
) -> Result:
    if estimate.se <= 1e-12 * float(np.abs(values).max()):
        if values.min() < 0.0 or values.max() > 1.0:
            raise wrong(
                "values",
                "show no spread, so that no interval follows from them",
                "give values that differ, or scores in 0..1",
            )
        bound = intervals.no_variation_bound(estimate.mean, independent, 0.0, 1.0, confidence)
        interval, method = list(bound), "wilson_bound"
    else:
        interval = list(intervals.t_interval(estimate, confidence))
    return {
        "value": estimate.mean,
        "n": len(values),
        "se": estimate.se,
        "df": estimate.df,
        "interval": interval,
        "confidence": confidence,
        "method": method,
    }


def mean_t(inputs: take.MeanIn) -> Result:
    """The t interval of a mean."""
    values = floats(inputs.values)
    return _mean(values, intervals.mean_estimate(values), len(values), inputs.confidence, "t")


def mean_bootstrap(inputs: take.BootstrapIn) -> Result:
    """The BCa bootstrap interval of a mean."""
    values = floats(inputs.values)
    if not intervals.varies(values):
        raise wrong("values", "are all equal, so that resampling shows no spread", "use wilson for rates")
    interval = list(bca_interval(values, inputs.seed, inputs.confidence, inputs.resamples))
    return {
        "value": float(values.mean()),
        "n": len(values),
        "interval": interval,
        "confidence": inputs.confidence,
        "method": "bootstrap_bca",
    }


def _groups(groups: Sequence[take.Group], n: int) -> intervals.Ints:
    if len(groups) != n:
        raise wrong("groups", f"has {len(groups)} entries for {n} rows", "give one group a row, null for none")
    place: dict[str, int] = {}
    codes = [-1 if group is None else place.setdefault(repr(group), len(place)) for group in groups]
    return np.array(codes, dtype=np.int64)


def mean_clustered(inputs: take.ClusteredIn) -> Result:
    """The t interval of a mean with a cluster-robust standard error."""
    groups = _groups(inputs.groups, len(inputs.values))
    count = int(intervals.group_codes(groups).max()) + 1
    if count < 2:
        raise wrong("groups", "are all the same", "two or more groups are needed")
    values = floats(inputs.values)
    estimate = intervals.clustered_estimate(values, groups)
    return _mean(values, estimate, count, inputs.confidence, "clustered_t") | {"groups": count}


def mcnemar(inputs: take.DiscordantIn) -> Result:
    """McNemar's exact test with the mid-p value."""
    only_a, only_b = inputs.only_a, inputs.only_b
    if inputs.a is not None and inputs.b is not None and only_a is None and only_b is None:
        same_length(inputs.a, inputs.b)
        for field, values in (("a", inputs.a), ("b", inputs.b)):
            if not set(values) <= {0.0, 1.0}:
                raise wrong(field, "holds scores other than 0 and 1", "use permutation")
        only_a = sum(x > y for x, y in zip(inputs.a, inputs.b, strict=True))
        only_b = sum(x < y for x, y in zip(inputs.a, inputs.b, strict=True))
    if only_a is None or only_b is None:
        raise wrong("only_a", "or only_b is missing", "give only_a and only_b, or the 0/1 scores a and b")
    return {
        "p_value": paired.mcnemar_mid_p(only_a, only_b),
        "only_a": only_a,
        "only_b": only_b,
        "method": "mcnemar_mid_p",
    }


def same_length(a: Sequence[object], b: Sequence[object]) -> None:
    """Refuses two lists of different lengths."""
    if len(a) != len(b):
        raise wrong("b", f"has {len(b)} entries and a has {len(a)}", "give both for the same rows")


def permutation(inputs: take.PairIn) -> Result:
    """The sign-flip permutation test of a paired difference."""
    same_length(inputs.a, inputs.b)
    if inputs.groups is not None:
        raise wrong("groups", "are not taken by this test", "use paired_difference")
    differences = floats(inputs.a) - floats(inputs.b)
    p, method = paired.permutation_p(differences, inputs.seed)
    return {"difference": float(differences.mean()), "n": len(differences), "p_value": p, "method": method}


def paired_difference(inputs: take.PairIn) -> Result:
    """The t interval of a paired difference, cluster-robust when rows share groups."""
    same_length(inputs.a, inputs.b)
    differences = floats(inputs.a) - floats(inputs.b)
    n = len(differences)
    groups = _groups(inputs.groups if inputs.groups is not None else [None] * n, n)
    result: Result = {
        "difference": float(differences.mean()),
        "n": n,
        "interval": None,
        "p_value": None,
        "method": "no_variation",
    }
    if int(intervals.group_codes(groups).max()) < 1 or not intervals.varies(differences):
        return result
    # Differences that cancel inside every group leave nothing to estimate a spread from.
    if intervals.clustered_estimate(differences, groups).se <= 1e-12 * float(np.abs(differences).max()):
        return result
    interval, p, method = paired.paired_estimate(differences, groups)
    return result | {"interval": list(interval), "p_value": p, "method": method}


def holm_adjusted(inputs: take.PValuesIn) -> Result:
    """Holm's adjustment."""
    return {"p_adjusted": paired.holm(inputs.p_values), "method": "holm"}


def sign(inputs: take.SignIn) -> Result:
    """The exact sign test over decided comparisons."""
    return {
        "p_value": paired.sign_test(inputs.wins, inputs.losses),
        "n": inputs.wins + inputs.losses,
        "ties": inputs.ties,
        "method": "sign_test",
    }


def gsb(inputs: take.GsbIn) -> Result:
    """Net win rate (candidate_better - baseline_better) / n, win rate with ties as halves, and the sign test."""
    good, same, bad = inputs.candidate_better, inputs.same, inputs.baseline_better
    n = good + same + bad
    if n == 0:
        raise wrong("candidate_better", "same and baseline_better are all 0", "give at least one verdict")
    net = (good - bad) / n
    p = paired.sign_test(good, bad)
    result: Result = {
        "net_win_rate": net,
        "win_rate": (good + same / 2) / n,
        "n": n,
        "p_value": p,
        "interval": None,
        "method": "sign_test",
    }
    if n > 1 and max(good, same, bad) < n:
        se = math.sqrt((good + bad - n * net * net) / (n - 1) / n)
        half = normal_quantile(0.5 + inputs.confidence / 2) * se
        result["interval"] = [max(-1.0, net - half), min(1.0, net + half)]
    else:
        result["interval"] = list(intervals.no_variation_bound(net, n, -1.0, 1.0, inputs.confidence))
    return result


def calibrated(inputs: take.CalibratedIn) -> Result:
    """A judge's mean corrected by human labels (PPI++)."""
    if len(inputs.judged) != len(inputs.labels):
        raise wrong(
            "judged",
            f"has {len(inputs.judged)} entries and labels has {len(inputs.labels)}",
            "give both for the same rows",
        )
    fit = calibrated_mean(
        floats(inputs.labels), floats(inputs.judged), floats(inputs.judged_rest), inputs.seed, inputs.confidence
    )
    return {
        "value": fit.value,
        "interval": list(fit.interval),
        "weight": fit.weight,
        "n": len(inputs.labels),
        "n_judged": len(inputs.judged_rest),
        "method": fit.method,
    }


def rows_needed(inputs: take.SampleSizeIn) -> Result:
    """Rows needed to show a paired difference."""
    n = sample_size(
        inputs.difference,
        between_variance=inputs.between_variance,
        within_variance_a=inputs.within_variance_a,
        within_variance_b=inputs.within_variance_b,
        repeats_a=inputs.repeats_a,
        repeats_b=inputs.repeats_b,
        power=inputs.power,
        level=inputs.level,
    )
    return {
        "n": n,
        "difference": inputs.difference,
        "power": inputs.power,
        "level": inputs.level,
        "method": "miller_2024",
    }
