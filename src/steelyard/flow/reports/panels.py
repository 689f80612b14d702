"""How a report is laid out for people: objects that belong side by side, and the columns they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.metric import Metric, PairedDifference
    from steelyard.domain.report import Report, UnitReport

LEVEL = 0.05


@dataclass(slots=True)
class Panel:
    """Units that are read together: one data set, or all result sets."""

    title: str
    """The data set's name; empty for several result sets."""
    units: list[UnitReport]
    comparisons: list[PairedDifference]
    columns: list[tuple[str, str]]
    """(signature, name) of every metric, in order of first appearance."""

    def comparisons_of(self, signature: str) -> list[PairedDifference]:
        """Returns the comparisons of one metric."""
        return [one for one in self.comparisons if one.signature == signature]

    def categories(self) -> list[str]:
        """Returns the values of all slices, in order of first appearance."""
        return list(dict.fromkeys(one.value for unit in self.units for one in unit.slices))


def same_counts(panel: Panel) -> bool:
    """Returns whether, for each object, n and coverage are the same for all its metrics."""
    return all(len({(metric.n, metric.coverage) for metric in unit.metrics}) <= 1 for unit in panel.units)


def panels(report: Report) -> list[Panel]:
    """Returns the panels in the order of the report's units.

    Units of one data set share a panel. When every unit has a data set of its own (result sets), all share one.
    """
    by_dataset: dict[tuple[str, str], list[UnitReport]] = {}
    for unit in report.units:
        by_dataset.setdefault((unit.dataset, unit.dataset_version_id), []).append(unit)
    if all(len(units) == 1 for units in by_dataset.values()) and len({unit.label for unit in report.units}) > 1:
        names = {unit.dataset for unit in report.units}
        return [_panel(names.pop() if len(names) == 1 else "", report.units, report.comparisons)]
    return [
        _panel(name, units, [one for one in report.comparisons if one.dataset == name])
        for (name, _), units in by_dataset.items()
    ]


def _panel(title: str, units: Sequence[UnitReport], comparisons: Sequence[PairedDifference]) -> Panel:
    columns = {metric.signature: metric.name for unit in units for metric in unit.metrics}
    return Panel(title, list(units), list(comparisons), list(columns.items()))


def metric_of(metrics: Sequence[Metric], signature: str) -> Metric | None:
    """Returns the metric of this signature, or None."""
    return next((metric for metric in metrics if metric.signature == signature), None)


def is_shown(difference: PairedDifference) -> bool:
    """Returns whether a difference is shown at the 5 % level after adjustment."""
    return bool(difference.difference) and difference.p_adjusted is not None and difference.p_adjusted < LEVEL


def standing(panel: Panel, signature: str) -> tuple[str | None, set[str]]:
    """Returns the label with the highest value, and those not shown to differ from it."""
    values = {unit.label: metric_of(unit.metrics, signature) for unit in panel.units}
    known = {name: metric.value for name, metric in values.items() if metric is not None and metric.value is not None}
    if len(known) < 2:
        return None, set()
    best = max(known, key=lambda name: known[name])
    compared = {
        (one.b if one.a == best else one.a): is_shown(one)
        for one in panel.comparisons_of(signature)
        if best in (one.a, one.b) and one.difference is not None
    }
    return best, {name for name, shown in compared.items() if not shown}
