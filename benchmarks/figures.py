"""Figures, what they are held against, and the table they are shown in."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number. Targets left None are not set; `beside` names the raw limit or peer of the same run."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """Not to be missed."""
    goal: float | None = None
    """What we aim for."""
    more_is_better: bool = False
    beside: str = ""

    @property
    def mark(self) -> str:
        """`goal` or `ok` when a target is met, `MISSED`, or nothing without targets."""
        if self.goal is not None and self._reaches(self.goal):
            return "goal"
        if self.limit is None:
            return ""
        return "ok" if self._reaches(self.limit) else "MISSED"

    def _reaches(self, target: float) -> bool:
        return self.value >= target if self.more_is_better else self.value <= target

    def record(self) -> dict[str, Any]:
        """Returns what the history keeps; targets are not part of it, they are the code's."""
        kept = asdict(self)
        return {key: kept[key] for key in ("name", "value", "unit", "beside") if kept[key] != ""}


def table(figures: list[Figure]) -> str:
    """Returns the figures as an aligned table."""
    rows = [("figure", "value", "unit", "limit", "goal", "", "beside it in the same run")]
    for f in figures:
        sign = ">=" if f.more_is_better else "<="
        targets = [f"{sign} {t:g}" if t is not None else "" for t in (f.limit, f.goal)]
        rows.append((f.name, shown(f.value), f.unit, *targets, f.mark, f.beside))
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = {1, 3, 4}
    lines: list[str] = []
    for row in rows:
        cells = [
            " " * (w - _width(cell)) + cell if i in right else cell + " " * (w - _width(cell))
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def shown(value: float) -> str:
    """Returns a number with about three significant digits, and thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
