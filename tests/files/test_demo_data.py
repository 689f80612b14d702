"""The bundled demo data says what it claims: sizes, balance, true arithmetic, and two assistants that differ."""

from __future__ import annotations

import ast
import operator
import re
import unicodedata
from collections import Counter
from fractions import Fraction
from importlib.resources import files
from typing import Any

import msgspec
import pytest

DEMO = files("steelyard") / "data" / "demo"
FORMULA_CONSTANTS = {"2", "3", "100"}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}


def read(name: str) -> list[dict[str, Any]]:
    lines = (DEMO / name).read_bytes().splitlines()
    return [msgspec.json.decode(line) for line in lines]


ROWS = read("rows.jsonl")
ANSWERS = {name: read(f"answers-{name}.jsonl") for name in ("careful", "hasty")}


def references(row: dict[str, Any]) -> list[str]:
    reference = row["reference"]
    return [reference] if isinstance(reference, str) else reference


def holds(text: str, reference: str) -> bool:
    """Whether the text names the reference: as a lone letter, a whole number, or a piece of text."""
    if re.fullmatch("[A-D]", reference):
        return re.search(rf"(?<![A-Za-z]){reference}(?![A-Za-z])", text) is not None
    plain, wanted = (unicodedata.normalize("NFKC", part).casefold() for part in (text, reference))
    if re.fullmatch(r"[\d.,]+", wanted):
        return re.search(rf"(?<![\d.,]){re.escape(wanted)}(?!\d|[.,]\d)", plain) is not None
    return wanted in plain


def checkable(row: dict[str, Any]) -> bool:
    return row["category"] not in {"summarising", "dialogue"}


def right_share(name: str) -> float:
    right = [any(holds(row["prediction"], ref) for ref in references(row)) for row in ANSWERS[name] if checkable(row)]
    return sum(right) / len(right)


def exact(expression: str) -> Fraction:
    """Evaluates plain arithmetic without rounding."""

    def walk(node: ast.AST) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(str(node.value))
        assert isinstance(node, ast.BinOp), ast.dump(node)
        return OPERATORS[type(node.op)](walk(node.left), walk(node.right))

    return walk(ast.parse(expression, mode="eval").body)


def test_there_are_enough_rows_with_unique_readable_ids() -> None:
    ids = [row["id"] for row in ROWS]
    assert len(ids) >= 240
    assert len(set(ids)) == len(ids)
    for row in ROWS:
        assert re.fullmatch(rf"{row['category']}-{row['lang']}-\d{{3}}", row["id"])


@pytest.mark.parametrize("name", ["careful", "hasty"])
def test_answer_files_cover_the_same_rows_with_the_same_text(name: str) -> None:
    shared = ("id", "category", "lang", "system", "input", "messages", "reference")
    for row, answer in zip(ROWS, ANSWERS[name], strict=True):
        assert [answer.get(field) for field in shared] == [row.get(field) for field in shared]


def test_languages_are_balanced_in_every_category_and_visible_in_the_text() -> None:
    counts = Counter((row["category"], row["lang"]) for row in ROWS)
    categories = {row["category"] for row in ROWS}
    assert categories == {"facts", "arithmetic", "classification", "extraction", "summarising", "choice", "dialogue"}
    for category in categories:
        assert counts[category, "zh"] == counts[category, "en"] >= 6
    for row in ROWS:
        text = row.get("input") or row["messages"][-2]["content"]
        assert bool(re.search("[一-鿿]", text)) == (row["lang"] == "zh"), row["id"]


def test_no_question_is_asked_twice() -> None:
    inputs = [row["input"] for row in ROWS if "input" in row]
    assert len(set(inputs)) == len(inputs)


def test_every_row_has_a_reference_that_is_not_empty() -> None:
    for row in ROWS:
        if row["category"] == "dialogue":
            continue
        assert references(row)
        assert all(ref.strip() for ref in references(row)), row["id"]


def test_arithmetic_references_are_true_and_belong_to_the_question() -> None:
    rows = [row for row in ROWS if row["category"] == "arithmetic"]
    assert len(rows) >= 40
    for row in rows:
        assert exact(row["expression"]) == Fraction(row["reference"]), row["id"]
        numbers = set(re.findall(r"\d+(?:\.\d+)?", row["expression"]))
        asked = set(re.findall(r"\d+(?:\.\d+)?", row["input"]))
        assert numbers - FORMULA_CONSTANTS <= asked, row["id"]
        assert asked <= numbers, row["id"]


