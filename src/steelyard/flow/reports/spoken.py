"""What a report says in sentences, besides its numbers: the same in every renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.flow.reports.notes import FEW_ROWS, LOW_COVERAGE
from steelyard.flow.reports.words import Lang, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.report import Report, UnitReport


def unasked(unit: UnitReport) -> int:
    """Returns how many requests of the unit have neither an answer nor a failure."""
    return max(0, unit.counts.total - unit.counts.answered - unit.counts.failed)


def cut_short(report: Report, lang: Lang) -> list[str]:
    """Returns why the evaluation ended early and how much was not asked; nothing of one that came to its end."""
    lines = [report.error] if report.error else []
    if report.stop_reason:
        reason = word("stop_reason", report.stop_reason, lang)
        lines.append(word("sentence", "stopped_by", lang).format(reason=reason))
    missing, total = sum(map(unasked, report.units)), sum(unit.counts.total for unit in report.units)
    if missing:
        lines.append(word("sentence", "unasked", lang).format(missing=f"{missing:,}", total=f"{total:,}"))
    return lines


def requests_explained(units: Sequence[UnitReport], repeats: int, lang: Lang) -> list[str]:
    """Returns why a unit has more requests than rows, each explanation once."""
    found: list[str] = []
    for unit in units:
        rows, total = unit.rows, unit.counts.total
        if total <= rows:
            continue
        parts = [word("sentence", "requests", lang).format(total=f"{total:,}", rows=f"{rows:,}")]
        if repeats > 1:
            parts.append(word("sentence", "times_repeats", lang).format(repeats=repeats))
        if total > rows * repeats:
            parts.append(word("sentence", "once_a_turn", lang))
        found.append("".join(parts))
    return list(dict.fromkeys(found))


def note_text(unit: UnitReport, code: str, lang: Lang) -> str:
    """Returns a note of the unit in words, led by the metrics it is about where it is about some."""
    text = word("note", code, lang)
    concerned = [
        metric.name
        for metric in unit.metrics
        if (code == "low_coverage" and metric.coverage < LOW_COVERAGE) or (code == "few_rows" and metric.n < FEW_ROWS)
    ]
    names = ("、" if lang == "zh" else ", ").join(metric_name(name, lang) for name in dict.fromkeys(concerned))
    return f"{names}{'：' if lang == 'zh' else ': '}{text}" if names else text


def failures_command(report: Report) -> str:
    """Returns the command that lists the failed requests."""
    return f"steelyard samples {report.evaluation_id} --where failed=true"


def time_text(moment: str) -> str:
    """Returns a UTC time of RFC 3339 as 2024-07-18 08:12:30 UTC; an empty one as nothing."""
    return moment.replace("T", " ").removesuffix("Z") + " UTC" if moment.endswith("Z") else moment
