"""Results read the same from journal lines and from the shards that they become."""

from __future__ import annotations

import random
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from steelyard.adapters.store.results import FileResults
from steelyard.domain.answer import AnswerRecord
from steelyard.domain.score import ScoreRecord
from steelyard.ports.journal import AnswerSummary, ScoreArrays, UnitShape

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURES = ["bleu", "prefix"]
ROWS, REPEATS = 700, 2
SHAPE = UnitShape(ROWS, REPEATS)
Look = tuple[list[AnswerSummary], list[list[ScoreArrays]]]


def records(seed: int) -> list[tuple[AnswerRecord, list[ScoreRecord]]]:
    """Two units in random order, with failures, retries, silent endpoints, turns, missing scores, and newer records."""
    draw = random.Random(seed)
    silent = draw.random() < 0.5
    keys = [
        (u, p, r, t) for u in range(2) for p in range(ROWS) for r in range(REPEATS) for t in range(1 + (p % 50 == 0))
    ]
    draw.shuffle(keys)
    keys += draw.sample(keys, 60)
    return [one(draw, i, *key, silent=silent) for i, key in enumerate(keys)]


def one(
    draw: random.Random, number: int, unit: int, position: int, repeat: int, turn: int, *, silent: bool
) -> tuple[AnswerRecord, list[ScoreRecord]]:
    place: dict[str, Any] = {
        "unit": unit,
        "row_id": f"r{position}",
        "position": position,
        "repeat": repeat,
        "turn": turn,
    }
    failed = draw.random() < 0.1
    said = not silent and number > 2200 and draw.random() < 0.7
    answer = AnswerRecord(
        **place, prompt=f"问 {position}", text=None if failed else "答", failure=draw.choice(["timeout", "refused"]) if failed else "",
        message=draw.choice(["late", "too long", "gone", "no", ""]) if failed else "",
        prompt_tokens=draw.randrange(90) if said else None, completion_tokens=draw.randrange(90) if said else None,
        cached_tokens=3 if said and draw.random() < 0.1 else None, latency_ms=draw.random() * 900, attempts=draw.randint(1, 3), epoch=1,
    )  # fmt: skip
    scores: list[ScoreRecord] = []
    for scorer in range(0 if failed else 2):
        scored = number > 30 and draw.random() < 0.8
        scores.append(
            ScoreRecord(
                **place, scorer=scorer, value=draw.random() if scored else None, flag=draw.choice(["", "", "unparsed"]) if scored else "",
                reason="because" if scored else draw.choice(["no_reference", "bad_reference"]),
                parts=(draw.random(), 2.0, 3.0) if scored and scorer == 0 else (), epoch=1,
            )
        )  # fmt: skip
    return answer, scores


def look(results: FileResults) -> Look:
    return (
        [results.summary("ame-x", unit, SHAPE) for unit in range(2)],
        [results.score_arrays("ame-x", unit, SHAPE, [*SIGNATURES, "unknown"]) for unit in range(2)],
    )


def check_same(before: Look, after: Look) -> None:
    for old, new in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(np.asarray(old.latency_ms), np.asarray(new.latency_ms))
        assert msgspec.structs.replace(old, latency_ms=[]) == msgspec.structs.replace(new, latency_ms=[])
    for old, new in zip(chain(*before[1]), chain(*after[1]), strict=True):
        for name in ("position", "repeat", "turn", "value", "scored"):
            np.testing.assert_array_equal(getattr(old, name), getattr(new, name))
        assert (old.flags, old.unscored) == (new.flags, new.unscored)
        assert (old.parts is None) == (new.parts is None)
        if old.parts is not None:
            np.testing.assert_array_equal(old.parts, new.parts)


@pytest.mark.parametrize("seed", range(4))
def test_figures_do_not_depend_on_where_records_lie(tmp_path: Path, seed: int) -> None:
    results = FileResults(tmp_path)
    written = records(seed)
    journal = results.open_journal("ame-x", SIGNATURES)
    for answer, scores in written:
        journal.append(answer, scores)
    journal.flush()
    lines = look(results)
    answers = list(results.answers("ame-x", 1, (10, 40)))
    journal.close()
    assert not list((tmp_path / "ame-x" / "journal").iterdir()), "nothing became a shard"
    check_same(lines, look(results))
    assert [msgspec.structs.replace(a, latency_ms=0) for a in results.answers("ame-x", 1, (10, 40))] == [
        msgspec.structs.replace(a, latency_ms=0) for a in answers
    ]
    results.close()


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_the_newest_records(tmp_path: Path, seed: int) -> None:
    results = FileResults(tmp_path)
    written = records(seed)
    journal = results.open_journal("ame-x", SIGNATURES)
    for answer, scores in written:
        journal.append(answer, scores)
    journal.close()
    newest = {(a.unit, a.position, a.repeat, a.turn): a for a, _ in written}
    scored = {(s.unit, s.position, s.repeat, s.turn): s for _, found in written for s in found if s.scorer == 0}
    for unit, (summary, columns) in enumerate(zip(*look(results), strict=True)):
        mine = [a for a in newest.values() if a.unit == unit]
        there = [a for a in mine if a.text is not None]
        assert (summary.answered, summary.failed) == (len(there), len(mine) - len(there))
        assert summary.prompt_tokens == sum(a.prompt_tokens or 0 for a in there)
        assert summary.cached_tokens == sum(a.cached_tokens or 0 for a in there)
        assert summary.answers_without_usage == sum(a.prompt_tokens is None for a in there)
        assert summary.retried == sum(a.attempts > 1 for a in mine)
        expected = [scored[key] for key in sorted(scored) if key[0] == unit]
        bleu = columns[0]
        assert bleu.position.tolist() == [s.position for s in expected]
        assert bleu.turn.tolist() == [s.turn for s in expected]
        assert bleu.value.tolist() == [s.value or 0.0 for s in expected]
        assert bleu.scored.tolist() == [s.value is not None for s in expected]
        assert bleu.parts.tolist() == [list(s.parts or (0.0, 0.0, 0.0)) for s in expected]
        assert bleu.unscored["no_reference"] == sum(s.value is None and s.reason == "no_reference" for s in expected)
        assert len(columns[2].value) == 0
    results.close()
