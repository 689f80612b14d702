"""Tables for a terminal, aligned by the width that characters have there."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Table = Sequence[Sequence[str]]
_GAP = "  "


def width(text: str) -> int:
    """Returns the terminal columns a text takes: two for a wide character, none for a combining mark."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def one_line(text: str) -> str:
    """Returns the text without line breaks, escapes and other control characters, so that a name cannot steer a terminal."""
    return "".join(" " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character for character in text)


def shortened(text: str, most: int) -> str:
    """Returns the text cut to at most so many columns, with an ellipsis where something is missing."""
    if width(text) <= most:
        return text
    kept, used = "", 0
    for character in text:
        used += _cell(character)
        if used > most - 1:
            break
        kept += character
    return kept + "…"


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Returns the text filled with spaces to so many columns."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def table_text(head: Sequence[str], rows: Table, *, left: int = 1) -> list[str]:
    """Returns the lines of a table; the first `left` columns are aligned left, the others right."""
    widths = [max(width(row[index]) for row in [head, *rows]) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return _GAP.join(padded(cell, widths[i], right=i >= left) for i, cell in enumerate(cells)).rstrip()

    return [line(head), "─" * (sum(widths) + len(_GAP) * (len(widths) - 1)), *(line(row) for row in rows)]


def column_widths(head: Sequence[str], rows: Table) -> list[int]:
    """Returns the terminal columns each table column needs, gap included."""
    return [max(width(row[index]) for row in [head, *rows]) + len(_GAP) for index in range(len(head))]


def chunks(head: Sequence[str], rows: Table, most: int) -> list[list[int]]:
    """Returns which columns to print together so that a table stays within `most`; the first is in each of them."""
    widths = column_widths(head, rows)
    groups: list[list[int]] = [[]]
    used = widths[0]
    for index in range(1, len(head)):
        if groups[-1] and used + widths[index] - len(_GAP) > most:
            groups.append([])
            used = widths[0]
        groups[-1].append(index)
        used += widths[index]
    return [[0, *group] for group in groups]
