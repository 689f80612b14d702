"""The report as one line a metric or slice, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from steelyard.flow.reports.ability_table import named_abilities
from steelyard.flow.reports.plain import one_line
from steelyard.flow.reports.spoken import unasked

if TYPE_CHECKING:
    from steelyard.domain.metric import Metric
    from steelyard.domain.report import AbilityScore, Report
    from steelyard.flow.reports.words import Lang

HEAD = (
    "dataset", "object", "slice_column", "slice_value", "metric", "value", "low", "high", "n", "n_unscored", "coverage", "std",
    "interval_reason", "signature", "state", "error", "unasked",
)  # fmt: skip


def render_csv(report: Report, lang: Lang = "en") -> str:
    """Returns CSV with a head line; keys and codes are the same in every language.

    Abilities come last, with an empty data set and `ability` as the column they are slices of; the overall score has
    no slice value. A text that a spreadsheet would run as a formula gets an apostrophe in front.

    Every record is one line: control characters in names become spaces. A text that a spreadsheet would run as a
    formula gets an apostrophe in front. The state, the error and the unit's requests that were not asked stand on
    every line, so that numbers of a run that was cut short are never taken for those of a whole one.
    """
    del lang
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for unit in report.units:
        slices = [("", "", unit.metrics), *((one.column, one.value, one.metrics) for one in unit.slices)]
        for column, value, metrics in slices:
            for metric in metrics:
                names = [guarded(unit.dataset), guarded(unit.label), column, guarded(value)]
                run = [report.state, guarded(report.error), str(unasked(unit))]
                writer.writerow([*names, *_cells(metric), *run])
    for one in named_abilities(report):
        column, metric = ("", "overall_score") if one.overall else ("ability", "ability_score")
        writer.writerow(["", guarded(one.label), column, guarded(one.ability), metric, *_ability_cells(one)])
    return out.getvalue()


def guarded(text: str) -> str:
    """Returns the text on one line, so that no spreadsheet takes it for a formula."""
    return "'" + one_line(text) if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else one_line(text)


def _ability_cells(one: AbilityScore) -> list[str]:
    low, high = one.interval if one.interval is not None else (None, None)
    texts = ["" if number is None else repr(number) for number in (one.value, low, high)]
    # Rows of several data sets make no common n, coverage or spread.
    return [*texts, "", "", "", "", one.interval_reason, ""]


def _cells(metric: Metric) -> list[str]:
    low, high = metric.interval if metric.interval is not None else (None, None)
    numbers = [metric.value, low, high, metric.n, metric.n_unscored, metric.coverage, metric.std]
    texts = ["" if number is None else repr(number) for number in numbers]
    return [guarded(metric.name), *texts, metric.interval_reason, guarded(metric.signature)]
