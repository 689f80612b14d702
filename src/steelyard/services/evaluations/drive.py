"""Drives one unit: every row that has no recorded answer is asked, scored and recorded. Knows nothing of plans or states.

The number of workers bounds what is in memory; the governor decides who may send; the journal remembers.
"""

from __future__ import annotations

import asyncio
import random
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from steelyard.domain.answer import Answer, AnswerRecord, AttemptFailure, FailureReason
from steelyard.domain.errors import InputError, SteelyardError
from steelyard.domain.score import ScoreCase, Scored, ScoreRecord
from steelyard.flow.prompts.template import content_text
from steelyard.services.evaluations.turn_order import TurnOrder
from steelyard.services.retries import is_fatal, next_delay_s

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Sequence

    from steelyard.domain.evaluation import UnitCounts, UnitSpec
    from steelyard.domain.request import Request
    from steelyard.domain.row import Row, Turn
    from steelyard.flow.requests.build import RequestBuilder
    from steelyard.flow.scores.scorer import Scorer
    from steelyard.ports.governor import Governor
    from steelyard.ports.journal import Journal, Recorded
    from steelyard.ports.provider import Provider

GIVE_UPS_IN_A_ROW = 40
"""So many rows given up, and no answer to anybody since the first of them was sent: the endpoint is down, not the rows bad."""

REFUSED_KEYS_IN_A_ROW = 3

BREATHE_EVERY = 20
"""Rows of one worker between two breaks for the event loop."""

_DOWN = frozenset(
    {FailureReason.CONNECTION, FailureReason.TIMEOUT, FailureReason.SERVER_ERROR, FailureReason.RATE_LIMITED}
)


_BLAMES_ENDPOINT = _DOWN | {FailureReason.UNAUTHORIZED}


class EndpointDownError(SteelyardError):
    """The endpoint answers nobody: the unit stops, what was not asked stays unasked."""

    code = "endpoint_down"


class Sample:
    """Which rows of a data set are asked: all, or `limit` of them drawn with the seed.

    A larger limit with the same seed draws a superset.
    """

    def __init__(self, row_count: int, limit: int | None, seed: int) -> None:
        self.row_count = row_count
        self.size = row_count if limit is None else min(limit, row_count)
        self._chosen: bytearray | None = None
        if self.size < row_count:
            self._chosen = bytearray(row_count)
            # Fisher-Yates from the front, keeping only the places that moved: memory grows with the limit, not the file.
            moved: dict[int, int] = {}
            generator = random.Random(seed)  # noqa: S311
            for i in range(self.size):
                j = generator.randrange(i, row_count)
                self._chosen[moved.get(j, j)] = 1
                moved[j] = moved.get(i, i)

    def __contains__(self, position: int) -> bool:
        return self._chosen is None or self._chosen[position] == 1


