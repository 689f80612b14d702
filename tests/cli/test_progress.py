"""A long run does not hang without a word, and says how it goes."""

import io

import msgspec
import pytest

from steelyard.cli import progress
from steelyard.domain.evaluation import DatasetUse, Evaluation, EvaluationSpec, ObjectSpec, State, UnitCounts, UnitSpec
from steelyard.domain.request import EndpointSpec


def evaluation() -> Evaluation:
    target = ObjectSpec("m", EndpointSpec("http://127.0.0.1:1/v1", "model-x"))
    use = DatasetUse("ds-1", "h", "d", 10)
    counts = UnitCounts(total=10, answered=3, trouble="timed out after 2 s")
    spec = EvaluationSpec((target,), (use,))
    unit = UnitSpec(0, "ameu-1", target, use, ())
    return Evaluation("ame-1", "ws", "", "", "n", "", State.INFERRING, "", spec, [unit], [counts], [State.INFERRING])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("quiet", [True, False])
def test_a_silent_endpoint_is_named_with_what_it_last_met(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    one = evaluation()
    with progress.ProgressLine("en", quiet=quiet) as line:
        for _ in range(40):
            line(one)
            clock[0] += 1
    stalls = [text for text in said.getvalue().splitlines() if "no answer for" in text]
    assert stalls == ["m: no answer for 15 s from model-x at http://127.0.0.1:1/v1 (timed out after 2 s)"] * 2


def test_an_endpoint_that_answers_now_and_then_is_not_called_silent(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    one = evaluation()
    with progress.ProgressLine("en") as line:
        for second in range(60):
            one.counts = [msgspec.structs.replace(one.counts[0], answered=3 + second // 12)]
            line(one)
            clock[0] += 1
    assert "no answer" not in said.getvalue()
    assert "7/10" in said.getvalue()
