"""The report for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from steelyard.domain.report import Report
    from steelyard.flow.reports.words import Lang


def render_json(report: Report, lang: Lang = "en") -> str:
    """Returns the whole report, exactly, as indented JSON; keys and codes are the same in every language."""
    del lang
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
