"""`score` and `stats`: any rule and any statistic of the report, on given inputs, without an evaluation."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer


def score(
    file: Annotated[Path, typer.Argument(help='JSON lines with "prediction", "reference" and maybe "prompt".')],
    scorer: Annotated[str, typer.Option("--scorer", help="The scorer's name.")],
    options: Annotated[str, typer.Option("--options", help="Its options as a JSON object.")] = "{}",
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of standard output.")] = None,
) -> None:
    """Score ready rows: one JSON line a row, then a summary line."""
    from statistics import fmean

    import msgspec

    from steelyard.adapters.formats.read import read_records
    from steelyard.domain.row import RowProblem
    from steelyard.domain.score import ScoreCase, Scored, ScorerSpec
    from steelyard.flow.rows.ready import ready_case
    from steelyard.flow.scores.registry import build_scorer

    built = build_scorer(ScorerSpec(scorer, _object(options)))
    encode = msgspec.json.Encoder().encode
    values: list[float] = []
    total = 0
    with out.open("w", encoding="utf-8") if out is not None else nullcontext(sys.stdout) as stream:
        for record in read_records(file, "auto"):
            if isinstance(record, RowProblem):
                raise _refused(record)
            case = ready_case(record, file.name)
            if isinstance(case, RowProblem):
                raise _refused(case)
            assert isinstance(case, ScoreCase)
            total += 1
            if built.needs_reference and not case.references:
                line: dict[str, Any] = {"score": None, "scored": False, "reason": "no_reference"}
            else:
                result = built.score(case)
                if isinstance(result, Scored):
                    values.append(result.value)
                    line = {"score": result.value, "scored": True, "reason": result.flag or result.reason}
                else:
                    line = {"score": None, "scored": False, "reason": result.reason}
            stream.write(encode({**line, "signature": built.signature}).decode() + "\n")
        summary = {
            "summary": True,
            "metric": built.metric,
            "mean": fmean(values) if values else None,
            "n": len(values),
            "n_unscored": total - len(values),
            "signature": built.signature,
        }
        stream.write(encode(summary).decode() + "\n")


def stats(
    test: Annotated[str, typer.Argument(help="Name of the statistic.")],
    json: Annotated[str, typer.Option("--json", help="Its inputs as a JSON object; @FILE reads a file.")],
) -> None:
    """Compute any statistic of the report on given inputs: one JSON line."""
    import msgspec

    from steelyard.flow.metrics.table import compute

    text = Path(json[1:]).read_text("utf-8") if json.startswith("@") else json
    print(msgspec.json.encode(compute(test, _object(text))).decode())


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
