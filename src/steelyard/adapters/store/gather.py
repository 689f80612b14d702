"""Numbers of many records in arrays, a few bytes each, whether they come as lines or as batches of a shard.

Of several records of one key (row, repeat, turn) only the newest counts: what is added later is newer.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from steelyard.adapters.store.messages import MessageNumbers
from steelyard.ports.journal import AnswerSummary, ScoreArrays, UnitShape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.adapters.store.journal import ScoreLine
    from steelyard.domain.answer import AnswerRecord

_TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
ANSWER_COLUMNS = ("unit", "position", "repeat", "turn", "failure", "latency_ms", "attempts", *_TOKENS, "message")
SCORE_COLUMNS = ("unit", "position", "repeat", "turn", "signature", "value", "reason", "flag", "parts")


class AnswerNumbers:
    """What a summary is made of, for the answers of one unit: 22 bytes an answer, and 4 for each rarer token count.

    A unit with failures takes 4 bytes an answer more, and its messages.
    """

    def __init__(self, shape: UnitShape) -> None:
        self._shape = shape
        self._keys, self._latencies = array("q"), array("f")
        self._reasons, self._again = array("b"), array("b")
        self._tokens = [array("i") for _ in _TOKENS]
        """-1 where the endpoint did not say; empty as long as it never did."""
        self._names: dict[str, int] = {"": 0}
        self._messages = MessageNumbers()

    def add(self, record: AnswerRecord) -> None:
        """Takes one record."""
        before = len(self._keys)
        self._keys.append((record.position * self._shape.repeats + record.repeat) * 256 + record.turn)
        self._latencies.append(record.latency_ms)
        self._reasons.append(self._names.setdefault(record.failure, len(self._names)))
        self._again.append(record.attempts > 1)
        if record.failure:
            self._messages.add(before, record.message)
        for column, name in zip(self._tokens, _TOKENS, strict=True):
            value: int | None = getattr(record, name)
            if value is not None:
                _fill(column, before)
                column.append(value)
            elif column:
                column.append(-1)

    def add_batch(self, batch: Any) -> None:
        """Takes a batch with the columns ANSWER_COLUMNS."""
        import numpy as np

        before = len(self._keys)
        _extend(self._keys, _keys(batch, self._shape), np.int64)
        codes, names = _coded(batch.column(4))
        known = np.array([self._names.setdefault(name, len(self._names)) for name in names], np.int8)
        _extend(self._reasons, known[codes], np.int8)
        _extend(self._latencies, _numbers(batch.column(5)), np.float32)
        _extend(self._again, _numbers(batch.column(6)) > 1, np.int8)
        self._messages.add_batch(before, batch.column(7 + len(_TOKENS)), known[codes] != 0)
        for i, column in enumerate(self._tokens):
            given = batch.column(7 + i)
            if given.null_count < len(given):
                _fill(column, before)
                _extend(column, _numbers(given, -1), np.int32)
            elif column:
                _fill(column, len(self._keys))

    def summary(self) -> AnswerSummary:
        """Returns the figures."""
        import numpy as np

        newest = newest_of(np.frombuffer(self._keys, np.int64))
        reasons = np.frombuffer(self._reasons, np.int8)[newest]
        ok = newest[reasons == 0]
        names = list(self._names)
        counts = np.bincount(reasons, minlength=len(names))
        # One column at a time: together they would be the largest thing that a report of many rows holds.
        sums: list[int] = []
        silent = np.ones(len(ok), bool)
        for i, column in enumerate(self._tokens):
            tokens = np.frombuffer(column, np.int32)[ok] if column else np.full(1, -1, np.int32)
            sums.append(int(tokens.clip(0).sum(dtype=np.int64)))
            if i < 2:
                silent &= tokens < 0
        return AnswerSummary(
            answered=len(ok), failed=len(newest) - len(ok), failures={names[i]: int(n) for i, n in enumerate(counts) if i and n},
            latency_ms=np.frombuffer(self._latencies, np.float32)[ok],  # type: ignore[arg-type]
            prompt_tokens=sums[0], completion_tokens=sums[1], reasoning_tokens=sums[2], cached_tokens=sums[3],
            answers_without_usage=int(silent.sum()),
            retried=int(np.frombuffer(self._again, np.int8)[newest].sum(dtype=np.int64)),
            messages=self._messages.commonest(newest, reasons, names),
        )  # fmt: skip


class ScoreNumbers:
    """The scores of one signature on one unit: 20 bytes each, and what is rare in dictionaries."""

    def __init__(self) -> None:
        self._keys, self._values, self._codes = array("q"), array("d"), array("i")
        self._parts = array("d")
        self._width = 0
        self._names: dict[tuple[bool, str], int] = {(True, ""): 0}

    def add(self, key: int, value: float | None, reason: str, flag: str, parts: Sequence[float]) -> None:
        """Takes one score."""
        scored = value is not None
        self._widen(len(parts), len(self._keys))
        self._keys.append(key)
        self._values.append(value if value is not None else 0.0)
        self._codes.append(self._code(scored, flag if scored else reason))
        if self._width:
            self._parts.extend(parts or [0.0] * self._width)

    def add_batch(self, keys: Any, batch: Any, chosen: Any) -> None:
        """Takes the chosen rows of a batch with the columns SCORE_COLUMNS, all of this signature."""
        import numpy as np

        values = _numbers(batch.column(5), np.nan)[chosen]
        scored = ~np.isnan(values)
        flags, names = _coded(batch.column(7))
        codes = np.array([self._code(True, name) for name in names], np.int32)[flags[chosen]]
        reasons = batch.column(6)
        for i in np.flatnonzero(~scored):
            codes[i] = self._code(False, reasons[int(chosen[i])].as_py())
        _extend(self._keys, keys[chosen], np.int64)
        _extend(self._values, np.where(scored, values, 0.0), np.float64)
        _extend(self._codes, codes, np.int32)
        self._add_parts(batch.column(8), chosen)

    def _add_parts(self, lists: Any, chosen: Any) -> None:
        import numpy as np

        offsets = np.asarray(lists.offsets)
        starts, lengths = offsets[:-1][chosen], np.diff(offsets)[chosen]
        before = len(self._keys) - len(chosen)
        self._widen(int(lengths.max()), before)
        if self._width:
            parts = np.zeros((len(chosen), self._width))
            have = lengths > 0
            parts[have] = np.asarray(lists.values)[starts[have, None] + np.arange(self._width)]
            _extend(self._parts, parts.ravel(), np.float64)

    def arrays(self, shape: UnitShape) -> ScoreArrays:
        """Returns the newest score of each key, sorted by position, repeat, turn."""
        import numpy as np

        keys = np.frombuffer(self._keys, np.int64)
        newest = newest_of(keys)
        keys = keys[newest]
        position, repeat, turn = _parts_of(keys, shape.repeats)
        del keys
        codes = np.frombuffer(self._codes, np.int32)[newest]
        names = list(self._names)
        counts = {names[i]: int(n) for i, n in enumerate(np.bincount(codes, minlength=len(names))) if n}
        parts = np.frombuffer(self._parts, np.float64).reshape(-1, self._width)[newest] if self._width else None
        return ScoreArrays(
            position=position,
            repeat=repeat,
            turn=turn,
            value=np.frombuffer(self._values, np.float64)[newest],
            scored=np.array([scored for scored, _ in names], bool)[codes],
            flags={name: n for (scored, name), n in counts.items() if scored and name},
            unscored={name: n for (scored, name), n in counts.items() if not scored},
            parts=parts,
        )

    def _code(self, scored: bool, name: str) -> int:
        return self._names.setdefault((scored, name), len(self._names))

    def _widen(self, width: int, before: int) -> None:
        """Makes room for parts when the first score that has any comes; those before it had none and count as zeros."""
        if width and not self._width:
            self._width = width
            self._parts.extend([0.0] * (width * before))


class UnitScores:
    """The scores of several signatures on one unit."""

    def __init__(self, shape: UnitShape, signatures: Sequence[str]) -> None:
        self._shape = shape
        self._columns = {signature: ScoreNumbers() for signature in signatures}

    def add(self, signatures: Sequence[str], line: ScoreLine) -> None:
        """Takes the scores of one answer; those of other signatures are left out."""
        key = (line.position * self._shape.repeats + line.repeat) * 256 + line.turn
        for scorer, value, reason, flag, parts in line.items:
            if (column := self._columns.get(signatures[scorer])) is not None:
                column.add(key, value, reason, flag, parts)

    def add_batch(self, batch: Any) -> None:
        """Takes a batch with the columns SCORE_COLUMNS."""
        import numpy as np

        keys = _keys(batch, self._shape)
        codes, names = _coded(batch.column(4))
        for code, name in enumerate(names):
            chosen = np.flatnonzero(codes == code)
            if (column := self._columns.get(name)) is not None and len(chosen):
                column.add_batch(keys, batch, chosen)

    def arrays(self) -> list[ScoreArrays]:
        """Returns the arrays in the order of the signatures."""
        return [column.arrays(self._shape) for column in self._columns.values()]


def newest_of(keys: Any) -> Any:
    """Returns indices that sort the keys and keep the last record of each."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    return order[np.append(ordered[1:] != ordered[:-1], True)] if len(order) else order


