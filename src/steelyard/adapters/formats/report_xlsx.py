"""The report as a workbook: summary, abilities, metrics, comparisons, categories, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.flow.reports.ability_table import column_name, named_abilities
from steelyard.flow.reports.numbers import sentence
from steelyard.flow.reports.spoken import cut_short, note_text
from steelyard.flow.reports.words import Lang, category_name, label, metric_name, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from steelyard.domain.metric import Metric
    from steelyard.domain.report import Report

Cell = str | float | int | None
_MOST_CHARACTERS = 32_000
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_report_xlsx(report: Report, path: Path, lang: Lang) -> None:
    """Writes the workbook, replacing a file that is there.

    Numbers are numbers, texts are texts: nothing of the report is ever taken for a formula or a link, also after
    the reader has edited the cell.
    """
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = {
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
            "text": book.add_format({"quote_prefix": True}),
            "number": book.add_format({"num_format": "0.000"}),
        }
        for name, head, rows in (
            ("summary", _SUMMARY, _summary(report, lang)),
            *([("abilities", _ABILITIES, _abilities(report, lang))] if report.abilities else []),
            ("metrics", _METRICS, _metrics(report, lang)),
            ("comparisons", _COMPARISONS, _comparisons(report, lang)),
            ("categories", _CATEGORIES, _categories(report, lang)),
            ("failures", _FAILURES, _failures(report, lang)),
        ):
            above = cut_short(report, lang) if name == "summary" else []
            _fill(book.add_worksheet(label(name, lang)), [label(key, lang) for key in head], rows, formats, above)


def _fill(
    sheet: Any, head: Sequence[str], rows: Iterable[Sequence[Cell]], formats: dict[str, Any], above: Sequence[str] = ()
) -> None:
    """Fills a sheet; the lines of `above` stand over the head of the table."""
    for line, text in enumerate(above):
        sheet.write_string(line, 0, text[:_MOST_CHARACTERS], formats["text"] if text.startswith(_RISKY) else None)
    top = len(above)
    for column, text in enumerate(head):
        sheet.write_string(top, column, text, formats["head"])
    sheet.freeze_panes(top + 1, 1)
    sheet.set_column(0, 1, 24)
    sheet.set_column(2, max(2, len(head) - 1), 14)
    last = top
    for last, cells in enumerate(rows, top + 1):
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(
                    last, column, cell[:_MOST_CHARACTERS], formats["text"] if cell.startswith(_RISKY) else None
                )
            elif isinstance(cell, float):
                sheet.write_number(last, column, cell, formats["number"])
            elif cell is not None:
                sheet.write_number(last, column, cell)
    sheet.autofilter(top, 0, last, len(head) - 1)


_SUMMARY = (
    "object", "dataset", "rows", "total", "answered", "scored", "failed", "retried", "tokens_in", "tokens_out", "tokens_reasoning",
    "tokens_cached", "p50_ms", "p90_ms", "p99_ms", "cost", "notes",
)  # fmt: skip
_METRIC = ("value", "low", "high", "n", "unscored", "coverage", "std", "method", "signature")
_METRICS = ("object", "dataset", "metric", *_METRIC)
_CATEGORIES = ("object", "dataset", "category", "metric", *_METRIC)
_COMPARISONS = (
    "metric", "dataset", "object", "baseline", "difference", "low", "high", "n", "p_value", "p_adjusted", "wins", "ties", "losses",
    "method", "in_words",
)  # fmt: skip
_ABILITIES = ("object", "ability", "value", "low", "high", "method", "datasets", "missing_datasets")
_FAILURES = ("object", "dataset", "reason", "count", "message", "of_message")


def _summary(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for unit in report.units:
        counts, tokens, latency = unit.counts, unit.tokens, unit.latency
        cost = "" if unit.cost is None else f"{unit.cost} {unit.currency}".strip()
        notes = "; ".join(note_text(unit, code, lang) for code in unit.notes)
        yield (
            unit.label, unit.dataset, unit.rows, counts.total, counts.answered, counts.scored, counts.failed, unit.retried,
            tokens.prompt_tokens, tokens.completion_tokens, tokens.reasoning_tokens, tokens.cached_tokens,
            _milliseconds(latency.p50_ms), _milliseconds(latency.p90_ms), _milliseconds(latency.p99_ms), cost, notes,
        )  # fmt: skip


def _abilities(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for one in named_abilities(report):
        low, high = one.interval if one.interval is not None else (None, None)
        yield (
            one.label, column_name((one.overall, one.ability), lang), one.value, low, high,
            word("method", one.interval_reason, lang), "; ".join(part.dataset for part in one.parts), "; ".join(one.missing),
        )  # fmt: skip


def _milliseconds(value: float | None) -> Cell:
    """Returns whole milliseconds; below ten, tenths."""
    return value if value is None else round(value, 1) if value < 10 else round(value)


def _metric(metric: Metric, lang: Lang) -> Sequence[Cell]:
    low, high = metric.interval if metric.interval is not None else (None, None)
    method = word("method", metric.interval_reason, lang)
    return (metric.value, low, high, metric.n, metric.n_unscored, metric.coverage, metric.std, method, metric.signature)


def _metrics(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for unit in report.units:
        for metric in unit.metrics:
            yield (unit.label, unit.dataset, metric_name(metric.name, lang), *_metric(metric, lang))


def _categories(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for unit in report.units:
        for one in unit.slices:
            for metric in one.metrics:
                name = metric_name(metric.name, lang)
                yield (unit.label, unit.dataset, category_name(one.value, lang), name, *_metric(metric, lang))


def _comparisons(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for one in report.comparisons:
        low, high = one.interval if one.interval is not None else (None, None)
        # A pooled metric has no score a row, so no row is won or lost.
        games: list[Cell] = [one.wins, one.ties, one.losses] if one.wins + one.ties + one.losses else [None] * 3
        yield (
            metric_name(one.metric, lang), one.dataset, one.a, one.b, one.difference, low, high, one.n, one.p_value, one.p_adjusted,
            *games, word("method", one.method, lang), sentence(one, lang),
        )  # fmt: skip


def _failures(report: Report, lang: Lang) -> Iterable[Sequence[Cell]]:
    for unit in report.units:
        for reason, count in unit.failures.items():
            said = unit.failure_messages.get(reason, [])
            name = word("failure", reason, lang)
            # The count of the reason stands once, so that the column adds up.
            yield (unit.label, unit.dataset, name, count, *((said[0].message, said[0].count) if said else (None, None)))
            for one in said[1:]:
                yield (unit.label, unit.dataset, name, None, one.message, one.count)
