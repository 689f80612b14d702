"""The report for a terminal of 80 to 120 columns."""

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
from steelyard.flow.reports.plain import chunks, one_line, shortened, table_text
from steelyard.flow.reports.spoken import cut_short, failures_command, note_text, requests_explained
from steelyard.flow.reports.words import Lang, category_name, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.report import Report, UnitReport
    from steelyard.flow.reports.compare import Comparison

WIDTH = 100
_LABEL = 28


def render_text(report: Report, lang: Lang) -> str:
    """Returns the report as plain text, at most 100 columns wide except for long sentences."""
    lines = [
        f"{one_line(report.name) or report.evaluation_id}  ·  {report.evaluation_id}  ·  {word('state', report.state, lang)}"
    ]
    lines += [f"! {one_line(said)}" for said in cut_short(report, lang)]
    if report.rows_dropped:
        lines.append(f"{label('rows_dropped', lang)}: {report.rows_dropped}")
    if report.abilities:
        lines += ["", *_abilities(report, lang)]
    shown = panels(report)
    for panel in shown:
        lines += ["", *_panel(panel, report, lang)]
    lines += ["", *_recipes(shown, lang)]
    return "\n".join(lines) + "\n"


def render_comparison_text(comparison: Comparison, lang: Lang) -> str:
    """Returns the comparison of several evaluations as plain text."""
    names = "  ·  ".join(f"{one_line(name)} ({key})" for key, name in comparison.evaluations.items())
    lines = [f"{label('comparison', lang)}: {names}", ""]
    for metric in dict.fromkeys(one.metric for one in comparison.differences):
        lines.append(metric_name(metric, lang))
        lines += [f"  {one_line(sentence(one, lang))}" for one in comparison.differences if one.metric == metric]
    if comparison.not_comparable:
        lines += ["", label("not_comparable", lang)]
    for one in comparison.not_comparable:
        between = one_line(f"{one.a} / {one.b}" if one.b else one.a)
        what = f"{metric_name(one.metric, lang)}: " if one.metric else ""
        lines.append(f"  {what}{between}: {word('reason', one.reason, lang)}")
        if one.reason == "different_signature":
            lines += [f"      {one.signature_a}", f"      {one.signature_b}"]
    lines += [f"! {word('note', code, lang)}" for code in comparison.notes]
    return "\n".join(lines) + "\n"


def _name(unit: UnitReport) -> str:
    return shortened(one_line(unit.label), _LABEL)


def _abilities(report: Report, lang: Lang) -> list[str]:
    head, rows = ability_table(report, lang)
    head = [shortened(one_line(cell), _LABEL) for cell in head]
    rows = [[shortened(one_line(name), _LABEL), *cells] for name, *cells in rows]
    return [
        label("abilities", lang),
        *_wrapped((head, rows)),
        *(f"  {one_line(text)}" for text in ability_recipes(report, lang)),
        *(f"! {one_line(text)}" for text in ability_gaps(report, lang)),
        label("legend_abilities", lang),
    ]


def _panel(panel: Panel, report: Report, lang: Lang) -> list[str]:
    lines = [f"{label('dataset', lang)}: {one_line(panel.title)}"] if panel.title else []
    lines += _wrapped(_metric_table(panel, lang))
    if not same_counts(panel):
        lines += ["", *_wrapped(_counts_table(panel, lang))]
    lines += ["", *_wrapped(_run_table(panel, lang)), *requests_explained(panel.units, report.repeats, lang)]
    failures = _failures(panel, report, lang)
    for part in (_differences(panel, lang), _categories(panel, lang), failures, _notes(panel, lang)):
        if part:
            lines += ["", *part]
    return lines


def _wrapped(table: tuple[list[str], list[list[str]]]) -> list[str]:
    head, rows = table
    lines: list[str] = []
    for group in chunks(head, rows, WIDTH):
        lines += [""] if lines else []
        lines += table_text([head[i] for i in group], [[row[i] for i in group] for row in rows])
    return lines


