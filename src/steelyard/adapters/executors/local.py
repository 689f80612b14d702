"""Evaluations carried out inside the server's own event loop; whatever a dead process left behind goes on by itself."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from steelyard.domain.errors import ConflictError, NotFoundError, SteelyardError
from steelyard.domain.evaluation import ENDED, Evaluation, State
from steelyard.services.evaluations.lifecycle import Run

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from steelyard.services.evaluations.platform import Platform

T = TypeVar("T")

AT_ONCE = 8
LOOK_EVERY_S = 5.0
UNFINISHED = (State.QUEUED, State.INFERRING, State.SCORING, State.AGGREGATING, State.STOPPING)


@dataclass
class _Job:
    """One evaluation that was handed over; `run` is None while it waits for a place."""

    workspace_id: str
    retry_failed: bool
    task: asyncio.Task[None] | None = None
    run: Run | None = None
    again: bool | None = None
    """Handed over once more meanwhile, with this `retry_failed`."""


class LocalExecutor:
    """Implements ports.executor.Executor in one event loop. `submit` and `stop` may be called from any thread.

    Args:
        platform: the installation.
        log: gets what nobody expected, with its traceback.
        at_once: evaluations carried out at a time; the others stay queued.
        look_every_s: how often it looks for evaluations whose process died.
    """

    def __init__(
        self, platform: Platform, log: logging.Logger, *, at_once: int = AT_ONCE, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._platform = platform
        self._log = log
        self._look_every_s = look_every_s
        self._places = asyncio.Semaphore(at_once)
        self._jobs: dict[str, _Job] = {}
        self._orphans: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None
        self._draining = False

    async def start(self) -> None:
        """Takes every unfinished evaluation that no process works on, then keeps looking for such."""
        self._loop = asyncio.get_running_loop()
        await self._take_over(at_once=True)
        self._looking = asyncio.create_task(self._look())

    def submit(self, evaluation: Evaluation, *, retry_failed: bool = False) -> None:
        """See ports.executor.Executor. While the server ends, it stays queued for the next start."""
        self._in_loop(lambda: self._begin(evaluation.id, evaluation.workspace_id, retry_failed))

    def stop(self, evaluation_id: str) -> bool:
        """See ports.executor.Executor."""
        return self._in_loop(lambda: self._stop(evaluation_id))

    async def drain(self) -> None:
        """Leaves everything unfinished, as a dying process would but with all answers recorded; it resumes at the next start."""
        self._draining = True
        if self._looking is not None:
            self._looking.cancel()
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for job in self._jobs.values():
            if job.run is not None:
                job.run.abandon()
            elif job.task is not None:
                job.task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _in_loop(self, call: Callable[[], T]) -> T:
        loop = self._loop
        assert loop is not None, "start comes first"
        try:
            if asyncio.get_running_loop() is loop:
                return call()
        except RuntimeError:
            pass
        done: Future[T] = Future()

        def carry() -> None:
            try:
                done.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
                done.set_exception(error)

        loop.call_soon_threadsafe(carry)
        return done.result()

    def _begin(self, evaluation_id: str, workspace_id: str, retry_failed: bool) -> None:
        if self._draining:
            return
        there = self._jobs.get(evaluation_id)
        if there is not None:
            there.again = retry_failed
            return
        job = self._jobs[evaluation_id] = _Job(workspace_id, retry_failed)
        job.task = asyncio.create_task(self._work(evaluation_id, job))
        # Not a `finally` in the task: one that is cancelled before its first step runs none.
        job.task.add_done_callback(lambda _: self._done(evaluation_id, job))

    def _stop(self, evaluation_id: str) -> bool:
        job = self._jobs.get(evaluation_id)
        if job is None:
            return False
        if job.run is None:
            if self._platform.results.is_locked(evaluation_id):
                return False
            if job.task is not None:
                job.task.cancel()
            self._end_stopped(evaluation_id, job.workspace_id)
            return True
        evaluation = job.run.evaluation
        if evaluation.state in {State.INFERRING, State.SCORING}:
            evaluation.state = State.STOPPING
            self._platform.repositories.evaluations.save(evaluation)
        job.run.stop()
        return True

    async def _work(self, evaluation_id: str, job: _Job) -> None:
        async with self._places:
            await self._carry_out(evaluation_id, job)

    def _done(self, evaluation_id: str, job: _Job) -> None:
        del self._jobs[evaluation_id]
        if job.again is not None:
            self._begin(evaluation_id, job.workspace_id, job.again)

    async def _carry_out(self, evaluation_id: str, job: _Job) -> None:
        evaluation: Evaluation | None = None
        try:
            # Read anew with no pause before the lock is taken: another process may have ended it while it waited here.
            evaluation = self._platform.repositories.evaluations.get(job.workspace_id, evaluation_id)
            if evaluation.state is State.STOPPING:
                self._end_stopped(evaluation_id, job.workspace_id)
            elif evaluation.state in UNFINISHED:
                job.run = Run(self._platform, evaluation, retry_failed=job.retry_failed)
                await job.run.carry_out()
        except (ConflictError, NotFoundError) as error:
            self._log.info("evaluation %s is left alone: %s", evaluation_id, error.message)
        except SteelyardError as error:
            self._log.warning("evaluation %s failed: %s", evaluation_id, error.line())
            self._fail(evaluation, error.line())
        except Exception as error:  # noqa: BLE001 - one evaluation's bug must not end the others
            self._log.exception("evaluation %s failed", evaluation_id)
            self._fail(evaluation, f"error[internal]: {_innermost(error)} - the server's log says more")

    def _end_stopped(self, evaluation_id: str, workspace_id: str) -> None:
        """Marks as stopped what nobody works on; the lock keeps others out meanwhile. Raises ConflictError."""
        journal = self._platform.results.open_journal(evaluation_id, [])
        try:
            evaluation = self._platform.repositories.evaluations.get(workspace_id, evaluation_id)
            if evaluation.state in UNFINISHED:
                evaluation.stop_reason = evaluation.stop_reason or "user"
                self._end(evaluation, State.STOPPED)
        finally:
            journal.close()

    def _fail(self, evaluation: Evaluation | None, line: str) -> None:
        if evaluation is None or evaluation.state in ENDED:
            return
        evaluation.error = line
        try:
            self._end(evaluation, State.FAILED)
        except SteelyardError as error:
            self._log.error("evaluation %s cannot be stored: %s", evaluation.id, error.line())

    def _end(self, evaluation: Evaluation, state: State) -> None:
        evaluation.state = state
        evaluation.finished_at = self._platform.now()
        evaluation.unit_states = [s if s in ENDED else state for s in evaluation.unit_states]
        self._platform.repositories.evaluations.save(evaluation)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                await self._take_over(at_once=False)
            except SteelyardError as error:
                self._log.warning("cannot look for unfinished evaluations: %s", error.line())
            except Exception:  # noqa: BLE001 - it looks again, whatever happened this time
                self._log.exception("cannot look for unfinished evaluations")

    async def _take_over(self, *, at_once: bool) -> None:
        free = {e.id: e for e in await asyncio.to_thread(self._unlocked) if e.id not in self._jobs}
        # Between being stored and being locked an evaluation looks like an orphan; one that looks so twice is one.
        taken = set(free) if at_once else set(free) & self._orphans
        self._orphans = set(free) - taken
        for evaluation_id in free:
            if evaluation_id in taken:
                self._begin(evaluation_id, free[evaluation_id].workspace_id, retry_failed=False)

    def _unlocked(self) -> list[Evaluation]:
        found = self._platform.repositories.evaluations.in_states(UNFINISHED)
        return [e for e in found if self._is_free(e.id)]

    def _is_free(self, evaluation_id: str) -> bool:
        try:
            return not self._platform.results.is_locked(evaluation_id)
        except SteelyardError as error:
            self._log.warning("cannot look whether evaluation %s is worked on: %s", evaluation_id, error.line())
            return False


def _innermost(error: Exception) -> str:
    """Returns the name of the error's class, never its text, which may hold a credential."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