class UnitDrive:
    """One unit on its way from rows to recorded answers with their scores.

    Args:
        unit: what to do.
        scorers: built, in the order of the journal's signatures from `first_scorer` on.
        first_scorer: index of the first of them in the journal's signatures.
        journal: open for writing.
        recorded: what is there already.
        counts: updated as answers come.
        repeats: answers per row.
    """

    def __init__(
        self,
        unit: UnitSpec,
        scorers: Sequence[Scorer],
        scorer_numbers: Sequence[int],
        journal: Journal,
        recorded: Recorded,
        counts: UnitCounts,
        repeats: int,
    ) -> None:
        self.unit = unit
        self.scorers = list(zip(scorer_numbers, scorers, strict=True))
        self.journal = journal
        self.recorded = recorded
        self.counts = counts
        self.repeats = repeats
        self._answers_seen = self._give_ups = self._refused_keys = 0
        self._first_refusal = ""
        self._held: list[AnswerRecord] = []

    async def infer(
        self,
        rows: Iterable[Row],
        builder: RequestBuilder,
        provider: Provider,
        governor: Governor,
        party: str,
        workers: int,
        earlier: dict[tuple[int, int], list[str]],
    ) -> None:
        """Asks for every answer that is not recorded.

        Args:
            rows: of the sample, streamed.
            builder: of the unit's object.
            provider: of its endpoint.
            governor: of its endpoint.
            party: whom the governor shares fairly with others.
            workers: rows on their way at once; turns, where the history is the references and no turn needs another.
            earlier: recorded answers of dialogues that were cut off, by (position, repeat); not looked at where the
                history is the references.

        Raises:
            EndpointDownError: the endpoint refuses the key or answers nobody; rows not asked stay unrecorded.
            StorageError: the journal cannot be written.
        """
        self._builder, self._provider, self._governor, self._party = builder, provider, governor, party
        steps = self._turns_apart(rows) if builder.told_references else self._dialogues(rows, earlier)

        async def work() -> None:
            for i, step in enumerate(steps):
                await step
                if i % BREATHE_EVERY == 0:
                    # A built-in answers without waiting: the journal and everybody else need their turn.
                    await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        self._record_held()

    def _dialogues(
        self, rows: Iterable[Row], earlier: dict[tuple[int, int], list[str]]
    ) -> Iterator[Coroutine[None, None, None]]:
        for row, repeat in self._missing(rows):
            yield self._dialogue(row, repeat, earlier.pop((row.position, repeat), []))

    def _turns_apart(self, rows: Iterable[Row]) -> Iterator[Coroutine[None, None, None]]:
        order = TurnOrder()
        for row, repeat in self._missing(rows):
            done = self._done(row.position, repeat)
            order.begin(row.position, repeat, done)
            for number in range(done, len(row.turns)):
                yield self._turn(row, repeat, number, order)

    def adopt(self, rows: Iterable[Row]) -> Iterator[None]:
        """Records the answers that a result set brings; yields after every row, so that the loop can breathe."""
        for row, repeat in self._missing(rows):
            for number in range(self._done(row.position, repeat), len(row.turns)):
                turn = row.turns[number]
                prompt = content_text(turn.input)
                if turn.answer is None:
                    reason = FailureReason.MISSING
                    record = AnswerRecord(
                        self.unit.index,
                        row.id,
                        row.position,
                        repeat,
                        number,
                        prompt=prompt,
                        failure=reason,
                        message="the result set holds no answer",
                        epoch=self.journal.epoch,
                    )
                    self._record(record, row, turn)
                else:
                    self._record(
                        AnswerRecord(
                            self.unit.index,
                            row.id,
                            row.position,
                            repeat,
                            number,
                            prompt=prompt,
                            text=turn.answer,
                            epoch=self.journal.epoch,
                        ),
                        row,
                        turn,
                    )
            yield

    def score(self, row: Row, answer: AnswerRecord, which: Sequence[int]) -> None:
        """Records the scores of the `which` scorers (indices) for an answer that was recorded without them."""
        scores = self._scores(answer, row, row.turns[answer.turn], [self.scorers[i] for i in which])
        self.journal.append_scores([msgspec.structs.replace(s, epoch=self.journal.epoch) for s in scores])

    def _missing(self, rows: Iterable[Row]) -> Iterator[tuple[Row, int]]:
        answered, repeats = self.recorded.answered, self.repeats
        for row in rows:
            turns = len(row.turns)
            for repeat in range(repeats):
                if answered[row.position * repeats + repeat] < turns:
                    yield row, repeat

    def _done(self, position: int, repeat: int) -> int:
        return self.recorded.answered[position * self.repeats + repeat]

    async def _dialogue(self, row: Row, repeat: int, answers: list[str]) -> None:
        for number in range(self._done(row.position, repeat), len(row.turns)):
            turn = row.turns[number]
            if len(answers) < number:
                reason = FailureReason.EARLIER_TURN
                record = AnswerRecord(
                    self.unit.index, row.id, row.position, repeat, number, prompt=content_text(turn.input), failure=reason,
                    message="an earlier turn of this dialogue has no answer", epoch=self.journal.epoch,
                )  # fmt: skip
            else:
                record = await self._ask(row, repeat, number, answers)
            if record.text is not None:
                answers.append(record.text)
            self._record(record, row, turn)

    async def _turn(self, row: Row, repeat: int, number: int, order: TurnOrder) -> None:
        record = await self._ask(row, repeat, number, ())
        for due in order.ready(record, len(row.turns)):
            self._record(due, row, row.turns[due.turn])

    async def _ask(self, row: Row, repeat: int, number: int, answers: Sequence[str]) -> AnswerRecord:
        try:
            request = self._builder.build(row, number, repeat, answers)
        except InputError as error:
            return AnswerRecord(
                self.unit.index,
                row.id,
                row.position,
                repeat,
                number,
                failure=FailureReason.REFUSED,
                message=error.message,
                epoch=self.journal.epoch,
            )
        tokens = request.prompt_tokens_max // 3 + (request.max_tokens or 256)
        endpoint = self._builder.endpoint
        attempt = limited = 0
        waited_s = 0.0
        seen_before = -1
        while True:
            attempt += 1
            permit = await self._governor.admit(self._party, tokens)
            seen_before = self._answers_seen if attempt == 1 else seen_before
            result: Answer | AttemptFailure | None = None
            started = perf_counter()
            try:
                result = await self._provider.attempt(request)
            finally:
                permit.settle(result)
            latency_ms = (perf_counter() - started) * 1000
            if isinstance(result, Answer):
                self._answers_seen += 1
                self._give_ups = self._refused_keys = 0
                self._record_held()
                return self._answered(request, result, latency_ms, attempt)
            self.counts.trouble = result.message
            limited += result.reason is FailureReason.RATE_LIMITED
            delay = next_delay_s(
                result, attempt, request.key, max_attempts=endpoint.max_attempts, limited=limited, waited_s=waited_s
            )
            if delay is None:
                self._watch(result, seen_before)
                return self._failed(request, result, latency_ms, attempt)
            if result.reason is FailureReason.RATE_LIMITED:
                waited_s += delay
            await asyncio.sleep(delay)

    def _watch(self, failure: AttemptFailure, seen_before: int) -> None:
        # A dead endpoint is not a thousand bad rows: stop before they are all marked, so that running again asks them.
        # Bad rows come last, because they are retried; but they were first sent while others were still answered.
        if seen_before != self._answers_seen:
            return
        if is_fatal(failure):
            self._refused_keys += 1
        if failure.reason in _DOWN or self._refuses_everybody(failure):
            self._give_ups += 1
        if self._refused_keys >= REFUSED_KEYS_IN_A_ROW or self._give_ups >= GIVE_UPS_IN_A_ROW:
            raise EndpointDownError(
                failure.message,
                where=self._builder.endpoint.label,
                hint="mend the endpoint, then run the same plan again: it goes on where it stopped",
            )

    def _refuses_everybody(self, failure: AttemptFailure) -> bool:
        """Returns whether it refuses with the very words that it refused the first with, and has answered nobody: a wrong model name."""
        if failure.reason is not FailureReason.REFUSED or self._answers_seen:
            return False
        self._first_refusal = self._first_refusal or failure.message
        return failure.message == self._first_refusal

    def _answered(self, request: Request, answer: Answer, latency_ms: float, attempts: int) -> AnswerRecord:
        usage = answer.usage
        return AnswerRecord(
            self.unit.index, request.row_id, request.position, request.repeat, request.turn, request.key, request.prompt, answer.text, answer.reasoning,
            "", "", 200, answer.finish_reason, usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens,
            round(latency_ms, 2), attempts, self.journal.epoch,
        )  # fmt: skip

    def _failed(self, request: Request, failure: AttemptFailure, latency_ms: float, attempts: int) -> AnswerRecord:
        return AnswerRecord(
            self.unit.index, request.row_id, request.position, request.repeat, request.turn, request.key, request.prompt, None, "",
            failure.reason, failure.message, failure.status, latency_ms=round(latency_ms, 2), attempts=attempts, epoch=self.journal.epoch,
        )  # fmt: skip

    def _record(self, record: AnswerRecord, row: Row, turn: Turn) -> None:
        counts = self.counts
        if record.text is None:
            # Whether the row or the endpoint is to blame shows with the next answer, or when all is asked.
            refused_so_far = record.failure == FailureReason.REFUSED and not self._answers_seen
            if self._held or refused_so_far or record.failure in _BLAMES_ENDPOINT:
                self._held.append(record)
                return
            self.journal.append(record, ())
            counts.failed += 1
            return
        # A turn that waited for one that failed comes after it here too.
        self._record_held()
        self.journal.append(record, self._scores(record, row, turn))
        counts.answered += 1
        counts.scored += 1
        counts.prompt_tokens += record.prompt_tokens or 0
        counts.completion_tokens += record.completion_tokens or 0

    def _record_held(self) -> None:
        for record in self._held:
            self.journal.append(record, ())
        self.counts.failed += len(self._held)
        self._held.clear()

    def _scores(
        self, record: AnswerRecord, row: Row, turn: Turn, scorers: Sequence[tuple[int, Scorer]] | None = None
    ) -> list[ScoreRecord]:
        case = ScoreCase(record.text or "", turn.references, record.prompt, row.columns)
        out: list[ScoreRecord] = []
        for number, scorer in self.scorers if scorers is None else scorers:
            if scorer.needs_reference and not case.references:
                out.append(
                    ScoreRecord(
                        record.unit,
                        record.row_id,
                        record.position,
                        record.repeat,
                        record.turn,
                        number,
                        None,
                        "no_reference",
                        epoch=record.epoch,
                    )
                )
                continue
            score = scorer.score(case)
            if isinstance(score, Scored):
                out.append(
                    ScoreRecord(
                        record.unit,
                        record.row_id,
                        record.position,
                        record.repeat,
                        record.turn,
                        number,
                        score.value,
                        score.reason,
                        score.flag,
                        score.parts,
                        record.epoch,
                    )
                )
            else:
                out.append(
                    ScoreRecord(
                        record.unit,
                        record.row_id,
                        record.position,
                        record.repeat,
                        record.turn,
                        number,
                        None,
                        score.reason,
                        epoch=record.epoch,
                    )
                )
        return out


def sampled(rows: Iterable[Row], sample: Sample) -> Iterator[Row]:
    """Yields the rows that the sample holds."""
    for row in rows:
        if row.position in sample:
            yield row
