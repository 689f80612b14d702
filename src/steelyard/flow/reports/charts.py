"""Charts as inline SVG: every mark is also in a table, every text is escaped, every colour comes from the style sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from steelyard.flow.reports.plain import shortened, width

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = 500
_ROW = 30
_TOP = 8
_LEFT = 134
_PALETTE = 7
_EM = 7.4
"""Pixels that one terminal column of text takes at most, whatever font the reader has."""


@dataclass(slots=True)
class Mark:
    """One line of a chart."""

    label: str
    value: float
    low: float
    high: float
    text: str
    """Written at the right end."""
    style: str
    """f0..f6 (an object's colour), shown or open."""
    strong: bool = False


def object_style(index: int) -> str:
    """Returns the colour class of an object by its place in the report."""
    return f"f{index % _PALETTE}"


def dots_chart(marks: Sequence[Mark], title: str) -> str:
    """Returns a dot-and-interval chart over an axis that holds all intervals."""
    low, high, step = axis(min(mark.low for mark in marks), max(mark.high for mark in marks), 0.0, 1.0)
    right = 56
    scale = _Scale(low, high, _LEFT, WIDE - right)
    digits = 2 if step < 0.1 else 1
    parts = [_gridline(scale, tick, f"{tick:.{digits}f}", len(marks)) for tick in _ticks(low, high, step)]
    parts += [_interval(scale, index, mark) for index, mark in enumerate(marks)]
    return _svg(parts, len(marks), title)


def forest_chart(marks: Sequence[Mark], title: str) -> str:
    """Returns paired differences, in points, on an axis that holds zero and all intervals."""
    low, high, step = axis(min(0.0, *(mark.low for mark in marks)), max(0.0, *(mark.high for mark in marks)), -1.0, 1.0)
    scale = _Scale(low, high, 206, WIDE - 62)
    digits = 1 if step < 0.01 else 0
    parts = [
        _gridline(scale, tick, f"{100 * tick:+.{digits}f}" if abs(tick) > 1e-9 else "0", len(marks))
        for tick in _ticks(low, high, step)
    ]
    zero = scale.at(0.0)
    parts.append(f'<line class="z" x1="{zero}" x2="{zero}" y1="{_TOP}" y2="{_TOP + _ROW * len(marks)}"/>')
    parts += [_interval(scale, index, mark) for index, mark in enumerate(marks)]
    return _svg(parts, len(marks), title)


def pair_label(a: str, b: str) -> str:
    """Returns `a − b`, each cut so that both can be read."""
    return f"{shortened(a, 12)} − {shortened(b, 12)}"


def latency_chart(marks: Sequence[tuple[str, float, float, float, str, str]], title: str) -> str:
    """Returns bars to p50 and p90 with a tick at p99; each mark is (label, p50, p90, p99, text, style)."""
    longest = max(mark[3] for mark in marks) or 1.0
    step = nice_step(longest / 4)
    bound = math.ceil(longest / step - 1e-9) * step
    scale = _Scale(0.0, bound, _LEFT, WIDE - 72)
    seconds = bound >= 2000
    ticks = [(tick, f"{tick / 1000:g} s" if seconds else f"{tick:g} ms") for tick in _ticks(0.0, bound, step)]
    parts = [_gridline(scale, tick, text if tick else "0", len(marks)) for tick, text in ticks]
    for index, (name, p50, p90, p99, text, style) in enumerate(marks):
        y = _TOP + _ROW * index + _ROW / 2
        start = scale.at(0.0)
        parts.append(_label(name, y, _LEFT - 10))
        parts.append(
            f'<rect class="{style}" stroke="none" style="stroke:none" x="{start}" y="{y - 7}" height="14" rx="2" width="{round(scale.at(p90) - start, 1)}" opacity=".35"/>'
        )
        parts.append(
            f'<rect class="{style}" style="stroke:none" x="{start}" y="{y - 7}" height="14" rx="2" width="{round(scale.at(p50) - start, 1)}"/>'
        )
        parts.append(
            f'<line class="{style}" x1="{scale.at(p99)}" x2="{scale.at(p99)}" y1="{y - 7}" y2="{y + 7}" stroke-width="2"/>'
        )
        parts.append(f'<text class="s" x="{WIDE}" y="{y + 4}" text-anchor="end">{escape(text)}</text>')
    return _svg(parts, len(marks), title)


def axis(low: float, high: float, floor: float, ceiling: float) -> tuple[float, float, float]:
    """Returns the ends and the step of an axis with about five ticks that holds [low, high] within [floor, ceiling]."""
    step = nice_step(max(high - low, 0.02) / 4)
    start = max(floor, math.floor(low / step + 1e-9) * step)
    stop = min(ceiling, math.ceil(high / step - 1e-9) * step)
    return (start, stop, step) if stop > start else (max(floor, start - step), min(ceiling, start + step), step)


def nice_step(rough: float) -> float:
    """Returns 1, 2 or 5 times a power of ten, not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= rough * (1 - 1e-9)), 10.0 * power)


@dataclass(slots=True)
class _Scale:
    low: float
    high: float
    left: float
    right: float

    def at(self, value: float) -> float:
        return round(self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left), 1)


def _ticks(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _gridline(scale: _Scale, tick: float, text: str, rows: int) -> str:
    x, bottom = scale.at(tick), _TOP + _ROW * rows
    line = f'<line class="g" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
    return f'{line}<text class="t" x="{x}" y="{bottom + 15}" text-anchor="middle">{escape(text)}</text>'


def _label(text: str, y: float, right: float) -> str:
    short = shortened(text, int(right / _EM))
    title = f"<title>{escape(text)}</title>" if width(short) < width(text) else ""
    return f'<text x="{right}" y="{y + 4}" text-anchor="end">{escape(short)}{title}</text>'


def _interval(scale: _Scale, index: int, mark: Mark) -> str:
    y = _TOP + _ROW * index + _ROW / 2
    weight = ' class="b"' if mark.strong else ""
    line_style = "o" if mark.style == "open" else mark.style
    return "".join([
        _label(mark.label, y, scale.left - 10),
        f'<line class="{line_style}" x1="{scale.at(mark.low)}" x2="{scale.at(mark.high)}" y1="{y}" y2="{y}" stroke-width="5" stroke-linecap="round" opacity=".38"/>',
        f'<circle class="{mark.style}" cx="{scale.at(mark.value)}" cy="{y}" r="5" stroke-width="2"/>',
        f'<text{weight} x="{WIDE}" y="{y + 4}" text-anchor="end">{escape(mark.text)}</text>',
    ])  # fmt: skip


def _svg(parts: Sequence[str], rows: int, title: str) -> str:
    height = _TOP + _ROW * rows + 22
    return f'<svg viewBox="0 0 {WIDE} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
