"""The executor inside one event loop: places, stops, takeovers, and what nobody expected."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.http.serving import as_jsonl, environment, plan, sums
from tests.support.endpoint import running_endpoint

from steelyard.adapters.executors.local import LocalExecutor
from steelyard.adapters.formats.read import read_records
from steelyard.adapters.store.journal import JournalWriter
from steelyard.domain.errors import ConflictError
from steelyard.domain.evaluation import ENDED, Evaluation, State
from steelyard.domain.ids import DEFAULT_WORKSPACE
from steelyard.services.datasets import import_dataset
from steelyard.services.evaluations.control import (
    StoredCatalog,
    delete_evaluation,
    resume_evaluation,
    start_evaluation,
    stop_evaluation,
)
from steelyard.services.evaluations.create import compile_plan, new_evaluation
from steelyard.services.evaluations.plan import read_plan
from steelyard.settings import load_settings
from steelyard.wiring import open_platform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from steelyard.services.evaluations.platform import Platform

from steelyard.ports.identity import Principal

LOG = logging.getLogger("test")
WHO = Principal(DEFAULT_WORKSPACE, "root", "ak-test")
SLOW = "builtin:scripted?latency_ms=80"


@pytest.fixture
def platform(data_dir: Path) -> Iterator[Platform]:
    with open_platform(load_settings({}, data_dir=data_dir)) as opened:
        yield opened


def draft(platform: Platform, endpoint: str = "builtin:echo", rows: int = 20, **more: Any) -> Any:
    path = platform_folder(platform) / f"rows-{rows}.jsonl"
    path.write_bytes(as_jsonl(sums(rows)))
    record, _ = import_dataset(
        rows=platform.rows, datasets=platform.repositories.datasets, workspace_id=DEFAULT_WORKSPACE, created_by="root",
        now=platform.now(), name="rows", kind="general", records=read_records(path), file="rows.jsonl",
    )  # fmt: skip
    body = plan(record.version_id, endpoint, limits={"max_concurrency": 2}, **more)
    return compile_plan(read_plan(body), StoredCatalog(platform, DEFAULT_WORKSPACE))


def platform_folder(platform: Platform) -> Path:
    return platform.results._root.parent  # type: ignore[attr-defined]


def stored(platform: Platform, **more: Any) -> Evaluation:
    """An evaluation that is stored as queued and that nobody works on."""
    evaluation = new_evaluation(
        draft(platform, **more), workspace_id=DEFAULT_WORKSPACE, created_by="r", now="2026-01-01"
    )
    platform.repositories.evaluations.add(evaluation)
    return evaluation


def state_of(platform: Platform, evaluation: Evaluation) -> State:
    return platform.repositories.evaluations.get(DEFAULT_WORKSPACE, evaluation.id).state


async def until(platform: Platform, evaluation: Evaluation, states: set[State] | frozenset[State]) -> Evaluation:
    deadline = time.monotonic() + 30
    while state_of(platform, evaluation) not in states:
        assert time.monotonic() < deadline, state_of(platform, evaluation)
        await asyncio.sleep(0.02)
    return platform.repositories.evaluations.get(DEFAULT_WORKSPACE, evaluation.id)


def with_executor(platform: Platform, work: Callable[[LocalExecutor], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        executor = LocalExecutor(platform, LOG, **options)
        await executor.start()
        try:
            await work(executor)
        finally:
            await executor.drain()

    asyncio.run(main())


def test_no_more_than_so_many_at_once_and_a_waiting_one_can_be_stopped(platform: Platform) -> None:
    async def work(executor: LocalExecutor) -> None:
        one, two, three = (start_evaluation(platform, executor, draft(platform, SLOW), WHO) for _ in range(3))
        await until(platform, one, {State.INFERRING})
        await asyncio.sleep(0.1)
        assert [state_of(platform, e) for e in (one, two, three)] == [State.INFERRING, State.QUEUED, State.QUEUED]
        stop_evaluation(platform, executor, DEFAULT_WORKSPACE, two.id)
        assert state_of(platform, two) is State.STOPPED
        assert (await until(platform, three, ENDED)).state is State.SUCCEEDED
        assert state_of(platform, one) is State.SUCCEEDED
        resume_evaluation(platform, executor, DEFAULT_WORKSPACE, two.id)
        assert (await until(platform, two, ENDED - {State.STOPPED})).state is State.SUCCEEDED

    with_executor(platform, work, at_once=1)


def test_one_stopped_before_its_first_step_can_be_resumed(platform: Platform) -> None:
    async def work(executor: LocalExecutor) -> None:
        evaluation = start_evaluation(platform, executor, draft(platform), WHO)
        assert executor.stop(evaluation.id)
        assert state_of(platform, evaluation) is State.STOPPED
        resume_evaluation(platform, executor, DEFAULT_WORKSPACE, evaluation.id)
        assert (await until(platform, evaluation, ENDED)).state is State.SUCCEEDED

    with_executor(platform, work)


def test_one_resumed_while_its_results_are_closed_goes_on(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    original = JournalWriter.close

    def slow(self: JournalWriter) -> None:
        time.sleep(0.3)
        original(self)

    monkeypatch.setattr(JournalWriter, "close", slow)

    async def work(executor: LocalExecutor) -> None:
        evaluation = start_evaluation(platform, executor, draft(platform, SLOW, rows=8), WHO)
        await until(platform, evaluation, {State.INFERRING})
        executor.stop(evaluation.id)
        await until(platform, evaluation, {State.STOPPED})
        with pytest.raises(ConflictError):
            delete_evaluation(platform, DEFAULT_WORKSPACE, evaluation.id)
        resume_evaluation(platform, executor, DEFAULT_WORKSPACE, evaluation.id)
        assert (await until(platform, evaluation, ENDED)).state is State.SUCCEEDED

    with_executor(platform, work, look_every_s=3600)


def test_it_may_be_called_from_any_thread(platform: Platform) -> None:
    async def work(executor: LocalExecutor) -> None:
        planned = draft(platform, SLOW)
        evaluation = await asyncio.to_thread(start_evaluation, platform, executor, planned, WHO)
        await until(platform, evaluation, {State.INFERRING})
        stopping = await asyncio.to_thread(stop_evaluation, platform, executor, DEFAULT_WORKSPACE, evaluation.id)
        assert stopping.state is State.STOPPING
        assert (await until(platform, evaluation, ENDED)).stop_reason == "user"
        assert await asyncio.to_thread(executor.stop, "ame-unknown") is False

    with_executor(platform, work)


def test_handing_over_twice_does_it_once(platform: Platform) -> None:
    async def work(executor: LocalExecutor) -> None:
        evaluation = start_evaluation(platform, executor, draft(platform, SLOW, rows=4), WHO)
        executor.submit(evaluation)
        await until(platform, evaluation, ENDED)
        await asyncio.sleep(0.3)
        parts = platform_folder(platform) / "evaluations" / evaluation.id / "journal"
        assert len(list(parts.iterdir())) == 1
        delete_evaluation(platform, DEFAULT_WORKSPACE, evaluation.id)

    with_executor(platform, work)


@pytest.mark.parametrize("left", [State.QUEUED, State.INFERRING, State.SCORING, State.AGGREGATING])
def test_what_a_dead_process_left_behind_is_finished(platform: Platform, left: State) -> None:
    evaluation = stored(platform)
    evaluation.state = left
    platform.repositories.evaluations.save(evaluation)

    async def work(_executor: LocalExecutor) -> None:
        assert (await until(platform, evaluation, ENDED)).state is State.SUCCEEDED

    with_executor(platform, work, look_every_s=3600)


def test_what_was_stopping_is_stopped(platform: Platform) -> None:
    evaluation = stored(platform)
    evaluation.state = State.STOPPING
    platform.repositories.evaluations.save(evaluation)

    async def work(_executor: LocalExecutor) -> None:
        ended = await until(platform, evaluation, ENDED)
        assert (ended.state, ended.stop_reason) == (State.STOPPED, "user")
        assert set(ended.unit_states) == {State.STOPPED}
        assert list(platform.results.answers(evaluation.id)) == []

    with_executor(platform, work)


@pytest.mark.parametrize("ended", sorted(ENDED))
def test_what_has_ended_is_left_alone(platform: Platform, ended: State) -> None:
    evaluation = stored(platform)
    evaluation.state = ended
    platform.repositories.evaluations.save(evaluation)

    async def work(_executor: LocalExecutor) -> None:
        await asyncio.sleep(0.3)
        assert state_of(platform, evaluation) is ended

    with_executor(platform, work, look_every_s=0.05)


def test_what_another_process_works_on_is_left_alone_until_it_dies(
    platform: Platform, data_dir: Path, tmp_path: Path
) -> None:
    with running_endpoint(answer="sum", latency_ms=60) as endpoint:
        (tmp_path / "rows.jsonl").write_bytes(as_jsonl(sums(150)))
        (tmp_path / "plan.yaml").write_text(
            f"dataset: rows.jsonl\nscorers: [exact]\nobjects:\n- label: m\n  endpoint: {{base_url: {endpoint.base_url}, model: m, max_concurrency: 3}}\n"
        )
        command = [sys.executable, "-m", "steelyard", "run", str(tmp_path / "plan.yaml"), "--data-dir", str(data_dir)]

        async def work(executor: LocalExecutor) -> None:
            with died(command) as run:
                while not (items := platform.repositories.evaluations.list(DEFAULT_WORKSPACE).items):
                    assert run.poll() is None
                    await asyncio.sleep(0.05)
                evaluation = items[0]
                await until(platform, evaluation, {State.INFERRING})
                await asyncio.sleep(0.5)
                assert executor.stop(evaluation.id) is False
                executor.submit(evaluation)
                await asyncio.sleep(0.2)
                assert state_of(platform, evaluation) is State.INFERRING
                with pytest.raises(ConflictError):
                    stop_evaluation(platform, executor, DEFAULT_WORKSPACE, evaluation.id)
                assert endpoint.stats()["asked_again"] == 0
            recorded = {record.prompt for record in platform.results.answers(evaluation.id)}
            assert 0 < len(recorded) < 150
            before = endpoint.prompts()
            assert (await until(platform, evaluation, ENDED)).state is State.SUCCEEDED
            after = endpoint.prompts()
            assert len(after) == 150
            assert {prompt for prompt in recorded if after[prompt] != before[prompt]} == set()

        with_executor(platform, work, look_every_s=0.1)


@contextmanager
def died(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed at the end of the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_bug_fails_one_evaluation_and_not_the_server(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = type(platform.rows).read

    def broken(self: Any, version_id: str, start: int = 0, stop: int | None = None) -> Any:
        if version_id == bad_version:
            raise RuntimeError("a bug with sk-secret in it")
        return original(self, version_id, start, stop)

    bad, good = stored(platform, rows=5), stored(platform, rows=6)
    bad_version = bad.spec.datasets[0].version_id
    monkeypatch.setattr(type(platform.rows), "read", broken)

    async def work(_executor: LocalExecutor) -> None:
        failed = await until(platform, bad, ENDED)
        assert failed.state is State.FAILED
        assert failed.error.startswith("error[internal]: RuntimeError")
        assert "sk-secret" not in failed.error
        assert "\n" not in failed.error
        assert (await until(platform, good, ENDED)).state is State.SUCCEEDED

    with_executor(platform, work)
    assert any(record.exc_info for record in caplog.records)


def test_draining_leaves_work_for_the_next_start(platform: Platform) -> None:
    evaluation = stored(platform, endpoint=SLOW, rows=20)

    async def first(_executor: LocalExecutor) -> None:
        await until(platform, evaluation, {State.INFERRING})
        await asyncio.sleep(0.3)

    async def second(_executor: LocalExecutor) -> None:
        assert (await until(platform, evaluation, ENDED)).state is State.SUCCEEDED

    with_executor(platform, first)
    recorded = len(list(platform.results.answers(evaluation.id)))
    assert 0 < recorded < 20
    assert state_of(platform, evaluation) is State.INFERRING
    with_executor(platform, second)
    assert len(list(platform.results.answers(evaluation.id))) == 20
