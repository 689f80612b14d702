"""The first sections of the HTML report: how good, and is one better than another."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from steelyard.flow.reports.charts import Mark, dots_chart, forest_chart, object_style, pair_label
from steelyard.flow.reports.html_cells import html_table, object_cell
from steelyard.flow.reports.numbers import (
    NOTHING,
    counts_text,
    interval_text,
    p_text,
    points_text,
    sentence,
    share_text,
    value_text,
)
from steelyard.flow.reports.panels import Panel, is_shown, metric_of, same_counts, standing
from steelyard.flow.reports.words import Lang, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.metric import Metric, PairedDifference


def at_a_glance(panel: Panel, lang: Lang) -> str:
    """Objects by metrics with intervals, and a dot-and-interval chart a metric."""
    marks = {signature: standing(panel, signature) for signature, _ in panel.columns}
    head = [
        label("object", lang),
        *(escape(metric_name(name, lang)) for _, name in panel.columns),
        *([label("n", lang), label("coverage", lang)] if same_counts(panel) else []),
    ]
    lines: list[str] = []
    for unit in panel.units:
        cells = "".join(
            _glance_cell(
                metric_of(unit.metrics, signature), unit.label, marks[signature], counts=not same_counts(panel)
            )
            for signature, _ in panel.columns
        )
        if same_counts(panel):
            first = unit.metrics[0] if unit.metrics else None
            n, coverage = (NOTHING, NOTHING) if first is None else (f"{first.n:,}", share_text(first.coverage))
            cells += f"<td>{n}</td><td>{coverage}</td>"
        lines.append(f'<tr><th scope="row">{object_cell(panel, unit, lang)}</th>{cells}</tr>')
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    table = f'<div class="scroll" tabindex="0"><table class="glance"><thead><tr>{columns}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    charts = "".join(_dots(panel, signature, name, lang) for signature, name in panel.columns)
    return (
        f'<h3>{label("at_a_glance", lang)}</h3><p class="hint">{label("legend_best", lang)}</p>{table}'
        f'<h3>{label("metrics", lang)}</h3><p class="hint">{label("legend_interval", lang)}</p><div class="grid">{charts}</div>'
    )


def _glance_cell(metric: Metric | None, name: str, mark: tuple[str | None, set[str]], *, counts: bool) -> str:
    css = "best" if name == mark[0] else ""
    alike = " alike" if name in mark[1] else ""
    missing = f'<span class="i">n {counts_text(metric)}</span>' if counts and metric is not None else ""
    return f'<td class="{css}"><span class="v{alike}">{value_text(metric)}</span><span class="i">{interval_text(metric)}</span>{missing}</td>'


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
    """A forest plot a metric, and every paired difference in words."""
    if not panel.comparisons:
        return ""
    floors = {unit.label for unit in panel.units if "floor_baseline" in unit.notes}
    words = "".join(_in_words(panel.comparisons_of(signature), floors, name, lang) for signature, name in panel.columns)
    plots = "".join(
        _forest(panel.comparisons_of(signature), floors, metric, lang) for signature, metric in panel.columns
    )
    hidden = any(
        len(_drawn(known, floors)) < len(known)
        for known in (_known(panel.comparisons_of(signature)) for signature, _ in panel.columns)
    )
    hint = label("legend_forest", lang) + (" " + label("legend_floor", lang) if hidden else "")
    return f'<h3>{label("comparisons", lang)}</h3><p class="hint">{hint}</p><div class="grid">{plots}</div>{words}'


def _in_words(differences: Sequence[PairedDifference], floors: set[str], name: str, lang: Lang) -> str:
    said = "".join(
        f'<li class="{"won" if is_shown(one) else "even"}">{escape(sentence(one, lang))}</li>'
        for one in sorted(differences, key=lambda one: bool({one.a, one.b} & floors))
    )
    title = escape(metric_name(name, lang))
    return f'<h4 class="said">{title}</h4><ul class="words">{said}</ul>' if said else ""


def _known(differences: Sequence[PairedDifference]) -> list[PairedDifference]:
    return [one for one in differences if one.difference is not None]


def _drawn(known: list[PairedDifference], floors: set[str]) -> list[PairedDifference]:
    # A floor lies so far below that it would squeeze every other difference into one dot.
    return [one for one in known if not {one.a, one.b} & floors] or known


def _forest(differences: Sequence[PairedDifference], floors: set[str], name: str, lang: Lang) -> str:
    known = _known(differences)
    if not known:
        return ""
    drawn = _drawn(known, floors)
    title = f"{metric_name(name, lang)} · {label('points', lang)}"
    spoken = f"{title}: " + "; ".join(sentence(one, lang) for one in drawn)
    return _card(title, forest_chart([_forest_mark(one) for one in drawn], spoken), _forest_table(known, lang), lang)


def _forest_mark(one: PairedDifference) -> Mark:
    difference = one.difference or 0.0
    low, high = one.interval if one.interval is not None else (difference, difference)
    style = "shown" if is_shown(one) else "open"
    return Mark(pair_label(one.a, one.b), difference, low, high, f"{100 * difference + 0.0:+.1f}", style, is_shown(one))


def _forest_table(differences: Sequence[PairedDifference], lang: Lang) -> str:
    games = "/".join(label(key, lang) for key in ("wins", "ties", "losses"))
    words = [label(key, lang) for key in ("points", "interval", "p_value", "p_adjusted")]
    rows = [
        [
            escape(f"{one.a} − {one.b}"),
            f"{100 * (one.difference or 0.0) + 0.0:+.1f}",
            "" if one.interval is None else f"[{points_text(one.interval[0])}, {points_text(one.interval[1])}]",
            p_text(one.p_value, lang),
            p_text(one.p_adjusted, lang),
            f"{one.wins}/{one.ties}/{one.losses}" if one.wins + one.ties + one.losses else NOTHING,
            str(one.n),
            escape(word("method", one.method, lang)),
        ]
        for one in differences
    ]
    return html_table(["", *words, games, label("n", lang), label("method", lang)], rows)
