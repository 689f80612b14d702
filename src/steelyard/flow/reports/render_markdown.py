"""The report for a merge request or a wiki page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.flow.reports.ability_table import ability_gaps, ability_recipes, ability_table
from steelyard.flow.reports.numbers import (
    cost_text,
    counts_text,
    interval_text,
    milliseconds_text,
    sentence,
    share_text,
    slice_text,
    value_text,
)
from steelyard.flow.reports.panels import Panel, metric_of, panels, same_counts, standing
from steelyard.flow.reports.plain import one_line
from steelyard.flow.reports.spoken import cut_short, failures_command, note_text, requests_explained
from steelyard.flow.reports.words import Lang, category_name, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.report import Report

_ESCAPED = str.maketrans(
    {character: "\\" + character for character in "\\`*_[]|~#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)


def render_markdown(report: Report, lang: Lang) -> str:
    """Returns GitHub-flavoured Markdown; names are escaped."""
    lines = [f"# {_escaped(report.name) or report.evaluation_id}", ""]
    lines += [
        f"{label('evaluation', lang)} `{report.evaluation_id}` · {word('state', report.state, lang)} · {report.finished_at}"
    ]
    for said in cut_short(report, lang):
        lines += ["", f"> {_escaped(said)}"]
    if report.rows_dropped:
        lines += ["", f"{label('rows_dropped', lang)}: {report.rows_dropped}"]
    if report.abilities:
        lines += ["", *_abilities(report, lang)]
    shown = panels(report)
    for panel in shown:
        lines += ["", *_panel(panel, report, lang)]
    recipes = {signature: name for panel in shown for signature, name in panel.columns}
    if recipes:
        lines += ["", f"## {label('recipes', lang)}", ""]
        lines += [f"- {_escaped(metric_name(name, lang))}: {_escaped(text)}" for text, name in recipes.items()]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return one_line(text).translate(_ESCAPED)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    rule = ["---" if index < left else "---:" for index in range(len(head))]
    return ["| " + " | ".join(cells) + " |" for cells in [head, rule, *rows]]


def _abilities(report: Report, lang: Lang) -> list[str]:
    head, rows = ability_table(report, lang)
    table = _table([_escaped(cell) for cell in head], [[_escaped(name), *cells] for name, *cells in rows])
    said = [*ability_recipes(report, lang), *ability_gaps(report, lang)]
    items = [f"- {_escaped(text)}" for text in said]
    return [f"## {label('abilities', lang)}", "", *table, "", *items, "", label("legend_abilities", lang)]


def _panel(panel: Panel, report: Report, lang: Lang) -> list[str]:
    lines = [f"## {_escaped(panel.title) or label('summary', lang)}", "", *_metrics(panel, lang)]
    lines += ["", f"### {label('run', lang)}", "", *_run(panel, lang)]
    for said in requests_explained(panel.units, report.repeats, lang):
        lines += ["", said]
    if panel.comparisons:
        lines += ["", f"### {label('comparisons', lang)}"]
    for signature, name in panel.columns:
        of_metric = panel.comparisons_of(signature)
        if of_metric:
            lines += [
                "",
                f"**{_escaped(metric_name(name, lang))}**",
                "",
                *(f"- {_escaped(sentence(one, lang))}" for one in of_metric),
            ]
    lines += _categories(panel, lang)
    lines += _failures(panel, report, lang)
    notes = [
        f"- {_escaped(unit.label)}: {_escaped(note_text(unit, code, lang))}"
        for unit in panel.units
        for code in unit.notes
    ]
    if notes:
        lines += ["", f"### {label('notes', lang)}", "", *notes]
    return lines


def _metrics(panel: Panel, lang: Lang) -> list[str]:
    head = [
        label("object", lang),
        *(_escaped(metric_name(name, lang)) for _, name in panel.columns),
        *([label("n", lang), label("coverage", lang)] if same_counts(panel) else []),
    ]
    rows: list[list[str]] = []
    for unit in panel.units:
        cells: list[str] = []
        for signature, _ in panel.columns:
            metric = metric_of(unit.metrics, signature)
            best, alike = standing(panel, signature)
            value = f"**{value_text(metric)}**" if unit.label == best else value_text(metric)
            cells.append(" ".join(filter(None, [value, interval_text(metric), "≈" if unit.label in alike else ""])))
        first = unit.metrics[0] if unit.metrics else None
        counts = ["", ""] if first is None else [f"{first.n:,}", share_text(first.coverage)]
        rows.append([_escaped(unit.label), *cells, *(counts if same_counts(panel) else [])])
    return [*_table(head, rows), *_counts(panel, lang), "", label("legend_best", lang)]


def _counts(panel: Panel, lang: Lang) -> list[str]:
    if same_counts(panel):
        return []
    head = [label("n_coverage", lang), *(_escaped(metric_name(name, lang)) for _, name in panel.columns)]
    rows = [
        [_escaped(unit.label), *(counts_text(metric_of(unit.metrics, signature)) for signature, _ in panel.columns)]
        for unit in panel.units
    ]
    return ["", *_table(head, rows)]


def _failures(panel: Panel, report: Report, lang: Lang) -> list[str]:
    lines: list[str] = []
    for unit in panel.units:
        for reason, count in unit.failures.items():
            lines.append(f"- {_escaped(unit.label)}: {_escaped(word('failure', reason, lang))} × {count:,}")
            lines += [f"  - {one.count:,} × {_escaped(one.message)}" for one in unit.failure_messages.get(reason, [])]
    if not lines:
        return []
    command = f"{label('list_failures', lang)}: `{failures_command(report)}`"
    return ["", f"### {label('failures', lang)}", "", *lines, "", command]


def _run(panel: Panel, lang: Lang) -> list[str]:
    keys = ["object", "rows", "total", "answered", "failed", "retried", "tokens_in", "tokens_out", "p50", "p90", "cost"]
    rows = [
        [
            _escaped(unit.label),
            str(unit.rows),
            str(unit.counts.total),
            str(unit.counts.answered),
            str(unit.counts.failed),
            str(unit.retried),
            f"{unit.tokens.prompt_tokens:,}",
            f"{unit.tokens.completion_tokens:,}",
            milliseconds_text(unit.latency.p50_ms),
            milliseconds_text(unit.latency.p90_ms),
            _escaped(cost_text(unit)),
        ]
        for unit in panel.units
    ]
    return _table([label(key, lang) for key in keys], rows)


def _categories(panel: Panel, lang: Lang) -> list[str]:
    lines: list[str] = []
    sliced = {metric.signature for unit in panel.units for one in unit.slices for metric in one.metrics}
    for signature, name in panel.columns:
        if signature not in sliced:
            continue
        head = [
            _escaped(f"{label('category', lang)} · {metric_name(name, lang)}"),
            *(_escaped(unit.label) for unit in panel.units),
        ]
        rows: list[list[str]] = []
        for value in panel.categories():
            found = [next((one.metrics for one in unit.slices if one.value == value), []) for unit in panel.units]
            metrics = [metric_of(one, signature) for one in found]
            cells = [slice_text(metric) for metric in metrics]
            rows.append([_escaped(category_name(value, lang)), *cells])
        lines += ["", f"### {label('categories', lang)}: {_escaped(metric_name(name, lang))}", "", *_table(head, rows)]
    return lines
