"""`run` and `demo`: evaluate in this process; the same plan again resumes, re-scores, or prints what is finished."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steelyard.cli.catalog import CLI_USER, LocalCatalog
from steelyard.cli.progress import ProgressLine
from steelyard.cli.words import say
from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.evaluation import ENDED, Evaluation, State
from steelyard.domain.ids import DEFAULT_WORKSPACE
from steelyard.flow.scores.registry import build_scorer
from steelyard.services.evaluations.create import Draft, compile_plan, new_evaluation, with_scorers
from steelyard.services.evaluations.endpoints import check_reachable
from steelyard.services.evaluations.lifecycle import Run, unit_shapes
from steelyard.services.evaluations.plan import DEEPEST, PlanIn, read_plan
from steelyard.wiring import open_platform

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from steelyard.domain.report import Report
    from steelyard.services.evaluations.platform import Platform
    from steelyard.settings import Settings


def load_plan(path: Path, limit: int | None, allow_failed: float | None) -> PlanIn:
    """Returns the plan of a YAML or JSON file, flags laid over it. Raises InputError naming file and line."""
    import yaml

    try:
        text = path.read_text("utf-8")
        _check_depth(yaml, text, path)
        data: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except OSError as error:
        raise InputError(
            f"the plan cannot be read: {error.strerror}",
            where=str(path),
            hint="give the path of a YAML plan",
            code="no_such_file",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            "the plan is not UTF-8 text", where=str(path), hint="save it as UTF-8", code="bad_plan"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise InputError(
            f"the plan is not YAML: {getattr(error, 'problem', error)}",
            where=f"{path}{line}",
            hint="mend the syntax there",
            code="bad_plan",
        ) from error
    plan = read_plan(data, where=path.name)
    if limit is not None:
        plan.limit = limit
    if allow_failed is not None:
        plan.allow_failed = allow_failed
    return plan


def _check_depth(yaml: Any, text: str, path: Path) -> None:
    """Refuses a plan whose nesting would exhaust the parser, which is written in C and would take the process with it."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1
                raise InputError(
                    "the plan is nested too deeply", where=f"{path}:{line}", hint="write it flatter", code="bad_plan"
                )
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def run_plan(
    plan: PlanIn,
    folder: Path,
    where: str,
    settings: Settings,
    *,
    as_json: bool,
    fresh: bool = False,
    retry_failed: bool = False,
    gates: dict[str, float] | None = None,
) -> int:
    """Carries a plan out and prints its report; returns the exit status."""
    with open_platform(settings) as platform:
        catalog = LocalCatalog(platform, folder, plan.mapping, settings.data_dir / "presets")
        draft = compile_plan(plan, catalog, where=where)
        _check_gate_names(draft, gates or {})
        lang = settings.lang
        for warning in draft.warnings:
            print(say(lang, "warning", text=warning), file=sys.stderr)
        if draft.spec.rows_dropped:
            print(say(lang, "rows_dropped", n=draft.spec.rows_dropped), file=sys.stderr)
        evaluation = (
            None if fresh else platform.repositories.evaluations.find_by_plan(DEFAULT_WORKSPACE, draft.plan_hash)
        )
        interrupted = False
        if evaluation is not None and _is_done(platform, evaluation, draft, retry_failed, lang):
            print(say(lang, "finished", id=evaluation.id), file=sys.stderr)
        else:
            evaluation, interrupted = _loop(
                _carry_out(platform, draft, evaluation, lang, quiet=as_json, fresh=fresh, retry_failed=retry_failed)
            )
        return _conclude(platform, evaluation, settings, as_json, interrupted, gates or {})


def _check_gate_names(draft: Draft, gates: dict[str, float]) -> None:
    """Refuses a gate that no scorer of the plan could ever meet, before anything is asked."""
    spec = draft.spec
    scorers = [build_scorer(s) for use in spec.datasets for s in use.scorers or spec.scorers]
    known = {s.metric for s in scorers} | {f"{s.metric}_corpus" for s in scorers}
    for name, limit in gates.items():
        if name not in known:
            hint = "use one of " + ", ".join(sorted({s.metric for s in scorers}))
            raise InputError(
                f"no scorer of the plan gives '{name}'", where="--fail-under", hint=hint, code="unknown_metric"
            )
        if not 0 <= limit <= 1:
            raise InputError(
                f"{limit:g} is out of range", where=f"--fail-under {name}", hint="metrics are 0..1: 80 % is 0.8"
            )


def _is_done(platform: Platform, evaluation: Evaluation, draft: Draft, retry_failed: bool, lang: str) -> bool:
    if platform.results.is_locked(evaluation.id):
        raise ConflictError(
            "this plan is being run by another process",
            where=evaluation.id,
            hint="wait for it, or stop it there",
            code="evaluation_locked",
        )
    old_name = evaluation.name
    new_scorers = with_scorers(evaluation, draft)
    if evaluation.name != old_name:
        print(say(lang, "renamed", id=evaluation.id, old=old_name, new=evaluation.name), file=sys.stderr)
    ended = evaluation.state in {State.SUCCEEDED, State.PARTIALLY_FAILED}
    if (
        ended
        and _asked_all(evaluation)
        and all(_what_is_there(platform, evaluation))
        and not new_scorers
        and not retry_failed
    ):
        from steelyard.services.evaluations.results import write_report

        platform.repositories.evaluations.save(evaluation)
        write_report(platform, evaluation)
        return True
    return False


