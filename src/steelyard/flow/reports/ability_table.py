"""How ability scores are laid out for people: objects by abilities, what each is made of, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.flow.reports.numbers import interval_text, value_text
from steelyard.flow.reports.words import Lang, label, metric_name, word

if TYPE_CHECKING:
    from steelyard.domain.report import AbilityPart, AbilityScore, Report

Column = tuple[bool, str]
"""(overall, ability)"""


def ability_table(report: Report, lang: Lang) -> tuple[list[str], list[list[str]]]:
    """Returns head and rows: one object a row, its abilities, the overall score last; nothing of it is escaped."""
    scores = {(one.label, one.overall, one.ability): one for one in report.abilities}
    columns = _columns(report)
    head = [label("object", lang), *(column_name(column, lang) for column in columns)]
    rows: list[list[str]] = []
    for name in dict.fromkeys(one.label for one in report.abilities):
        found = [scores.get((name, *column)) for column in columns]
        rows.append([name, *(f"{value_text(one)} {interval_text(one)}".rstrip() for one in found)])
    return head, rows


def ability_recipes(report: Report, lang: Lang) -> list[str]:
    """Returns one line an ability: its data sets, the metric that counts of each, and weights where they differ."""
    parts: dict[str, dict[str, AbilityPart]] = {}
    for one in report.abilities:
        if not one.overall:
            parts.setdefault(one.ability, {}).update({part.dataset_version_id: part for part in one.parts})
    lines: list[str] = []
    for ability, members in parts.items():
        weighted = len({part.weight for part in members.values()}) > 1
        texts = [_part_text(part, lang, weighted=weighted) for part in members.values()]
        lines.append(f"{column_name((len(parts) == 1 and not ability, ability), lang)} = {' + '.join(texts)}")
    return lines


def ability_gaps(report: Report, lang: Lang) -> list[str]:
    """Returns one sentence for each score that is missing, naming the data sets to blame."""
    shown = set(_columns(report))
    return [
        word("sentence", "ability_incomplete", lang).format(
            label=one.label, ability=column_name((one.overall, one.ability), lang), missing=", ".join(one.missing)
        )
        for one in report.abilities
        if one.missing and (one.overall, one.ability) in shown
    ]


def column_name(column: Column, lang: Lang) -> str:
    """Returns an ability's name for people."""
    overall, ability = column
    return label("overall", lang) if overall else ability or label("no_ability", lang)


def named_abilities(report: Report) -> list[AbilityScore]:
    """Returns the scores that say something of their own: not the nameless ability that is all there is."""
    shown = set(_columns(report))
    return [one for one in report.abilities if (one.overall, one.ability) in shown]


def _columns(report: Report) -> list[Column]:
    abilities = list(dict.fromkeys(one.ability for one in report.abilities if not one.overall))
    if abilities == [""]:
        return [(True, "")]
    return [*((False, ability) for ability in abilities), (True, "")]


def _part_text(part: AbilityPart, lang: Lang, *, weighted: bool) -> str:
    metric = metric_name(part.metric, lang) if part.metric else label("no_metric", lang)
    return f"{part.dataset} ({metric}{f' × {part.weight:g}' if weighted else ''})"
