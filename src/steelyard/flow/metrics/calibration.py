"""A judge's many scores corrected by a few human ones (prediction-powered inference)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steelyard.flow.metrics.bootstrap import bca_interval
from steelyard.flow.metrics.distributions import normal_quantile
from steelyard.flow.metrics.intervals import Floats, no_variation_bound, varies, wilson

FOLDS = 5
MIN_LABELS = 50
MIN_LABELS_NEAR_EDGE = 100


class Calibrated(NamedTuple):
    """A mean corrected by labels; `weight` (0..1) is how far the judge was trusted."""

    value: float
    interval: tuple[float, float]
    weight: float
    method: str


def calibrated_mean(
    labels: Floats, judged: Floats, judged_rest: Floats, seed: int, confidence: float = 0.95
) -> Calibrated:
    """Estimates the mean human score of all rows.

    Args:
        labels: human scores of a random sample of rows, 0..1.
        judged: the judge's scores of the same rows, 0..1.
        judged_rest: the judge's scores of the other rows, 0..1.
        seed: of the split into five folds.
        confidence: of the interval.

    Returns:
        `ppi_cross_fit`, or the labels alone (`labels_only_wilson`, `labels_only_bootstrap_bca`) when they are too few
        to trust the normal limit: under 50, or under 100 with a mean outside 0.1..0.9. A useless judge gets weight 0.

    Source: Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv:2311.01453; the weight is cross-fitted, since one
    tuned on the very labels it corrects makes intervals too narrow.
    """
    mean = float(labels.mean())
    needed = MIN_LABELS if 0.1 <= mean <= 0.9 else MIN_LABELS_NEAR_EDGE
    if len(labels) < needed or not len(judged_rest):
        return _labels_only(labels, seed, confidence)
    n, rest = len(labels), len(judged_rest)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    weights = np.empty(n)
    for index in range(FOLDS):
        weights[fold == index] = _weight(labels[fold != index], judged[fold != index], judged_rest)
    weight = float(weights.mean())
    corrected = labels - weights * judged
    value = float(corrected.mean()) + weight * float(judged_rest.mean())
    variance = float(corrected.var(ddof=1)) / n + weight**2 * (
        float(judged_rest.var(ddof=1)) / rest if rest > 1 else 0.0
    )
    half = normal_quantile(0.5 + confidence / 2.0) * math.sqrt(variance)
    value = min(1.0, max(0.0, value))
    return Calibrated(value, (max(0.0, value - half), min(1.0, value + half)), weight, "ppi_cross_fit")


def _weight(labels: Floats, judged: Floats, judged_rest: Floats) -> float:
    spread = float(np.concatenate([judged, judged_rest]).var())
    if spread == 0.0:
        return 0.0
    covariance = float(((labels - labels.mean()) * (judged - judged.mean())).mean())
    return min(1.0, max(0.0, covariance / ((1.0 + len(labels) / len(judged_rest)) * spread)))


def _labels_only(labels: Floats, seed: int, confidence: float) -> Calibrated:
    mean, n = float(labels.mean()), len(labels)
    if bool(np.isin(labels, (0.0, 1.0)).all()):
        return Calibrated(mean, wilson(float(labels.sum()), n, confidence), 0.0, "labels_only_wilson")
    if not varies(labels):
        return Calibrated(mean, no_variation_bound(mean, n, 0.0, 1.0, confidence), 0.0, "labels_only_wilson_bound")
    return Calibrated(mean, bca_interval(labels, seed, confidence), 0.0, "labels_only_bootstrap_bca")
