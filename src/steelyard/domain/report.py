"""The report (报告): what a person reads and a script parses. Built from results alone, so that it is the same after any kill."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from steelyard.domain.metric import Metric, PairedDifference

REPORT_VERSION = 1


class Slice(Struct, frozen=True):
    """The metrics of one category of rows."""

    column: str
    value: str
    metrics: list[Metric]


class Latency(Struct, frozen=True):
    """Milliseconds over the answers that came; None without answers."""

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    mean_ms: float | None


class TokenUse(Struct, frozen=True):
    """Tokens that the endpoint reported, and how many answers said nothing of them."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    answers_without_usage: int


class Counts(Struct, frozen=True):
    """Requests of one unit: total = answered + failed + missing (not asked yet)."""

    total: int
    answered: int
    failed: int
    scored: int
    """Answers that got a score from at least one scorer; each metric says its own n and coverage."""


class FailureMessage(Struct, frozen=True):
    """What several failures of one reason said alike."""

    message: str
    """One line of at most 200 characters."""
    count: int


class UnitReport(Struct, frozen=True):
    """One object on one data set."""

    label: str
    dataset: str
    dataset_version_id: str
    rows: int
    counts: Counts
    metrics: list[Metric]
    slices: list[Slice]
    failures: dict[str, int]
    """FailureReason -> count, failed requests only."""
    tokens: TokenUse
    latency: Latency
    retried: int
    """Answers and failures that took more than one attempt."""
    cost: str | None
    """Decimal string in `currency`, from the prices of the endpoint; None when no price is known."""
    currency: str
    notes: list[str]
    """Codes of things a reader must know: floor_baseline, uses_references, low_coverage, sampled ..."""
    examples: list[dict[str, Any]] = []
    """A few of the lowest-scored rows: row_id, prompt, answer, reference, scores."""
    failure_messages: dict[str, list[FailureMessage]] = {}
    """FailureReason -> its commonest messages, at most three, most frequent first."""


class AbilityPart(Struct, frozen=True):
    """What one data set gives to an ability: the value of its first scorer's metric."""

    dataset: str
    dataset_version_id: str
    metric: str
    """Name of the metric; empty when the data set has none."""
    signature: str
    weight: float
    """As the plan gives it; only its share of the ability's sum counts."""
    value: float | None
    """0..1; None when no row of the data set has a score."""
    coverage: float


class AbilityScore(Struct, frozen=True):
    """One object's score in one ability (能力), or over all of them."""

    label: str
    ability: str
    """Empty: data sets that name none; with `overall`, all abilities."""
    value: float | None
    """0..1; None while a data set has no value: what is missing is never counted as 0."""
    interval: tuple[float, float] | None
    """95 %, in the unit of `value`."""
    interval_reason: str
    """mover (several data sets) or the data set's own method; incomplete, part_without_interval: why there is none."""
    parts: list[AbilityPart]
    """The data sets, in the plan's order; for the overall score those of all abilities."""
    missing: list[str]
    """Data sets without a value, by name."""
    overall: bool = False
    """The mean of the object's abilities, each counting the same."""


class Report(Struct, frozen=True):
    """A whole evaluation."""

    version: int
    evaluation_id: str
    name: str
    state: str
    created_at: str
    finished_at: str
    seed: int
    rows_dropped: int
    """Bad rows left out because the plan says `on_bad_rows: drop`."""
    units: list[UnitReport]
    comparisons: list[PairedDifference]
    steelyard: str
    """Version of the program that built it."""
    plan_hash: str = ""
    abilities: list[AbilityScore] = []
    """By object, abilities first, then the overall score; empty unless an object has several data sets or an ability."""
    error: str = ""
    """Why the evaluation failed, in one line; empty when it did not."""
    stop_reason: str = ""
    """user, budget, decided; empty unless stopped."""
    repeats: int = 1
    """How many times each row was asked."""
