"""What a data set is made of: rows, turns, lengths, scripts, categories, and about how many tokens it will take."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steelyard.flow.rows.doctor.question import question_hash, question_text
from steelyard.flow.rows.doctor.repeats import Repeats
from steelyard.flow.rows.doctor.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.domain.row import Row

TOKENS_PER_WIDE = 0.7
TOKENS_PER_OTHER = 0.25
"""Tokens for one Chinese, Japanese or Korean character, and for one of any other: middling values for current vocabularies."""

SHOWN_CATEGORIES = 50
_BATCH = 2_000


class Lengths(Struct, frozen=True):
    """Characters of a text, over rows; quantiles by linear interpolation."""

    min: int
    p25: float
    median: float
    p75: float
    p95: float
    p99: float
    max: int
    mean: float


class Profile(Struct, frozen=True):
    """The figures of a data set. Counts are rows unless they say otherwise."""

    rows: int
    turns: int
    multi_turn: int
    with_system: int
    with_references: int
    with_answers: int
    input_characters: Lengths
    """Of all that a row asks: system text, history, inputs."""
    reference_characters: Lengths | None
    """Of the longest reference; over rows that have one."""
    languages: dict[str, int]
    """Rows by script: zh (half of the letters or more are Chinese, Japanese or Korean), mixed (a tenth or more), en (Latin), other."""
    wide_share: float
    """Share of Chinese, Japanese and Korean characters among all characters, in [0, 1]."""
    categories: dict[str, int]
    """The 50 most frequent, "" for rows without one."""
    other_categories: int
    """Rows of categories that are not among them."""
    input_tokens_estimate: int
    """An estimate from characters alone (0.7 a wide character, 0.25 any other); the model's own count differs by tens of per cent."""
    repeated: int
    """Rows that ask to the letter what an earlier row asked."""


def profile_rows(rows: Iterable[Row]) -> Profile | None:
    """Returns the figures of the rows, in one pass; None when there are none. Memory is 32 bytes a row."""
    count = _Count()
    for row in rows:
        count.add(row)
    return count.profile()


class _Count:
    def __init__(self) -> None:
        self._rows = self._turns = self._multi = self._system = self._references = self._answers = 0
        self._inputs = array("I")
        self._reference_lengths = array("I")
        self._repeats = Repeats()
        self._categories = Tally()
        self._texts: list[str] = []
        self._languages: dict[str, int] = {}
        self._wide = self._characters = 0

    def add(self, row: Row) -> None:
        text = question_text(row)
        self._rows += 1
        self._turns += len(row.turns)
        self._multi += len(row.turns) > 1
        self._system += bool(row.system)
        self._inputs.append(len(text))
        longest = max((len(r) for turn in row.turns for r in turn.references), default=0)
        if longest:
            self._references += 1
            self._reference_lengths.append(longest)
        self._answers += any(turn.answer is not None for turn in row.turns)
        self._categories.add(row.category or "")
        self._repeats.add(question_hash(row), 0, 0)
        self._texts.append(text)
        if len(self._texts) == _BATCH:
            self._count_scripts()

    def profile(self) -> Profile | None:
        if not self._rows:
            return None
        self._count_scripts()
        shown = self._categories.largest(SHOWN_CATEGORIES)
        tokens = self._wide * TOKENS_PER_WIDE + (self._characters - self._wide) * TOKENS_PER_OTHER
        return Profile(
            self._rows,
            self._turns,
            self._multi,
            self._system,
            self._references,
            self._answers,
            _lengths(self._inputs),
            _lengths(self._reference_lengths) if self._references else None,
            {name: n for name, n in self._languages.items() if n},
            round(self._wide / max(self._characters, 1), 4),
            shown,
            self._rows - sum(shown.values()),
            round(tokens),
            self._repeats.repeated(),
        )

    def _count_scripts(self) -> None:
        import numpy as np

        if not self._texts:
            return
        # One character of padding each, so that no text is an empty stretch.
        codes = np.frombuffer("\0".join([*self._texts, ""]).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        lengths = np.fromiter(map(len, self._texts), dtype=np.int64, count=len(self._texts)) + 1
        starts = np.cumsum(lengths) - lengths
        wide = _is_wide(codes)
        folded = codes | np.uint32(0x20)
        latin = ((folded >= 0x61) & (folded <= 0x7A)) | ((codes >= 0xC0) & (codes < 0x250))
        other = (codes >= 0x370) & ~wide & ((codes < 0x2000) | (codes >= 0xA000)) & (codes < 0xD800)
        wides, latins, others = (np.add.reduceat(mask, starts, dtype=np.int64) for mask in (wide, latin, other))
        # A Latin word of some five letters says about as much as two Chinese characters.
        share = wides / np.maximum(wides + latins / 2.5 + others, 1e-9)
        counts = {
            "zh": share >= 0.5,
            "mixed": (share >= 0.1) & (share < 0.5),
            "en": (share < 0.1) & (latins > others),
            "other": (share < 0.1) & (latins <= others),
        }
        for name, mask in counts.items():
            self._languages[name] = self._languages.get(name, 0) + int(mask.sum())
        self._wide += int(wides.sum())
        self._characters += int(lengths.sum()) - len(self._texts)
        self._texts = []


def _is_wide(codes: Any) -> Any:
    ideographs = ((codes >= 0x3400) & (codes < 0xA000)) | ((codes >= 0xF900) & (codes < 0xFB00)) | (codes >= 0x20000)
    return ideographs | ((codes >= 0x3040) & (codes < 0x3100)) | ((codes >= 0xAC00) & (codes < 0xD7A4))


def _lengths(values: array[int]) -> Lengths:
    import numpy as np

    numbers = np.frombuffer(values, dtype=np.uint32)
    p25, median, p75, p95, p99 = (round(float(q), 1) for q in np.quantile(numbers, [0.25, 0.5, 0.75, 0.95, 0.99]))
    mean = round(float(numbers.mean()), 1)
    return Lengths(int(numbers.min()), p25, median, p75, p95, p99, int(numbers.max()), mean)
