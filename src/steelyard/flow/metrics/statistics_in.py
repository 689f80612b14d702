"""What each statistic of `STATISTICS` takes: names, types and bounds, checked before anything is computed."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=10**8)]
Positive = Annotated[int, Meta(ge=1, le=10**8)]
Confidence = Annotated[float, Meta(ge=1e-6, le=1.0 - 1e-9)]
Number = Annotated[float, Meta(ge=-1e100, le=1e100)]
Variance = Annotated[float, Meta(ge=0.0, le=1e6)]
Unit = Annotated[float, Meta(ge=0.0, le=1.0)]
Seed = Annotated[int, Meta(ge=0, le=2**62)]
Some = Annotated[list[Number], Meta(min_length=1)]
Two = Annotated[list[Number], Meta(min_length=2)]
Group = str | int | None


class Inputs(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keyword inputs of one statistic."""


class ProportionIn(Inputs, frozen=True):
    """A proportion: `successes` of `n`."""

    successes: Count
    n: Positive
    confidence: Confidence = 0.95


class MeanIn(Inputs, frozen=True):
    """A mean of independent values."""

    values: Two
    confidence: Confidence = 0.95


class BootstrapIn(Inputs, frozen=True):
    """A mean of values that differ."""

    values: Two
    confidence: Confidence = 0.95
    seed: Seed = 0
    resamples: Annotated[int, Meta(ge=99, le=1_000_000)] = 9_999


class ClusteredIn(Inputs, frozen=True):
    """A mean of values in groups; a null group stands alone."""

    values: Two
    groups: list[Group]
    confidence: Confidence = 0.95


class DiscordantIn(Inputs, frozen=True):
    """Rows that only a, or only b, got right; or the 0/1 scores themselves."""

    only_a: Count | None = None
    only_b: Count | None = None
    a: list[Unit] | None = None
    b: list[Unit] | None = None


class PairIn(Inputs, frozen=True):
    """Scores of a and b on the same rows, in the same order."""

    a: Some
    b: Some
    groups: list[Group] | None = None
    seed: Seed = 0


class PValuesIn(Inputs, frozen=True):
    """P values of one family of tests; null where there is none."""

    p_values: list[Unit | None]


class SignIn(Inputs, frozen=True):
    """Decided comparisons."""

    wins: Count
    losses: Count
    ties: Count = 0


class GsbIn(Inputs, frozen=True):
    """Verdicts of a side-by-side comparison."""

    candidate_better: Count
    same: Count
    baseline_better: Count
    confidence: Confidence = 0.95


class TwoRatersIn(Inputs, frozen=True):
    """Ratings of two raters, item by item; items with a null are left out."""

    a: list[str | int | float | None]
    b: list[str | int | float | None]
    weights: Literal["none", "linear", "quadratic"] = "none"
    categories: list[str | int | float] | None = None
    seed: Seed = 0


class RatersIn(Inputs, frozen=True):
    """One list of ratings an item, one place a rater; null where a rating is missing."""

    items: Annotated[list[list[str | int | float | None]], Meta(min_length=1)]
    level: Literal["nominal", "ordinal", "interval"] = "nominal"
    categories: list[str | int | float] | None = None
    seed: Seed = 0


class WinsIn(Inputs, frozen=True):
    """How often row beat column; a tie is half a win for each."""

    wins: Annotated[list[list[Variance]], Meta(min_length=2)]
    labels: list[str] | None = None
    prior: Variance = 0.0


class CalibratedIn(Inputs, frozen=True):
    """Human labels of a random sample, the judge's scores of the same rows, and of the rest."""

    labels: Annotated[list[Unit], Meta(min_length=1)]
    judged: Annotated[list[Unit], Meta(min_length=1)]
    judged_rest: list[Unit]
    confidence: Confidence = 0.95
    seed: Seed = 0


class SampleSizeIn(Inputs, frozen=True):
    """What a planned comparison must be able to show."""

    difference: Annotated[float, Meta(ge=1e-6, le=1.0)]
    between_variance: Variance = 1.0 / 9.0
    within_variance_a: Variance = 0.0
    within_variance_b: Variance = 0.0
    repeats_a: Positive = 1
    repeats_b: Positive = 1
    power: Confidence = 0.8
    level: Confidence = 0.05
