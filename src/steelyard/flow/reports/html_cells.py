"""Pieces that every section of the HTML report uses."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from steelyard.flow.reports.charts import object_style
from steelyard.flow.reports.words import Lang, label, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.report import UnitReport
    from steelyard.flow.reports.panels import Panel


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, css: str = "") -> str:
    """Returns a table of ready HTML cells; the first of each row is its heading."""
    cells = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>" for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table class="{css}"><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'


def object_cell(panel: Panel, unit: UnitReport, lang: Lang) -> str:
    """Returns an object's colour, name and tag."""
    style = object_style(panel.units.index(unit)).replace("f", "d")
    tags = [code for code in ("floor_baseline", "uses_references") if code in unit.notes]
    shown = "".join(
        f'<span class="tag" title="{escape(word("note", code, lang))}">{label("tag_" + code, lang)}</span>'
        for code in tags[:1]
    )
    return f'<span class="dot {style}" aria-hidden="true"></span><span title="{escape(unit.label)}">{escape(unit.label)}</span>{shown}'
