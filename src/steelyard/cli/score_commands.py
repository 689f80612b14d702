"""`score` and `stats`: any rule and any statistic of the report, on given inputs, without an evaluation."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from steelyard.domain.score import ScoreCase
    from steelyard.flow.scores.scorer import Scorer


def score(
    file: Annotated[Path, typer.Argument(help='JSON lines with "prediction", "reference" and maybe "prompt".')],
    scorer: Annotated[str, typer.Option("--scorer", help="The scorer's name.")],
    options: Annotated[str, typer.Option("--options", help="Its options as a JSON object.")] = "{}",
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of standard output.")] = None,
) -> None:
    """Score ready rows: one JSON line a row, then a summary line."""
    import msgspec

    from steelyard.adapters.formats.read import read_records
    from steelyard.domain.row import RowProblem
    from steelyard.domain.score import ScoreCase, ScorerSpec
    from steelyard.flow.prompts.template import content_text
    from steelyard.flow.rows.read import read_rows
    from steelyard.flow.scores.registry import build_scorer

    built = build_scorer(ScorerSpec(scorer, _object(options)))
    encode = msgspec.json.Encoder().encode
    total, count, sum_of_values = 0, 0, 0.0
    with out.open("w", encoding="utf-8") if out is not None else nullcontext(sys.stdout) as stream:
        for row in read_rows(read_records(file), file=file.name, kind="result_set"):
            if isinstance(row, RowProblem):
                raise _refused(row)
            for turn in row.turns:
                total += 1
                case = ScoreCase(turn.answer or "", turn.references, content_text(turn.input), row.columns)
                line = _score_line(built, case) if turn.answer is not None else _unscored("no_answer")
                if line["scored"]:
                    count += 1
                    sum_of_values += line["score"]
                stream.write(encode({**line, "signature": built.signature}).decode() + "\n")
        mean = sum_of_values / count if count else None
        summary = {
            "summary": True,
            "metric": built.metric,
            "mean": mean,
            "n": count,
            "n_unscored": total - count,
            "signature": built.signature,
        }
        stream.write(encode(summary).decode() + "\n")


def _score_line(scorer: Scorer[Any], case: ScoreCase) -> dict[str, Any]:
    from steelyard.domain.score import Scored

    if scorer.needs_reference and not case.references:
        return _unscored("no_reference")
    result = scorer.score(case)
    if isinstance(result, Scored):
        return {"score": result.value, "scored": True, "reason": result.flag or result.reason, "detail": result.reason}
    return _unscored(result.reason)


def _unscored(reason: str) -> dict[str, Any]:
    return {"score": None, "scored": False, "reason": reason, "detail": ""}


def stats(
    test: Annotated[str, typer.Argument(help="Name of the statistic.")],
    json: Annotated[str, typer.Option("--json", help="Its inputs as a JSON object; @FILE reads a file.")],
) -> None:
    """Compute any statistic of the report on given inputs: one JSON line."""
    import msgspec

    from steelyard.domain.errors import InputError
    from steelyard.flow.metrics.table import STATISTICS

    compute = STATISTICS.get(test)
    if compute is None:
        raise InputError(
            f"there is no statistic '{test}'",
            where="stats",
            hint="use one of " + ", ".join(sorted(STATISTICS)),
            code="unknown_statistic",
        )
    try:
        text = Path(json[1:]).read_text("utf-8") if json.startswith("@") else json
    except OSError as error:
        raise InputError(
            f"cannot read: {error.strerror}",
            where=json[1:],
            hint="give the path of a JSON file after @",
            code="no_such_file",
        ) from error
    print(msgspec.json.encode(compute(**_object(text))).decode())


def _object(text: str) -> dict[str, Any]:
    import msgspec

    from steelyard.domain.errors import InputError

    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(f"not a JSON object: {error}", where=text[:60], hint='for example {"variant": "L"}') from error


def _refused(problem: Any) -> Exception:
    from steelyard.domain.errors import InputError

    return InputError(
        problem.reason,
        where=f"{problem.file}:{problem.line} {problem.column}".strip(),
        hint="mend the row; nothing was scored after it",
        code="bad_rows",
    )
