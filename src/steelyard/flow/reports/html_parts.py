"""The sections of the HTML report, each a pure function of one panel."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, cast

from steelyard.flow.reports.charts import Mark, dots_chart, forest_chart, latency_chart, object_style
from steelyard.flow.reports.numbers import (
    NOTHING,
    cost_text,
    interval_text,
    milliseconds_text,
    p_text,
    points_text,
    sentence,
    share_text,
    value_text,
)
from steelyard.flow.reports.panels import Panel, is_shown, metric_of, standing
from steelyard.flow.reports.words import Lang, category_name, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.metric import Metric, PairedDifference
    from steelyard.domain.report import UnitReport


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, css: str = "") -> str:
    """Returns a table of ready HTML cells; the first of each row is its heading."""
    cells = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table class="{css}"><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _object(panel: Panel, unit: UnitReport, lang: Lang) -> str:
    style = object_style(panel.units.index(unit)).replace("f", "d")
    tags = [code for code in ("floor_baseline", "uses_references") if code in unit.notes]
    shown = "".join(
        f'<span class="tag" title="{escape(word("note", code, lang))}">{label("tag_" + code, lang)}</span>'
        for code in tags[:1]
    )
    return f'<span class="dot {style}" aria-hidden="true"></span><span title="{escape(unit.label)}">{escape(unit.label)}</span>{shown}'


def at_a_glance(panel: Panel, lang: Lang) -> str:
    """Objects by metrics with intervals, and a dot-and-interval chart a metric."""
    marks = {signature: standing(panel, signature) for signature, _ in panel.columns}
    head = [
        label("object", lang),
        *(escape(metric_name(name, lang)) for _, name in panel.columns),
        label("n", lang),
        label("coverage", lang),
    ]
    lines: list[str] = []
    for unit in panel.units:
        cells = "".join(
            _glance_cell(metric_of(unit.metrics, signature), unit.label, marks[signature])
            for signature, _ in panel.columns
        )
        counts = [metric.n for metric in unit.metrics] or [0]
        n = f"{counts[0]:,}" if min(counts) == max(counts) else f"{min(counts):,}–{max(counts):,}"
        coverage = share_text(min(metric.coverage for metric in unit.metrics)) if unit.metrics else NOTHING
        lines.append(
            f'<tr><th scope="row">{_object(panel, unit, lang)}</th>{cells}<td>{n}</td><td>{coverage}</td></tr>'
        )
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    table = f'<div class="scroll"><table class="glance"><thead><tr>{columns}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    charts = "".join(_dots(panel, signature, name, lang) for signature, name in panel.columns)
    return (
        f'<h3>{label("at_a_glance", lang)}</h3><p class="hint">{label("legend_best", lang)}</p>{table}'
        f'<h3>{label("metrics", lang)}</h3><p class="hint">{label("legend_interval", lang)}</p><div class="grid">{charts}</div>'
    )


def _glance_cell(metric: Metric | None, name: str, mark: tuple[str | None, set[str]]) -> str:
    css = "best" if name == mark[0] else ""
    alike = " alike" if name in mark[1] else ""
    return f'<td class="{css}"><span class="v{alike}">{value_text(metric)}</span><span class="i">{interval_text(metric)}</span></td>'


def _dots(panel: Panel, signature: str, name: str, lang: Lang) -> str:
    best = standing(panel, signature)[0]
    marks: list[Mark] = []
    rows: list[list[str]] = []
    for index, unit in enumerate(panel.units):
        metric = metric_of(unit.metrics, signature)
        if metric is None or metric.value is None:
            continue
        low, high = metric.interval if metric.interval is not None else (metric.value, metric.value)
        marks.append(
            Mark(unit.label, metric.value, low, high, value_text(metric), object_style(index), unit.label == best)
        )
        rows.append(
            [
                escape(unit.label),
                value_text(metric),
                interval_text(metric),
                str(metric.n),
                escape(word("method", metric.interval_reason, lang)),
            ]
        )
    if not marks:
        return ""
    head = [label(key, lang) for key in ("object", "value", "interval", "n", "method")]
    title = metric_name(name, lang)
    chart = dots_chart(
        sorted(marks, key=lambda mark: -mark.value),
        f"{title}: " + ", ".join(f"{mark.label} {mark.text}" for mark in marks),
    )
    return _card(title, chart, html_table(head, rows), lang)


def _card(title: str, chart: str, table: str, lang: Lang) -> str:
    details = f"<details><summary>{label('table', lang)}</summary>{table}</details>"
    return f'<figure class="card"><h4>{escape(title)}</h4>{chart}{details}</figure>'


def comparisons_part(panel: Panel, lang: Lang) -> str:
    """Paired differences in words for the first metric, and a forest plot a metric."""
    if not panel.comparisons:
        return ""
    first = next(signature for signature, _ in panel.columns if panel.comparisons_of(signature))
    words = "".join(
        f'<li class="{"won" if is_shown(one) else "even"}">{escape(sentence(one, lang))}</li>'
        for one in panel.comparisons_of(first)
    )
    name = metric_name(dict(panel.columns)[first], lang)
    plots = "".join(_forest(panel.comparisons_of(signature), metric, lang) for signature, metric in panel.columns)
    return (
        f'<h3>{label("comparisons", lang)}</h3><p class="hint">{label("legend_forest", lang)}</p>'
        f'<h4>{escape(name)}</h4><ul class="words">{words}</ul><div class="grid">{plots}</div>'
    )


def _forest(differences: Sequence[PairedDifference], name: str, lang: Lang) -> str:
    marks: list[Mark] = []
    rows: list[list[str]] = []
    for one in differences:
        if one.difference is None:
            continue
        low, high = one.interval if one.interval is not None else (one.difference, one.difference)
        points = f"{100 * one.difference + 0.0:+.1f}"
        style = "shown" if is_shown(one) else "open"
        marks.append(Mark(f"{one.a} − {one.b}", one.difference, low, high, points, style, is_shown(one)))
        between = f"[{points_text(low)}, {points_text(high)}]" if one.interval is not None else ""
        counts = f"{one.wins}/{one.ties}/{one.losses}" if one.wins + one.ties + one.losses else NOTHING
        method = escape(word("method", one.method, lang))
        rows.append(
            [
                escape(f"{one.a} − {one.b}"),
                points,
                between,
                p_text(one.p_value, lang),
                p_text(one.p_adjusted, lang),
                counts,
                str(one.n),
                method,
            ]
        )
    if not marks:
        return ""
    games = "/".join(label(key, lang) for key in ("wins", "ties", "losses"))
    head = [
        "",
        label("points", lang),
        label("interval", lang),
        label("p_value", lang),
        label("p_adjusted", lang),
        games,
        label("n", lang),
        label("method", lang),
    ]
    title = f"{metric_name(name, lang)} · {label('points', lang)}"
    spoken = f"{title}: " + "; ".join(sentence(one, lang) for one in differences)
    return _card(title, forest_chart(marks, spoken), html_table(head, rows), lang)


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
    table = (
        f'<div class="scroll"><table class="heat"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )
    return f'<figure class="card"><h4>{escape(metric_name(name, lang))}</h4>{table}</figure>'


def _heat_cell(metric: Metric | None, low: float, high: float) -> str:
    if metric is None or metric.value is None:
        return f'<td class="none">{NOTHING}</td>'
    depth = 0.06 + 0.86 * ((metric.value - low) / (high - low) if high > low else 0.5)
    dark = ' class="dark"' if depth > 0.5 else ""
    return f'<td{dark} style="--a:{depth:.2f}" title="{interval_text(metric)}">{metric.value:.2f}<small>{metric.n:,}</small></td>'


def run_part(panel: Panel, lang: Lang) -> str:
    """Requests, tokens, cost and latency of each object."""
    keys = ["object", "total", "answered", "failed", "retried", "tokens_in", "tokens_out", "p50", "p90", "p99", "cost"]
    rows = [
        [
            _object(panel, unit, lang), f"{unit.counts.total:,}", f"{unit.counts.answered:,}", f"{unit.counts.failed:,}",
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
            [_object(panel, unit, lang), *(f"{unit.failures.get(reason, 0):,}" for reason in reasons)]
            for unit in panel.units
        ]
        parts.append(
            f"<h3>{label('failures', lang)}</h3>"
            + html_table([label("object", lang), *(escape(word("failure", one, lang)) for one in reasons)], rows)
        )
    if flags:
        rows = [
            [
                f"{_object(panel, unit, lang)} · {escape(metric_name(metric.name, lang))}",
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


def notes_part(panel: Panel, lang: Lang) -> str:
    """What a reader must know, object by object."""
    codes = list(dict.fromkeys(code for unit in panel.units for code in unit.notes))
    if not codes:
        return ""
    separator = "、" if lang == "zh" else ", "
    lines = [
        f"<li><b>{escape(separator.join(unit.label for unit in panel.units if code in unit.notes))}</b> {escape(word('note', code, lang))}</li>"
        for code in codes
    ]
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
