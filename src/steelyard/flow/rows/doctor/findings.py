"""What a check of a data set finds: a code, how bad it is, how often it occurs, and which rows to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

Severity = Literal["error", "warning", "info"]

SHOWN = 20
"""Row ids, pairs and examples that a finding names; `count` has them all."""

SEVERITIES: dict[str, Severity] = {
    "unreadable_row": "error",
    "empty_input": "error",
    "contradicting_references": "error",
    "mojibake": "error",
    "replacement_character": "error",
    "duplicate": "warning",
    "near_duplicate": "warning",
    "empty_reference": "warning",
    "leaked_reference": "warning",
    "control_character": "warning",
    "too_few_rows": "warning",
    "unusual_length": "info",
    "mixed_width": "info",
    "label_imbalance": "info",
    "no_references": "info",
}
"""Every code there is, in the order in which findings are listed."""

OF_ROWS = frozenset(SEVERITIES) - {"unreadable_row", "too_few_rows", "label_imbalance", "no_references"}
"""Codes that blame single rows: a cleaned version can leave those rows out."""


class Pair(Struct, frozen=True):
    """Two rows that ask nearly the same; `later` comes after `earlier` in the data set."""

    earlier: str
    later: str
    similarity: float
    """Jaccard similarity of their character trigrams, in [0, 1], three decimals."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong, or looks it."""

    code: str
    severity: Severity
    count: int
    """Rows concerned; for near_duplicate pairs, for label_imbalance labels."""
    row_ids: tuple[str, ...] = ()
    """The first 20, in the data set's order."""
    pairs: tuple[Pair, ...] = ()
    """near_duplicate: the 20 most similar."""
    details: dict[str, int | float | str | dict[str, int]] = {}
    """Numbers behind the finding."""
    examples: tuple[str, ...] = ()
    """unreadable_row: the first 20 with file, line and reason."""


class Checkup(Struct, frozen=True):
    """What was looked at and what was found, worst first."""

    rows: int
    findings: tuple[Finding, ...]

    @property
    def is_suspicious(self) -> bool:
        """Whether there is any error or warning; findings that only inform do not count."""
        return any(found.severity != "info" for found in self.findings)


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Returns the findings in the order of `SEVERITIES`."""
    places = list(SEVERITIES)
    return tuple(sorted(findings, key=lambda found: places.index(found.code)))
