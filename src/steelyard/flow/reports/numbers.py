"""How numbers are written for people: one way in every renderer."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from steelyard.flow.reports.panels import is_shown
from steelyard.flow.reports.words import Lang, word

if TYPE_CHECKING:
    from steelyard.domain.metric import Metric, PairedDifference
    from steelyard.domain.report import AbilityScore, UnitReport

NOTHING = "–"


def value_text(metric: Metric | AbilityScore | None) -> str:
    """Returns 0.823, or a dash."""
    return NOTHING if metric is None or metric.value is None else f"{metric.value:.3f}"


def interval_text(metric: Metric | AbilityScore | None) -> str:
    """Returns [0.78, 0.86], or nothing."""
    return "" if metric is None or metric.interval is None else f"[{metric.interval[0]:.2f}, {metric.interval[1]:.2f}]"


def counts_text(metric: Metric | None) -> str:
    """Returns 270 (98.2%): n and coverage, or a dash."""
    return NOTHING if metric is None else f"{metric.n:,} ({share_text(metric.coverage)})"


def slice_text(metric: Metric | None) -> str:
    """Returns 0.823 [0.78, 0.86] n=45, with the coverage where rows are missing; nothing without a metric."""
    if metric is None:
        return ""
    missing = f" ({share_text(metric.coverage)})" if metric.coverage < 1.0 else ""
    return " ".join(filter(None, [value_text(metric), interval_text(metric), f"n={metric.n}{missing}"]))


def share_text(share: float) -> str:
    """Returns 98.2%, never rounded up to 100%."""
    text = f"{100 * share:.1f}%"
    return "100%" if share >= 1.0 else ("99.9%" if text == "100.0%" else text)


def p_text(p: float | None, lang: Lang) -> str:
    """Returns p=0.008 or p<0.001."""
    if p is None:
        return word("sentence", "no_p", lang)
    return "p<0.001" if p < 0.001 else f"p={p:.3f}"


def points_text(difference: float) -> str:
    """Returns a difference of rates in points: 4.2."""
    return f"{100 * difference + 0.0:.1f}".replace("-0.0", "0.0")


def milliseconds_text(milliseconds: float | None) -> str:
    """Returns 850 ms, 1.24 s or 12.4 s."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
    return f"{milliseconds / 1000:.2f} s" if milliseconds < 9_995 else f"{milliseconds / 1000:.1f} s"


def cost_text(unit: UnitReport) -> str:
    """Returns 0.3700 CNY, or a dash; the exact amount is in the JSON."""
    if unit.cost is None:
        return NOTHING
    cost = Decimal(unit.cost)
    return f"{cost:,.2f} {unit.currency}".strip() if cost >= 10 or cost == 0 else f"{cost:.4f} {unit.currency}".strip()


def sentence(one: PairedDifference, lang: Lang) -> str:
    """Returns a paired difference in words."""
    if one.difference is None:
        return word("sentence", "nothing_shared", lang).format(a=one.a, b=one.b)
    sign = -1.0 if is_shown(one) and one.difference < 0 else 1.0
    winner, loser = (one.a, one.b) if sign > 0 else (one.b, one.a)
    key, fields = ("beats" if is_shown(one) else "no_difference"), {"low": "", "high": ""}
    if one.interval is None:
        key += "_without_interval"
    else:
        low, high = sorted((sign * one.interval[0], sign * one.interval[1]))
        fields = {"low": points_text(low), "high": points_text(high)}
    return word("sentence", key, lang).format(
        winner=winner,
        loser=loser,
        a=one.a,
        b=one.b,
        points=points_text(sign * one.difference),
        p=p_text(one.p_adjusted, lang),
        n=one.n,
        **fields,
    )
