"""The further sections of the HTML report: where, how it ran, what to beware of."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, cast

from steelyard.flow.reports.charts import latency_chart, object_style
from steelyard.flow.reports.html_cells import html_table, object_cell
from steelyard.flow.reports.numbers import NOTHING, cost_text, interval_text, milliseconds_text
from steelyard.flow.reports.panels import Panel, metric_of
from steelyard.flow.reports.spoken import note_text
from steelyard.flow.reports.words import Lang, category_name, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.metric import Metric


def categories_part(panel: Panel, lang: Lang) -> str:
    """A heat map a metric: categories by objects."""
    values = panel.categories()
    maps = [_heat(panel, signature, name, values, lang) for signature, name in panel.columns if values]
    if not any(maps):
        return ""
    return f'<h3>{label("categories", lang)}</h3><p class="hint">{label("legend_heat", lang)}</p><div class="grid">{"".join(maps)}</div>'


def _heat(panel: Panel, signature: str, name: str, values: Sequence[str], lang: Lang) -> str:
    found = [
        [
            metric_of(next((one.metrics for one in unit.slices if one.value == value), []), signature)
            for unit in panel.units
        ]
        for value in values
    ]
    known = [metric.value for row in found for metric in row if metric is not None and metric.value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    lines = "".join(
        f'<tr><th scope="row" title="{escape(category_name(value, lang))}">{escape(category_name(value, lang))}</th>'
        + "".join(_heat_cell(metric, low, high) for metric in row)
        + "</tr>"
        for value, row in zip(values, found, strict=True)
    )
    columns = "".join(f'<th scope="col" title="{escape(unit.label)}">{escape(unit.label)}</th>' for unit in panel.units)
    head = f'<th scope="col">{label("category", lang)}</th>{columns}'
    table = f'<div class="scroll" tabindex="0"><table class="heat"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    return f'<figure class="card"><h4>{escape(metric_name(name, lang))}</h4>{table}</figure>'


def _heat_cell(metric: Metric | None, low: float, high: float) -> str:
    if metric is None or metric.value is None:
        return f'<td class="none">{NOTHING}</td>'
    # Never so deep that the ink on it would be hard to read.
    depth = 0.05 + 0.55 * ((metric.value - low) / (high - low) if high > low else 0.5)
    value = f"{metric.value:.2f}<small>{metric.n:,}</small>"
    return f'<td style="--a:{depth:.2f}" title="{interval_text(metric)}">{value}</td>'


def run_part(panel: Panel, lang: Lang) -> str:
    """Requests, tokens, cost and latency of each object."""
    keys = ["object", "total", "answered", "failed", "retried", "tokens_in", "tokens_out", "p50", "p90", "p99", "cost"]
    rows = [
        [
            object_cell(panel, unit, lang), f"{unit.counts.total:,}", f"{unit.counts.answered:,}", f"{unit.counts.failed:,}",
            f"{unit.retried:,}", f"{unit.tokens.prompt_tokens:,}", f"{unit.tokens.completion_tokens:,}",
            milliseconds_text(unit.latency.p50_ms), milliseconds_text(unit.latency.p90_ms), milliseconds_text(unit.latency.p99_ms),
            escape(cost_text(unit)),
        ]
        for unit in panel.units
    ]  # fmt: skip
    marks = [
        (
            unit.label,
            unit.latency.p50_ms,
            unit.latency.p90_ms,
            unit.latency.p99_ms,
            milliseconds_text(unit.latency.p50_ms),
            object_style(index),
        )
        for index, unit in enumerate(panel.units)
        if unit.latency.p50_ms is not None and unit.latency.p90_ms is not None and unit.latency.p99_ms is not None
    ]
    chart = ""
    if marks:
        spoken = f"{label('latency', lang)}: " + ", ".join(f"{mark[0]} {mark[4]}" for mark in marks)
        chart = f'<figure class="card"><h4>{label("latency", lang)}</h4><p class="hint">{label("legend_latency", lang)}</p>{latency_chart(marks, spoken)}</figure>'
    return f'<h3>{label("run", lang)}</h3>{html_table([label(key, lang) for key in keys], rows)}<div class="grid" style="margin-top:18px">{chart}</div>'


def failures_part(panel: Panel, lang: Lang) -> str:
    """Failed requests by reason and flagged answers, when there are any."""
    reasons = list(dict.fromkeys(reason for unit in panel.units for reason in unit.failures))
    flags = list(dict.fromkeys(flag for unit in panel.units for metric in unit.metrics for flag in metric.n_flagged))
    parts: list[str] = []
    if reasons:
        rows = [
            [object_cell(panel, unit, lang), *(f"{unit.failures.get(reason, 0):,}" for reason in reasons)]
            for unit in panel.units
        ]
        parts.append(
            f"<h3>{label('failures', lang)}</h3>"
            + html_table([label("object", lang), *(escape(word("failure", one, lang)) for one in reasons)], rows)
            + _messages(panel, lang)
        )
    if flags:
        rows = [
            [
                f"{object_cell(panel, unit, lang)} · {escape(metric_name(metric.name, lang))}",
                *(f"{metric.n_flagged.get(flag, 0):,}" for flag in flags),
            ]
            for unit in panel.units
            for metric in unit.metrics
            if metric.n_flagged
        ]
        parts.append(
            f"<h3>{label('flags', lang)}</h3>"
            + html_table([label("object", lang), *(escape(word("flag", one, lang)) for one in flags)], rows)
        )
    return "".join(parts)


def _messages(panel: Panel, lang: Lang) -> str:
    said = "".join(
        f"<li>{escape(unit.label)} · {escape(word('failure', reason, lang))} · {one.count:,} × <code>{escape(one.message)}</code></li>"
        for unit in panel.units
        for reason, messages in unit.failure_messages.items()
        for one in messages
    )
    return f'<ul class="words">{said}</ul>' if said else ""


def notes_part(panel: Panel, lang: Lang) -> str:
    """What a reader must know, object by object."""
    texts: dict[str, list[str]] = {}
    for code in dict.fromkeys(code for unit in panel.units for code in unit.notes):
        for unit in panel.units:
            if code in unit.notes:
                texts.setdefault(note_text(unit, code, lang), []).append(unit.label)
    if not texts:
        return ""
    separator = "、" if lang == "zh" else ", "
    lines = [f"<li><b>{escape(separator.join(labels))}</b> {escape(text)}</li>" for text, labels in texts.items()]
    return f'<ul class="notes" aria-label="{label("notes", lang)}">{"".join(lines)}</ul>'


def examples_part(panel: Panel, lang: Lang) -> str:
    """A few of the lowest-scored rows of each object."""
    parts: list[str] = []
    for unit in panel.units:
        if unit.examples:
            shown = "".join(_example(one, lang) for one in unit.examples)
            parts.append(f"<details><summary>{escape(unit.label)}</summary>{shown}</details>")
    return f"<h3>{label('examples', lang)}</h3>{''.join(parts)}" if parts else ""


def _example(example: dict[str, Any], lang: Lang) -> str:
    scores = cast("dict[str, Any]", example.get("scores") or {})
    written = ", ".join(
        f"{metric_name(name, lang)} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in scores.items()
    )
    cells = "".join(
        f"<p{css}><span>{label(key, lang)}</span>{escape(str(example.get(key) or NOTHING))}</p>"
        for key, css in (("prompt", ' class="q"'), ("answer", ""), ("reference", ""))
    )
    return f'<div class="example">{cells}<p class="q"><span>{escape(str(example.get("row_id", "")))}</span>{escape(written)}</p></div>'


def recipes_part(panel: Panel, lang: Lang) -> str:
    """The signature of each metric: only equal ones may be compared."""
    rows = [[escape(metric_name(name, lang)), f"<code>{escape(signature)}</code>"] for signature, name in panel.columns]
    table = html_table([label("metric", lang), label("signature", lang)], rows).replace("<td>", '<td class="wrap">')
    return f"<h3>{label('recipes', lang)}</h3>{table}"
