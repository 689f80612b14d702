"""The check of a data set: one pass over the rows that keeps numbers only, and a second over the rows to be named."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steelyard.flow.rows.doctor.findings import SEVERITIES, SHOWN, Checkup, Finding, Pair, ordered
from steelyard.flow.rows.doctor.leak import folded
from steelyard.flow.rows.doctor.near_duplicates import NearDuplicates
from steelyard.flow.rows.doctor.question import (
    answer_hash,
    asks_in_text_only,
    question_hash,
    question_text,
    reference_hash,
)
from steelyard.flow.rows.doctor.repeats import Repeats
from steelyard.flow.rows.doctor.symptoms import symptoms
from steelyard.flow.rows.doctor.tally import Tally, unusual
from steelyard.flow.rows.doctor.trigrams import similarity, sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from steelyard.domain.row import Row

FEW_ROWS = 100
"""With fewer, the 95% interval of an accuracy can be wider than 20 points."""

LABEL_QUESTIONS = 3
"""References that so many different questions expect are labels, and may stand in a question."""

MOST_LABELS = 50
LABEL_ROWS = 50
LABEL_RATIO = 10


class CheckOptions(Struct, frozen=True):
    """What a person can set."""

    columns: tuple[str, ...] = ()
    """Columns that belong to the question, because prompt templates use them."""
    near: bool = True
    """Look for near duplicates too."""
    similarity: float = 0.8
    """Pairs at least so similar are near duplicates; in (0, 1]."""
    seed: int = 0
    """Of the search for near duplicates."""


class Examination(Struct):
    """A check-up with the positions behind it, for cleaning."""

    checkup: Checkup
    positions: dict[str, Any]
    """Code -> positions (numpy, ascending) of the rows it blames; near_duplicate: the later row of each pair."""


def check_rows(read: Callable[[], Iterable[Row]], options: CheckOptions) -> Examination:
    """Looks through the rows; same rows and options, same findings.

    Memory is about 100 bytes a row and does not depend on what rows hold, apart from positions of rows that are blamed.

    Args:
        read: begins to stream the rows, in order; called at most twice.
        options: what to look for.
    """
    watch = _Watch(options)
    for row in read():
        watch.add(row)
    return watch.examine(read)


class _Watch:
    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        self._repeats = Repeats()
        self._near = NearDuplicates(options.seed) if options.near else None
        self._found: dict[str, array[int]] = {}
        self._lengths = array("I")
        self._reference_lengths = array("I")
        self._labels = Tally()
        self._count = 0

    def add(self, row: Row) -> None:
        position, self._count = self._count, self._count + 1
        text = question_text(row)
        self._repeats.add(question_hash(row, self._options.columns), reference_hash(row), answer_hash(row))
        for code in symptoms(row, text):
            self._found.setdefault(code, array("I")).append(position)
        self._lengths.append(len(text))
        references = [reference for turn in row.turns for reference in turn.references]
        self._reference_lengths.append(max((len(r.strip()) for r in references), default=0))
        if len(references) == 1:
            self._labels.add(references[0].strip()[:100])
        if self._near is not None and text.strip() and asks_in_text_only(row):
            self._near.add(position, folded(text))

    def examine(self, read: Callable[[], Iterable[Row]]) -> Examination:
        positions, details = self._positions()
        pairs, cut = self._candidates()
        wanted = {int(p) for found in positions.values() for p in found[:SHOWN]}
        ids, near = self._compare(read, wanted, pairs)
        findings = [
            Finding(
                code,
                SEVERITIES[code],
                len(found),
                tuple(ids[int(p)] for p in found[:SHOWN]),
                details=details.get(code, {}),
            )
            for code, found in positions.items()
        ]
        if near:
            findings.append(_near_finding(near, ids, cut, self._options.similarity))
            positions["near_duplicate"] = later_rows(near)
        findings += self._of_the_whole()
        return Examination(Checkup(self._count, ordered(findings)), positions)

    def _positions(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns (code -> positions, code -> details), only for codes that were found."""
        import numpy as np

        found: dict[str, Any] = {code: np.array(places, dtype=np.int64) for code, places in self._found.items()}
        if (leaked := found.get("leaked_reference")) is not None:
            found["leaked_reference"] = leaked[~self._repeats.labels(leaked, LABEL_QUESTIONS)]
        if not any(self._reference_lengths):
            # A data set without references is meant so; a few rows without are not.
            found.pop("empty_reference", None)
        found["duplicate"] = self._repeats.duplicates()
        found["contradicting_references"] = self._repeats.contradictions()
        inputs, input_bounds = unusual(np.array(self._lengths, dtype=np.int64))
        references, reference_bounds = unusual(np.array(self._reference_lengths, dtype=np.int64))
        found["unusual_length"] = np.union1d(inputs, references)
        bounds = {f"input_{k}": v for k, v in input_bounds.items()}
        bounds |= {f"reference_{k}": v for k, v in reference_bounds.items()}
        return {code: places for code, places in found.items() if len(places)}, {"unusual_length": bounds}

    def _candidates(self) -> tuple[Any, bool]:
        import numpy as np

        if self._near is None:
            return np.empty((0, 2), np.int64), False
        return self._near.candidates(self._repeats.same_question)

    def _compare(
        self, read: Callable[[], Iterable[Row]], wanted: set[int], pairs: Any
    ) -> tuple[dict[int, str], list[tuple[int, int, float]]]:
        """Returns (position -> id of the rows that may be named, pairs that are similar enough)."""
        compared = {int(position) for position in pairs.ravel()}
        last = max(wanted | compared, default=-1)
        ids: dict[int, str] = {}
        sketches: dict[int, Any] = {}
        if last >= 0:
            for position, row in enumerate(read()):
                if position in wanted or position in compared:
                    ids[position] = row.id
                if position in compared:
                    sketches[position] = sketch(folded(question_text(row)))
                if position == last:
                    break
        near = [(int(a), int(b), round(similarity(sketches[int(a)], sketches[int(b)]), 3)) for a, b in pairs]
        return ids, [pair for pair in near if pair[2] >= self._options.similarity]

    def _of_the_whole(self) -> list[Finding]:
        more: list[Finding] = []
        if self._count < FEW_ROWS:
            more.append(Finding("too_few_rows", SEVERITIES["too_few_rows"], self._count, details={"wanted": FEW_ROWS}))
        if not any(self._reference_lengths):
            more.append(Finding("no_references", SEVERITIES["no_references"], self._count))
        labels = self._labels.largest()
        smallest, largest, labelled = (
            min(labels.values(), default=0),
            max(labels.values(), default=0),
            sum(labels.values()),
        )
        few = 1 <= len(labels) <= MOST_LABELS and not self._labels.overflow and labelled >= LABEL_ROWS
        if few and (len(labels) == 1 or largest >= LABEL_RATIO * smallest):
            more.append(
                Finding(
                    "label_imbalance",
                    SEVERITIES["label_imbalance"],
                    len(labels),
                    details={"share": round(largest / labelled, 3), "labels": labels},
                )
            )
        return more


def later_rows(pairs: Iterable[tuple[int, int, float]]) -> Any:
    """Returns the positions to leave out, ascending, so that no pair is left whole and each row left out is like one that stays."""
    import numpy as np

    gone: set[int] = set()
    for earlier, later, _ in sorted(pairs):
        if earlier not in gone:
            gone.add(later)
    return np.array(sorted(gone), dtype=np.int64)


def _near_finding(near: Sequence[tuple[int, int, float]], ids: dict[int, str], cut: bool, least: float) -> Finding:
    shown = sorted(near, key=lambda pair: (-pair[2], pair[0], pair[1]))[:SHOWN]
    rows = sorted({later for _, later, _ in near})
    return Finding(
        "near_duplicate",
        SEVERITIES["near_duplicate"],
        len(near),
        tuple(ids[position] for position in rows[:SHOWN]),
        tuple(Pair(ids[a], ids[b], s) for a, b, s in shown),
        {"similarity": least, "rows": len(rows), "more_not_compared": int(cut)},
    )