def _metric_table(panel: Panel, lang: Lang) -> tuple[list[str], list[list[str]]]:
    head = [
        label("object", lang),
        *(metric_name(name, lang) for _, name in panel.columns),
        *([label("n", lang), label("coverage", lang)] if same_counts(panel) else []),
    ]
    rows: list[list[str]] = []
    marks = {signature: standing(panel, signature) for signature, _ in panel.columns}
    for unit in panel.units:
        cells: list[str] = []
        for signature, _ in panel.columns:
            metric = metric_of(unit.metrics, signature)
            best, alike = marks[signature]
            mark = "*" if unit.label == best else ("≈" if unit.label in alike else " ")
            cells.append(f"{value_text(metric)} {interval_text(metric)}".rstrip() + mark)
        first = unit.metrics[0] if unit.metrics else None
        counts = ["", ""] if first is None else [str(first.n), share_text(first.coverage)]
        rows.append([_name(unit), *cells, *(counts if same_counts(panel) else [])])
    return head, rows


def _counts_table(panel: Panel, lang: Lang) -> tuple[list[str], list[list[str]]]:
    head = [label("n_coverage", lang), *(metric_name(name, lang) for _, name in panel.columns)]
    rows = [
        [_name(unit), *(counts_text(metric_of(unit.metrics, signature)) for signature, _ in panel.columns)]
        for unit in panel.units
    ]
    return head, rows


def _run_table(panel: Panel, lang: Lang) -> tuple[list[str], list[list[str]]]:
    keys = ["object", "total", "failed", "retried", "tokens_in", "tokens_out", "p50", "p90", "cost"]
    rows = [
        [
            _name(unit),
            str(unit.counts.total),
            str(unit.counts.failed),
            str(unit.retried),
            f"{unit.tokens.prompt_tokens:,}",
            f"{unit.tokens.completion_tokens:,}",
            milliseconds_text(unit.latency.p50_ms),
            milliseconds_text(unit.latency.p90_ms),
            cost_text(unit),
        ]
        for unit in panel.units
    ]
    return [label(key, lang) for key in keys], rows


def _differences(panel: Panel, lang: Lang) -> list[str]:
    if not panel.comparisons:
        return []
    lines = [label("comparisons", lang)]
    for signature, name in panel.columns:
        of_metric = panel.comparisons_of(signature)
        if of_metric:
            lines += [f"  {metric_name(name, lang)}", *(f"    {one_line(sentence(one, lang))}" for one in of_metric)]
    return lines


def _categories(panel: Panel, lang: Lang) -> list[str]:
    lines: list[str] = []
    values = panel.categories()
    for signature, name in panel.columns if values else []:
        head = [f"{label('category', lang)} · {metric_name(name, lang)}"]
        head += [shortened(_name(unit), 18) for unit in panel.units]
        rows = [_category_row(panel, signature, value, lang) for value in values]
        if any(cell for row in rows for cell in row[1:]):
            lines += [*([""] if lines else []), *_wrapped((head, rows))]
    return lines


def _category_row(panel: Panel, signature: str, value: str, lang: Lang) -> list[str]:
    cells = [shortened(one_line(category_name(value, lang)), _LABEL)]
    for unit in panel.units:
        metrics = next((one.metrics for one in unit.slices if one.value == value), [])
        cells.append(slice_text(metric_of(metrics, signature)))
    return cells


def _failures(panel: Panel, report: Report, lang: Lang) -> list[str]:
    found: list[str] = []
    for unit in panel.units:
        if unit.failures:
            reasons: Sequence[str] = [
                f"{word('failure', reason, lang)} × {count}" for reason, count in unit.failures.items()
            ]
            found.append(f"  {_name(unit)}: " + ", ".join(reasons))
            found += [
                f"    {one.count} × {word('failure', reason, lang)}: {one_line(one.message)}"
                for reason, messages in unit.failure_messages.items()
                for one in messages
            ]
    if not found:
        return []
    return [label("failures", lang), *found, f"  {label('list_failures', lang)}: {failures_command(report)}"]


def _recipes(shown: Sequence[Panel], lang: Lang) -> list[str]:
    """The signature of each metric: only equal ones may be compared."""
    recipes = {signature: name for panel in shown for signature, name in panel.columns}
    lines = [f"  {one_line(metric_name(name, lang))}: {one_line(text)}" for text, name in recipes.items()]
    return [label("recipes", lang), *lines] if lines else []


def _notes(panel: Panel, lang: Lang) -> list[str]:
    lines = [f"! {_name(unit)}: {one_line(note_text(unit, code, lang))}" for unit in panel.units for code in unit.notes]
    if any(standing(panel, signature)[0] for signature, _ in panel.columns):
        lines.append(label("legend_marks", lang))
    return lines
