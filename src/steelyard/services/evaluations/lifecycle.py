"""Carries an evaluation from queued to its end: infer, score, report. Started again after any death, it goes on where it was."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from steelyard.domain.errors import SteelyardError, StorageError
from steelyard.domain.evaluation import ENDED, Evaluation, EvaluationSpec, State, UnitCounts, UnitSpec, check_transition
from steelyard.flow.requests.build import RequestBuilder
from steelyard.flow.scores.registry import build_scorer
from steelyard.ports.journal import UnitShape
from steelyard.ports.provider import FittedProvider
from steelyard.services.evaluations.drive import EndpointDownError, Sample, UnitDrive, sampled
from steelyard.services.evaluations.rescore import score_missing
from steelyard.services.evaluations.results import write_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.domain.row import Row
    from steelyard.ports.journal import Journal, Recorded
    from steelyard.ports.rows import RowStore
    from steelyard.services.evaluations.platform import Platform

DEFAULT_CONCURRENCY = 64
TICK_S = 1.0


class Observer(Protocol):
    """Is told of progress about once a second, and at every change of state."""

    def __call__(self, evaluation: Evaluation) -> None:
        """Takes one look; must not keep the evaluation, which goes on changing."""
        ...


def _unobserved(evaluation: Evaluation) -> None:
    del evaluation


@dataclass
class Run:
    """One carrying out of an evaluation by this process; `stop` may be called from the same event loop at any time."""

    platform: Platform
    evaluation: Evaluation
    observe: Observer = _unobserved
    retry_failed: bool = False
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _reason: str = "user"
    _abandon: bool = False

    def stop(self, reason: str = "user") -> None:
        """Asks it to end: requests on their way are dropped, everything recorded stays."""
        self._reason = reason
        self._stopping.set()

    def abandon(self) -> None:
        """Ends it as a dying process would: it stays unfinished and resumes at the next start."""
        self._abandon = True
        self._stopping.set()

    async def carry_out(self) -> Evaluation:
        """Returns the evaluation in an ended state (or unfinished, when abandoned).

        Raises:
            ConflictError: another process works on it; nothing was touched.
        """
        evaluation, results = self.evaluation, self.platform.results
        signatures, numbers = _signatures(evaluation.units)
        journal = results.open_journal(evaluation.id, signatures)
        try:
            await self._with_journal(journal, numbers)
            if evaluation.state not in ENDED and not self._abandon:
                # Still under the lock: an unfinished evaluation that nobody holds is taken over by any server.
                await self._finish(journal)
        finally:
            await _close_quietly(journal)
        return evaluation

    async def _with_journal(self, journal: Journal, numbers: list[list[int]]) -> None:
        evaluation = self.evaluation
        evaluation.error = evaluation.stop_reason = evaluation.finished_at = ""
        evaluation.started_at = evaluation.started_at or self.platform.now()
        self.evaluation.state = State.QUEUED
        self._enter(State.INFERRING if evaluation.spec.objects[0].endpoint else State.SCORING)
        work = asyncio.create_task(self._work(journal, numbers))
        stopping = asyncio.create_task(self._stopping.wait())
        ticking = asyncio.create_task(self._tick())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                if not self._abandon:
                    self._enter(State.STOPPING)
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        except* SteelyardError as group:
            self._fail(_first(group))
        finally:
            for task in (work, stopping, ticking):
                task.cancel()
            await asyncio.gather(work, stopping, ticking, return_exceptions=True)
        if evaluation.state is State.STOPPING:
            evaluation.stop_reason = self._reason
            self._end(State.STOPPED)

    async def _work(self, journal: Journal, numbers: list[list[int]]) -> None:
        evaluation, results = self.evaluation, self.platform.results
        shapes = unit_shapes(evaluation)
        recorded = await asyncio.to_thread(results.recorded, evaluation.id, shapes, self.retry_failed)
        drives: list[UnitDrive] = []
        for unit, known in zip(evaluation.units, recorded, strict=True):
            counts = evaluation.counts[unit.index] = UnitCounts(
                self._expected(unit),
                known.n_answered,
                known.n_failed,
                known.n_answered,
                known.prompt_tokens,
                known.completion_tokens,
            )
            scorers = [build_scorer(s) for s in unit.scorers]
            drives.append(
                UnitDrive(unit, scorers, numbers[unit.index], journal, known, counts, evaluation.spec.repeats)
            )
        self.observe(evaluation)
        async with asyncio.TaskGroup() as group:
            for drive, known in zip(drives, recorded, strict=True):
                group.create_task(self._unit(drive, known))
        self._enter(State.SCORING)
        for drive, known in zip(drives, recorded, strict=True):
            await score_missing(self.platform, evaluation, drive, known)

    async def _unit(self, drive: UnitDrive, known: Recorded) -> None:
        unit, evaluation = drive.unit, self.evaluation
        evaluation.unit_states[unit.index] = State.INFERRING
        sample = self._sample(unit)
        rows = sampled(self.platform.rows.read(unit.dataset.version_id), sample)
        try:
            if unit.object.endpoint is None:
                for i, _ in enumerate(drive.adopt(rows)):
                    if i % 200 == 0:
                        await asyncio.sleep(0)
            elif known.n_answered + known.n_failed < drive.counts.total:
                # Where nothing is left to ask, scoring again needs neither the endpoint nor its key.
                await self._infer(drive, known, rows, sample)
            evaluation.unit_states[unit.index] = State.SCORING
        except* EndpointDownError as group:
            evaluation.unit_states[unit.index] = State.FAILED
            evaluation.error = evaluation.error or _first(group).line()

    async def _infer(self, drive: UnitDrive, known: Recorded, rows: Iterable[Row], sample: Sample) -> None:
        unit, spec, platform = drive.unit, self.evaluation.spec, self.platform
        endpoint = unit.object.endpoint
        assert endpoint is not None
        manifest = platform.rows.manifest(unit.dataset.version_id)
        builder = RequestBuilder(unit.object, manifest.columns)
        cap = min(c for c in (spec.max_concurrency or DEFAULT_CONCURRENCY, endpoint.max_concurrency) if c)
        provider = platform.providers.open(endpoint)
        try:
            if isinstance(provider, FittedProvider):
                provider.fit(platform.rows.read(unit.dataset.version_id), spec.seed)
            # Without an order among the turns of a row, each of them may be on its way at once.
            at_once = drive.counts.total if builder.told_references else sample.size * spec.repeats
            workers = max(1, min(cap, at_once))
            governor = platform.governors.of(endpoint, cap)
            goes_on = manifest.multi_turn and not builder.told_references
            earlier = self._cut_off_dialogues(unit, known) if goes_on else {}
            await drive.infer(rows, builder, provider, governor, self.evaluation.id, workers, earlier)
        finally:
            await provider.close()

    def _cut_off_dialogues(self, unit: UnitSpec, known: Recorded) -> dict[tuple[int, int], list[str]]:
        """Returns the recorded answers of dialogues that are begun but not ended; memory is bounded by what was in flight."""
        repeats = self.evaluation.spec.repeats
        turns: dict[tuple[int, int], dict[int, str]] = {}
        lengths: dict[int, int] = {}
        for row in self.platform.rows.read(unit.dataset.version_id):
            if len(row.turns) > 1 and any(
                0 < known.answered[row.position * repeats + r] < len(row.turns) for r in range(repeats)
            ):
                lengths[row.position] = len(row.turns)
        if lengths:
            for record in self.platform.results.answers(self.evaluation.id, unit.index):
                if record.position in lengths and record.text is not None:
                    turns.setdefault((record.position, record.repeat), {})[record.turn] = record.text
        return {key: [texts[i] for i in range(len(texts)) if i in texts] for key, texts in turns.items()}

    async def _finish(self, journal: Journal) -> None:
        try:
            # The report must see the last answers, or know that they could not be written.
            journal.flush()
            await self._aggregate()
        except SteelyardError as error:
            self._fail(error)

    async def _aggregate(self) -> None:
        evaluation = self.evaluation
        self._enter(State.AGGREGATING)
        for unit in evaluation.units:
            counts = evaluation.counts[unit.index]
            if evaluation.unit_states[unit.index] is not State.FAILED:
                complete = counts.answered == counts.total
                evaluation.unit_states[unit.index] = (
                    State.SUCCEEDED if complete else State.PARTIALLY_FAILED if counts.answered else State.FAILED
                )
        outcomes = set(evaluation.unit_states)
        state = outcomes.pop() if len(outcomes) == 1 else State.PARTIALLY_FAILED
        if state is State.FAILED:
            evaluation.error = (
                evaluation.error or "error[no_answers]: no request was answered - see the failures in the report"
            )
        evaluation.finished_at = self.platform.now()
        evaluation.state = state
        try:
            await asyncio.to_thread(write_report, self.platform, evaluation)
        finally:
            evaluation.state = State.AGGREGATING
        self._end(state)

    def _expected(self, unit: UnitSpec) -> int:
        return expected_answers(self.platform.rows, self.evaluation.spec, unit)

    def _sample(self, unit: UnitSpec) -> Sample:
        return _sample_of(self.evaluation.spec, unit)

    def _enter(self, state: State) -> None:
        check_transition(self.evaluation.state, state)
        self.evaluation.state = state
        self.platform.repositories.evaluations.save(self.evaluation)
        self.observe(self.evaluation)

    def _end(self, state: State) -> None:
        self.evaluation.finished_at = self.evaluation.finished_at or self.platform.now()
        for i, unit_state in enumerate(self.evaluation.unit_states):
            if unit_state not in ENDED:
                self.evaluation.unit_states[i] = state
        self._enter(state)

    def _fail(self, error: SteelyardError) -> None:
        self.evaluation.error = error.line()
        self._end(State.FAILED)

    async def _tick(self) -> None:
        evaluation = self.evaluation
        while True:
            await asyncio.sleep(TICK_S)
            self.platform.repositories.evaluations.progress(
                evaluation.id, evaluation.state, evaluation.unit_states, evaluation.counts
            )
            self.observe(evaluation)


def expected_answers(rows: RowStore, spec: EvaluationSpec, unit: UnitSpec) -> int:
    """Returns how many answers a complete unit has: rows of the sample x turns x repeats."""
    manifest, sample = rows.manifest(unit.dataset.version_id), _sample_of(spec, unit)
    if sample.size == manifest.row_count:
        return manifest.turn_count * spec.repeats
    if not manifest.multi_turn:
        return sample.size * spec.repeats
    return spec.repeats * sum(len(row.turns) for row in sampled(rows.read(manifest.id), sample))


def _sample_of(spec: EvaluationSpec, unit: UnitSpec) -> Sample:
    return Sample(unit.dataset.row_count, spec.limit, spec.seed)


def unit_shapes(evaluation: Evaluation) -> list[UnitShape]:
    """Returns rows x repeats of every unit."""
    return [UnitShape(unit.dataset.row_count, evaluation.spec.repeats) for unit in evaluation.units]


def _signatures(units: Sequence[UnitSpec]) -> tuple[list[str], list[list[int]]]:
    """Returns all scorer signatures once, and per unit the numbers of its own."""
    signatures: list[str] = []
    numbers: list[list[int]] = []
    for unit in units:
        own = [build_scorer(s).signature for s in unit.scorers]
        signatures += [s for s in own if s not in signatures]
        numbers.append([signatures.index(s) for s in own])
    return signatures, numbers


async def _close_quietly(journal: Journal) -> None:
    # A write error has been told already, by the append that met it.
    with suppress(StorageError):
        await asyncio.to_thread(journal.close)


def _first(group: BaseExceptionGroup[SteelyardError]) -> SteelyardError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