def test_choices_have_four_options_and_right_letters_are_spread_evenly() -> None:
    rows = [row for row in ROWS if row["category"] == "choice"]
    for row in rows:
        options = re.findall(r"^([A-D])\. (.+)$", row["input"], flags=re.MULTILINE)
        assert [letter for letter, _ in options] == list("ABCD"), row["id"]
        assert len({text for _, text in options}) == 4, row["id"]
        assert row["reference"] in set("ABCD")
    for lang in ("zh", "en"):
        letters = Counter(row["reference"] for row in rows if row["lang"] == lang)
        assert max(letters.values()) - min(letters.values()) <= 1
        assert len(letters) == 4


def test_classification_prompts_name_the_right_label() -> None:
    for row in ROWS:
        if row["category"] == "classification":
            instruction = "".join(row["input"].splitlines()[:1])
            assert row["reference"] in instruction, row["id"]


def test_json_references_are_json_and_hold_values_of_the_text() -> None:
    rows = [row for row in ROWS if row["category"] == "extraction" and "JSON" in row["input"]]
    assert len(rows) >= 6
    for row in rows:
        for value in msgspec.json.decode(row["reference"]).values():
            words = row["input"] + ("34" if "三十四" in row["input"] else "")
            assert str(value) in words, row["id"]


def test_paragraphs_to_summarise_are_short_and_their_summaries_shorter() -> None:
    for row in ROWS:
        if row["category"] != "summarising":
            continue
        paragraph = row["input"].split("\n", 1)[1]
        size = len(paragraph) if row["lang"] == "zh" else len(paragraph.split())
        low, high = (80, 160) if row["lang"] == "zh" else (60, 120)
        assert low <= size <= high, (row["id"], size)
        assert len(row["reference"]) < len(paragraph) / 2


def test_dialogues_alternate_and_end_with_a_reference_turn() -> None:
    for row in ROWS:
        if row["category"] != "dialogue":
            continue
        roles = [message["role"] for message in row["messages"]]
        if roles[0] == "system":
            roles = roles[1:]
        assert roles in (["user", "assistant"] * 2, ["user", "assistant"] * 3), row["id"]
        assert all(message["content"].strip() for message in row["messages"])


@pytest.mark.parametrize("name", ["careful", "hasty"])
def test_dialogue_answers_have_one_prediction_a_turn(name: str) -> None:
    for row in ANSWERS[name]:
        if row["category"] == "dialogue":
            turns = [message for message in row["messages"] if message["role"] == "assistant"]
            assert len(row["predictions"]) == len(turns)
            assert "prediction" not in row
        else:
            assert isinstance(row["prediction"], str)


def test_the_careful_assistant_is_clearly_better_but_not_perfect() -> None:
    careful, hasty = right_share("careful"), right_share("hasty")
    assert 0.85 <= careful <= 0.92
    assert 0.5 <= hasty <= 0.7
    assert careful - hasty >= 0.15


def test_each_assistant_is_sometimes_right_where_the_other_is_wrong() -> None:
    pairs = Counter(
        tuple(any(holds(row["prediction"], ref) for ref in references(row)) for row in both)
        for both in zip(ANSWERS["careful"], ANSWERS["hasty"], strict=True)
        if checkable(both[0])
    )
    assert len(pairs) == 4
    assert pairs[True, False] > pairs[False, True] > 0


def test_only_the_hasty_assistant_leaves_answers_empty() -> None:
    empty = {name: sum(row.get("prediction") == "" for row in rows) for name, rows in ANSWERS.items()}
    assert empty == {"careful": 0, "hasty": 3}


@pytest.mark.parametrize("name", ["plan-baselines.yaml", "plan-answers.yaml"])
def test_plans_name_files_that_are_there_and_one_baseline(name: str) -> None:
    plan = msgspec.yaml.decode((DEMO / name).read_bytes())
    objects = plan["objects"]
    named = [plan[key] for key in ("dataset",) if key in plan] + [
        each["results"] for each in objects if "results" in each
    ]
    assert named
    assert all((DEMO / each).is_file() for each in named)
    assert sum(each.get("baseline", False) for each in objects) == 1
    assert plan["steelyard"] == 1
    assert len(plan["scorers"]) >= 5