def _asked_all(evaluation: Evaluation) -> bool:
    """Returns whether every request has an answer or a failure: an endpoint that went down leaves some unasked."""
    return all(c.total and c.answered + c.failed >= c.total for c in evaluation.counts)


def _what_is_there(platform: Platform, evaluation: Evaluation) -> tuple[bool, bool]:
    """Returns whether all answers, and all their scores, are still on disk: what was removed is made again, not reported as none."""
    recorded = platform.results.recorded(evaluation.id, unit_shapes(evaluation))
    answers = scores = True
    for unit, known, counts in zip(evaluation.units, recorded, evaluation.counts, strict=True):
        scored = [sum(known.scored.get(build_scorer(s).signature, b"")) for s in unit.scorers]
        answers = answers and known.n_answered + known.n_failed >= counts.total
        scores = scores and min(scored) >= known.n_answered
    return answers, scores


async def _carry_out(
    platform: Platform,
    draft: Draft,
    evaluation: Evaluation | None,
    lang: str,
    *,
    quiet: bool,
    fresh: bool,
    retry_failed: bool,
) -> tuple[Evaluation, bool]:
    if evaluation is None or retry_failed or not _asked_all(evaluation) or not _what_is_there(platform, evaluation)[0]:
        await check_reachable(platform.providers, [o.endpoint for o in draft.spec.objects if o.endpoint is not None])
    if evaluation is None:
        evaluation = _stored(platform, draft, fresh)
    with ProgressLine(lang, quiet=quiet) as progress:
        run = Run(platform, evaluation, progress, retry_failed)
        interrupted = False

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = True
            run.stop()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, interrupt)
        loop.add_signal_handler(signal.SIGTERM, interrupt)
        await run.carry_out()
    return evaluation, interrupted


def _stored(platform: Platform, draft: Draft, fresh: bool) -> Evaluation:
    """Stores the evaluation, or returns the one that another process has stored since the plan was read."""
    evaluations = platform.repositories.evaluations
    there = None if fresh else evaluations.find_by_plan(DEFAULT_WORKSPACE, draft.plan_hash)
    if there is not None:
        with_scorers(there, draft)
        return there
    evaluation = new_evaluation(draft, workspace_id=DEFAULT_WORKSPACE, created_by=CLI_USER, now=platform.now())
    evaluations.add(evaluation)
    return evaluation


def _loop(work: Coroutine[Any, Any, tuple[Evaluation, bool]]) -> tuple[Evaluation, bool]:
    import uvloop

    return uvloop.run(work)


def _conclude(
    platform: Platform,
    evaluation: Evaluation,
    settings: Settings,
    as_json: bool,
    interrupted: bool,
    gates: dict[str, float],
) -> int:
    from steelyard.services.evaluations.results import current_report

    lang = settings.lang
    report = current_report(platform, evaluation)
    if as_json:
        from steelyard.flow.reports.render_json import render_json

        print(render_json(report, lang))
    else:
        from steelyard.flow.reports.render_text import render_text

        print(render_text(report, lang))
        folder = settings.data_dir / "evaluations" / evaluation.id
        directory = "" if settings.data_dir == Path(".steelyard") else f" --data-dir {settings.data_dir}"
        print(say(lang, "look", id=evaluation.id, folder=folder, dir=directory))
    if evaluation.error:
        print(evaluation.error, file=sys.stderr)
    if interrupted and evaluation.state not in {State.SUCCEEDED, State.PARTIALLY_FAILED}:
        print(say(lang, "interrupted"), file=sys.stderr)
        return 130
    status = _status(evaluation)
    failed = sum(c.failed for c in evaluation.counts)
    if failed and evaluation.state in ENDED and evaluation.spec.objects[0].endpoint is not None:
        print(say(lang, "retry_hint", n=failed), file=sys.stderr)
    return max(status, _check_gates(report, gates, lang))


def _status(evaluation: Evaluation) -> int:
    if evaluation.state is State.SUCCEEDED:
        return 0
    if evaluation.state is State.PARTIALLY_FAILED:
        total = sum(c.total for c in evaluation.counts)
        answered = sum(c.answered for c in evaluation.counts)
        return 0 if total - answered <= evaluation.spec.allow_failed * total else 1
    return 1


def _check_gates(report: Report, gates: dict[str, float], lang: str) -> int:
    missed = False
    for name, limit in gates.items():
        found = [(u.label, m.value) for u in report.units for m in u.metrics if m.name == name]
        if not found:
            missed = True
            print(say(lang, "gate_unknown", metric=name), file=sys.stderr)
        for label, value in found:
            if value is None:
                missed = True
                print(say(lang, "gate_no_value", metric=name, label=label), file=sys.stderr)
            elif value < limit:
                missed = True
                print(
                    say(lang, "gate_missed", metric=name, label=label, value=f"{value:.4f}", limit=limit),
                    file=sys.stderr,
                )
    return 1 if missed else 0


def demo(settings: Settings) -> int:
    """Runs both demo plans on the bundled data and prints their reports; returns the worse exit status."""
    from importlib.resources import as_file, files

    status = 0
    with as_file(files("steelyard") / "data" / "demo") as folder:
        for name, key in (("plan-baselines.yaml", "demo_baselines"), ("plan-answers.yaml", "demo_answers")):
            print(say(settings.lang, key) + "\n")
            plan = load_plan(folder / name, None, None)
            status = max(status, run_plan(plan, folder, name, settings, as_json=False))
            print()
    return status