def _parts_of(keys: Any, repeats: int) -> tuple[Any, Any, Any]:
    """Returns positions, repeats and turns; where all repeats or turns are the first, that takes no memory."""
    import numpy as np

    turn = keys & 255
    position = keys >> 8
    none = np.broadcast_to(np.zeros(1, np.int32), len(keys))
    turn = turn.astype(np.int32) if turn.any() else none
    if repeats == 1:
        return position, none, turn
    return position // repeats, (position % repeats).astype(np.int32), turn


def _keys(batch: Any, shape: UnitShape) -> Any:
    import numpy as np

    position, repeat, turn = (_numbers(batch.column(i)).astype(np.int64) for i in (1, 2, 3))
    return (position * shape.repeats + repeat) * 256 + turn


def _coded(column: Any) -> tuple[Any, list[str]]:
    """Returns one code an entry and the names they stand for."""
    import numpy as np

    coded = column if hasattr(column, "indices") else column.dictionary_encode()
    return np.asarray(coded.indices), coded.dictionary.to_pylist()


def _numbers(column: Any, missing: float = 0) -> Any:
    """Returns the column as numpy numbers; without pyarrow.compute, which costs 12 MB to load."""
    import numpy as np

    values = column.to_numpy(zero_copy_only=False)
    # Nulls come as NaN; no number that is recorded is one.
    return np.where(np.isnan(values), missing, values) if column.null_count else values


def _fill(column: array[int], length: int) -> None:
    """Makes up for what was not said before the first count came."""
    if len(column) < length:
        column.frombytes(b"\xff" * (column.itemsize * (length - len(column))))


def _extend(column: array[Any], values: Any, dtype: Any) -> None:
    import numpy as np

    column.frombytes(np.ascontiguousarray(values, dtype).tobytes())
