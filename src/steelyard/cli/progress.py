"""Progress on standard error: bars on a terminal, a line now and then elsewhere. Rate and ETA are of this run, not of what was recorded before."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

from steelyard.cli.words import say

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from steelyard.domain.evaluation import Evaluation

QUIET_EVERY_S = 10.0
STALLED_AFTER_S = 15.0
"""So long without any answer is told, and told again after as long, even where progress is not shown."""


class ProgressLine:
    """Shows how an evaluation goes; a context manager, and the observer of a Run."""

    def __init__(self, lang: str, *, quiet: bool = False) -> None:
        self._lang = lang
        self._quiet = quiet
        self._started = self._last = monotonic()
        self._before: list[int] | None = None
        self._bars: Progress | None = None
        self._tasks: list[TaskID] = []
        self._moved: list[tuple[int, float]] = []
        """Per unit: requests done, and when that number (or the word about it) was last new."""

    def __enter__(self) -> ProgressLine:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bars = Progress(
                BarColumn(bar_width=24), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, evaluation: Evaluation) -> None:
        """Takes one look at the counts."""
        if not any(c.total for c in evaluation.counts):
            return
        self._watch(evaluation)
        if self._quiet:
            return
        if self._before is None:
            self._before = [c.answered + c.failed for c in evaluation.counts]
            self._started = self._last = monotonic()
            return
        lines = [self._line(evaluation, i) for i in range(len(evaluation.units))]
        if self._bars is not None:
            if not self._tasks:
                self._tasks = [self._bars.add_task("", total=c.total) for c in evaluation.counts]
            for task, counts, line in zip(self._tasks, evaluation.counts, lines, strict=True):
                self._bars.update(task, completed=counts.answered + counts.failed, description=line)
        elif monotonic() - self._last >= QUIET_EVERY_S:
            self._last = monotonic()
            print("\n".join(lines), file=sys.stderr, flush=True)

    def _watch(self, evaluation: Evaluation) -> None:
        """Says which endpoint keeps silent: a long run must not hang without a word."""
        now = monotonic()
        done = [c.answered + c.failed for c in evaluation.counts]
        if not self._moved:
            self._moved = [(n, now) for n in done]
        for i, (unit, counts) in enumerate(zip(evaluation.units, evaluation.counts, strict=True)):
            before, since = self._moved[i]
            if done[i] != before or done[i] == counts.total or unit.object.endpoint is None:
                self._moved[i] = (done[i], now)
            elif now - since >= STALLED_AFTER_S:
                self._moved[i] = (before, now)
                trouble = f" ({counts.trouble})" if counts.trouble else ""
                endpoint = unit.object.endpoint.label
                line = say(
                    self._lang,
                    "stalled",
                    label=unit.label,
                    seconds=round(now - since),
                    endpoint=endpoint,
                    trouble=trouble,
                )
                if self._bars is not None:
                    self._bars.console.print(line, markup=False)
                else:
                    print(line, file=sys.stderr, flush=True)

    def _line(self, evaluation: Evaluation, index: int) -> str:
        assert self._before is not None
        counts = evaluation.counts[index]
        done = counts.answered + counts.failed
        rate = (done - self._before[index]) / max(monotonic() - self._started, 1e-3)
        return say(
            self._lang, "progress", label=evaluation.units[index].label, done=done, total=counts.total, answered=counts.answered, failed=counts.failed,
            rate=f"{rate:.1f}", eta=_duration((counts.total - done) / rate) if rate > 0 else "?", tokens=counts.prompt_tokens + counts.completion_tokens,
        )  # fmt: skip


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
