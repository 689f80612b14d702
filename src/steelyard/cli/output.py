"""Where text goes, and how `--where` is read."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.domain.errors import InputError
from steelyard.services.evaluations.samples import SampleFilter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from steelyard.domain.report import Report

_CONDITION = re.compile(r"\s*([\w.]+)\s*(=|<|>)\s*(.*)\s*", re.DOTALL)


def render_report(report: Report, format_name: str, lang: str) -> str:
    """Returns the report as text, json, html, csv or md."""
    from importlib import import_module

    module = {
        "text": "render_text",
        "json": "render_json",
        "html": "render_html",
        "csv": "render_csv",
        "md": "render_markdown",
    }[format_name]
    render: Any = getattr(import_module(f"steelyard.flow.reports.{module}"), module)
    return render(report, lang)


def write_text(text: str, out: Path | None) -> None:
    """Writes to the file, or to standard output.

    Raises:
        InputError: the file cannot be written.
    """
    text = text if text.endswith("\n") else text + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror}", where=str(out), hint="give a path that can be written"
        ) from error


def parse_filter(conditions: Sequence[str]) -> SampleFilter:
    """Returns the filter of conditions such as unit=prod, failed=true, text=refund, rouge_l<0.2.

    Raises:
        InputError: a condition that cannot be read.
    """
    wanted = SampleFilter()
    for condition in conditions:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise _bad(condition)
        field, operator, value = match.groups()
        if operator != "=":
            try:
                bound = float(value)
            except ValueError as error:
                raise _bad(condition) from error
            if math.isnan(bound):
                raise _bad(condition)
            wanted = msgspec.structs.replace(
                wanted, metric="" if field == "score" else field, **{"below" if operator == "<" else "above": bound}
            )
        elif field == "failed" and value.lower() in {"true", "false"}:
            wanted = msgspec.structs.replace(wanted, failed=value.lower() == "true")
        elif field in {"unit", "category", "text"}:
            wanted = msgspec.structs.replace(wanted, **{field: value})
        else:
            raise _bad(condition)
    return wanted


def _bad(condition: str) -> InputError:
    return InputError(
        f"cannot read the condition '{condition}'",
        where="--where",
        hint="use unit=, category=, text=, failed=true|false, METRIC<V or METRIC>V",
    )
