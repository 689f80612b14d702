"""The report as one HTML file: no script, nothing to load, readable in the dark, on a phone and on paper."""

from __future__ import annotations

import pkgutil
from html import escape
from typing import TYPE_CHECKING

from steelyard.flow.reports.ability_table import ability_gaps, ability_recipes, ability_table
from steelyard.flow.reports.html_cells import html_table
from steelyard.flow.reports.html_details import (
    categories_part,
    examples_part,
    failures_part,
    notes_part,
    recipes_part,
    run_part,
)
from steelyard.flow.reports.html_parts import at_a_glance, comparisons_part
from steelyard.flow.reports.panels import Panel, panels
from steelyard.flow.reports.spoken import cut_short, failures_command, requests_explained, time_text
from steelyard.flow.reports.words import Lang, label, word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steelyard.domain.report import Report


def render_html(report: Report, lang: Lang) -> str:
    """Returns a complete page. Every text of the report is escaped; the page refuses scripts by its own policy."""
    style = (pkgutil.get_data("steelyard", "data/report/report.css") or b"").decode()
    name = report.name or report.evaluation_id
    body = _abilities(report, lang) + "".join(_panel(panel, report, lang) for panel in panels(report))
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(name)} · {label('report', lang)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{_header(report, name, lang)}{body}{_footer(report, lang)}</main>\n</body>\n</html>\n"
    )


def _header(report: Report, name: str, lang: Lang) -> str:
    facts = [
        ("state", f'<span class="state">{escape(word("state", report.state, lang))}</span>'),
        ("evaluation", escape(report.evaluation_id)),
        ("finished", escape(time_text(report.finished_at))),
        ("seed", str(report.seed)),
        *([("rows_dropped", str(report.rows_dropped))] if report.rows_dropped else []),
    ]
    items = "".join(f"<div><dt>{label(key, lang)}</dt><dd>{value}</dd></div>" for key, value in facts)
    return f'<header><p class="kicker">{label("report", lang)}</p><h1>{escape(name)}</h1><dl class="facts">{items}</dl>{_cut_short(report, lang)}</header>\n'


def _abilities(report: Report, lang: Lang) -> str:
    if not report.abilities:
        return ""
    head, rows = ability_table(report, lang)
    table = html_table([escape(cell) for cell in head], [[escape(cell) for cell in row] for row in rows], css="glance")
    said = [*ability_recipes(report, lang), *ability_gaps(report, lang)]
    items = "".join(f"<li>{escape(text)}</li>" for text in said)
    return (
        f'<section><h2>{label("abilities", lang)}</h2><p class="hint">{label("legend_abilities", lang)}</p>{table}'
        f'<ul class="words">{items}</ul></section>\n'
    )


def _cut_short(report: Report, lang: Lang) -> str:
    said = "".join(f"<li>{escape(line)}</li>" for line in cut_short(report, lang))
    return f'<ul class="notes" role="alert">{said}</ul>' if said else ""


def _panel(panel: Panel, report: Report, lang: Lang) -> str:
    title = f"<h2>{escape(panel.title)}</h2>" if panel.title else ""
    parts: list[Callable[[Panel, Lang], str]] = [
        at_a_glance,
        notes_part,
        comparisons_part,
        categories_part,
        lambda panel, lang: run_part(panel, lang) + _hints(requests_explained(panel.units, report.repeats, lang)),
        lambda panel, lang: failures_part(panel, lang) + _how_to_list(panel, report, lang),
        examples_part,
        recipes_part,
    ]
    return f"<section>{title}" + "\n".join(part(panel, lang) for part in parts) + "</section>\n"


def _hints(lines: Sequence[str]) -> str:
    return "".join(f'<p class="hint">{escape(line)}</p>' for line in lines)


def _how_to_list(panel: Panel, report: Report, lang: Lang) -> str:
    if not any(unit.failures for unit in panel.units):
        return ""
    return f'<p class="hint">{label("list_failures", lang)}: <code>{escape(failures_command(report))}</code></p>'


def _footer(report: Report, lang: Lang) -> str:
    plan = f" · {label('plan_hash', lang)} {escape(report.plan_hash)}" if report.plan_hash else ""
    return f"<footer>Steelyard 杆秤 {escape(report.steelyard)}{plan} · {label('created', lang)} {escape(time_text(report.created_at))}</footer>\n"
