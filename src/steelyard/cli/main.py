"""The `steelyard` command: thin. Every error a person causes is one line on standard error and exit status 2; bodies import late."""

from __future__ import annotations

import atexit
import gc
import math
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import steelyard.cli.check_commands  # noqa: F401  # pyright: ignore[reportUnusedImport]
from steelyard.cli.dataset_commands import dataset_app
from steelyard.cli.preset_commands import preset_app
from steelyard.cli.read_commands import compare, evaluations, report, samples
from steelyard.cli.registry_commands import endpoint_app, key_app
from steelyard.cli.score_commands import score, stats
from steelyard.cli.serve_command import serve

app = typer.Typer(
    name="steelyard", add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Steelyard (杆秤): evaluates large language models. 评测大语言模型。",
)  # fmt: skip
app.add_typer(dataset_app, name="dataset")
app.add_typer(endpoint_app, name="endpoint")
app.add_typer(key_app, name="key")
app.add_typer(preset_app, name="preset")
for command in (evaluations, report, compare, samples, score, stats, serve):
    app.command()(command)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from steelyard.version import __version__

        print(f"steelyard {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command()
def run(
    plan: Annotated[Path, typer.Argument(help="The plan, YAML or JSON.")],
    data_dir: DataDir = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Evaluate this many rows, drawn with the plan's seed.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(help="Refused until a cap can be held.")] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option("--fail-under", metavar="METRIC=V", help="Exit 1 when an object's metric is lower."),
    ] = None,
    allow_failed: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of requests that may fail without exit 1.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start anew instead of resuming.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Ask again what failed.")] = False,
) -> int:
    """Evaluate a plan in this process; the same plan again resumes it, or prints the finished report."""
    from steelyard.cli.run import load_plan, run_plan
    from steelyard.domain.errors import InputError
    from steelyard.settings import load_settings

    del yes
    settings = load_settings(data_dir=data_dir)
    if max_cost is not None:
        raise InputError(
            "max_cost cannot be held yet by this version",
            where="--max-cost",
            hint="leave it out, or bound the rows with --limit",
            code="unsupported",
        )
    gates = {name: _number(value, name) for name, _, value in (item.partition("=") for item in fail_under or [])}
    return run_plan(
        load_plan(plan, limit, allow_failed),
        plan.parent,
        plan.name,
        settings,
        as_json=json,
        fresh=fresh,
        retry_failed=retry_failed,
        gates=gates,
    )


@app.command()
def demo(data_dir: DataDir = None) -> int:
    """Run two evaluations on the bundled data and print their reports."""
    from steelyard.cli.run import demo as run_demo
    from steelyard.settings import load_settings

    return run_demo(load_settings(data_dir=data_dir))


def _number(text: str, name: str) -> float:
    from steelyard.domain.errors import InputError

    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    # NaN is over nothing and under nothing: such a gate would always be passed.
    raise InputError(
        f"--fail-under takes METRIC=NUMBER, not '{name}={text}'",
        where="--fail-under",
        hint="for example --fail-under accuracy=0.8",
    )


def _usage_line(error: Exception, message: str) -> str:
    from steelyard.domain.errors import InputError

    context = getattr(error, "ctx", None)
    if context is not None and message == context.get_help():
        return message
    command = getattr(context, "command_path", "steelyard")
    message = " ".join(message.split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    return InputError(message, where=command, hint=f"see {command} --help", code="usage").line()


def _file_line(error: OSError) -> str:
    from steelyard.domain.errors import InputError

    where = str(error.filename) if error.filename else "standard output"
    hint = "give a path that can be used, and make room if the disk is full"
    return InputError(
        f"a file cannot be used: {(error.strerror or str(error)).lower()}", where=where, hint=hint, code="file"
    ).line()


def _settle_in() -> None:
    # What imports allocate stays: looking through it again and again for rubbish costs a tenth of a short run.
    gc.set_threshold(20_000, 20, 20)
    # Nothing here multiplies matrices large enough for threads; they would cost start-up time and memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What is left at the end goes with the process: the interpreter need not search it on its way out.
    atexit.register(gc.freeze)


def main() -> None:
    """Runs the command line; the only place where an error becomes an exit status."""
    _settle_in()
    from steelyard.domain.errors import ConflictError, InputError, NotFoundError, RowsRefusedError, SteelyardError

    try:
        status = app(standalone_mode=False)
    except SteelyardError as error:
        if isinstance(error, RowsRefusedError):
            for problem in error.problems[:20]:
                print("  " + problem.text(), file=sys.stderr)
        if isinstance(error, NotFoundError):
            error.hint = error.hint or "check the id and --data-dir"
        print(error.line(), file=sys.stderr)
        sys.exit(2 if isinstance(error, (InputError, NotFoundError, ConflictError)) else 1)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read has gone: nothing is left to say, and flushing at exit would only fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(_file_line(error), file=sys.stderr)
        sys.exit(
            2
            if isinstance(
                error, (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
            )
            else 1
        )
    except Exception as error:
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        print(_usage_line(error, message()), file=sys.stderr)
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)
