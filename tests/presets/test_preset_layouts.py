"""Each benchmark in its original layouts: what is asked, what counts as right, which examples stand before it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.presets import layouts
from tests.presets.reading import read_preset

from steelyard.adapters.presets.cards import load_card, preset_names
from steelyard.domain.errors import InputError
from steelyard.domain.preset import Fields
from steelyard.domain.score import ScoreCase, Scored
from steelyard.flow.rows.records import RowFault
from steelyard.flow.scores.registry import build_scorer
from steelyard.services.preset_fields import LETTERS, fields_of
from steelyard.services.presets import read_card

NOWHERE = Path("/nonexistent")


def test_gsm8k_asks_after_worked_examples_and_expects_the_number_alone(tmp_path: Path) -> None:
    rows, problems = read_preset("gsm8k", layouts.gsm8k(tmp_path))
    assert (len(rows), problems) == (6, [])
    first = rows[0]
    assert first.turns[0].references == ("1,200",)
    assert str(first.turns[0].input).startswith("Ann has 600 pears")
    assert [m.role for m in first.history] == ["user", "assistant"] * 5
    assert first.history[3].content == "She has 1+1=2 pears, in {braces}.\n#### 2"
    assert first.columns["preset"] == load_card("gsm8k", NOWHERE).label


def test_ceval_reads_cells_with_commas_and_line_ends_and_lists_the_choices(tmp_path: Path) -> None:
    rows, problems = read_preset("ceval/law", layouts.ceval(tmp_path))
    assert (len(rows), problems) == (8, [])
    asked = str(rows[1].turns[0].input)
    assert "val第1题：1加一等于____。\n\nA. 1\nB. 2\nC. “以上, 都不对”\nD. 无法\n确定\n" in asked
    assert [row.turns[0].references for row in rows[:5]] == [("A",), ("B",), ("C",), ("D",), ("A",)]
    assert [m.content for m in rows[0].history if m.role == "assistant"] == ["A", "B", "C", "D", "A"]
    assert {row.category for row in rows} == {"law"}


def test_braces_within_the_data_are_the_datas_own(tmp_path: Path) -> None:
    record = {
        "ctx": "f{choices}",
        "activity_label": "{question}",
        "endings": ["{text}", "{letter}", "y", "z"],
        "label": 0,
    }
    layouts.jsonl(tmp_path / "hellaswag_val.jsonl", [record])
    rows, _ = read_preset("hellaswag", tmp_path)
    asked = str(rows[0].turns[0].input)
    assert asked.startswith("{question}: f{choices} …")
    assert "A. {text}\nB. {letter}\nC. y" in asked


def test_both_layouts_of_mmlu_ask_the_same(tmp_path: Path) -> None:
    from_csv, _ = read_preset("mmlu/anatomy", layouts.mmlu_csv(tmp_path / "a", "anatomy"))
    from_hub, _ = read_preset("mmlu/anatomy", layouts.mmlu_parquet(tmp_path / "b", "anatomy"))
    assert from_csv == from_hub
    assert len(from_csv) == 6
    assert "C. None\nD. N/A" in str(from_csv[0].turns[0].input)


def test_cmmlu_has_a_column_without_a_name(tmp_path: Path) -> None:
    rows, problems = read_preset("cmmlu/agronomy", layouts.cmmlu(tmp_path, "agronomy"))
    assert (len(rows), problems) == (4, [])
    assert rows[0].turns[0].references == ("C",)
    assert len(rows[0].history) == 10


def test_a_preset_of_subjects_is_all_of_them(tmp_path: Path) -> None:
    card = load_card("cmmlu", NOWHERE)
    for subject in card.preset.subsets:
        layouts.cmmlu(tmp_path, subject)
    rows, _ = read_preset("cmmlu", tmp_path)
    assert len(rows) == 4 * 67
    assert {row.category for row in rows} == set(card.preset.subsets)


ARC = {"text": ["ice", "steam", "rock"], "label": ["1", "2", "3"]}
STEM = {"stem": "What is frozen water?", "choices": [{"text": t, "label": x} for t, x in zip(ARC["text"], ARC["label"], strict=True)]}  # fmt: skip


@pytest.mark.parametrize(
    "record",
    [
        {"id": "q", "question": "What is frozen water?", "choices": ARC, "answerKey": "1"},
        {"id": "q", "question": STEM, "answerKey": "1"},
    ],
)
def test_arc_names_options_by_letter_or_number(tmp_path: Path, record: dict[str, Any]) -> None:
    layouts.jsonl(tmp_path / "ARC-Easy-Test.jsonl", [record])
    rows, problems = read_preset("arc_easy", tmp_path)
    assert problems == []
    assert rows[0].turns[0].references == ("A",)
    assert "A. ice\nB. steam\nC. rock" in str(rows[0].turns[0].input)


def test_arc_as_the_hub_keeps_it(tmp_path: Path) -> None:
    record = {"id": "q", "question": "What is frozen water?", "choices": ARC, "answerKey": "3"}
    layouts.parquet(tmp_path / "ARC-Challenge/test-00000-of-00001.parquet", [record])
    rows, _ = read_preset("arc_challenge", tmp_path)
    assert rows[0].turns[0].references == ("C",)


@pytest.mark.parametrize(
    ("preset", "file", "record", "reference", "shown"),
    [
        ("boolq", "dev.jsonl", {"question": "is ice cold", "title": "t", "answer": False, "passage": "Ice."}, "B", "A. Yes\nB. No"),
        ("winogrande", "dev.jsonl", {"qID": "1", "sentence": "The _ ran.", "option1": "cat", "option2": "tree", "answer": "1"}, "A", "B. tree"),
        ("hellaswag", "hellaswag_val.jsonl", {"ctx": "A man", "activity_label": "Cooking", "endings": list("wxyz"), "label": 2}, "C", "Cooking: A man"),
        ("hellaswag", "hellaswag_val.jsonl", {"ctx": "A man", "activity_label": "Cooking", "endings": list("wxyz"), "label": "0"}, "A", "D. z"),
        ("agieval_lsat_ar", "lsat-ar.jsonl", {"passage": "Five birds.", "question": "Which?", "options": ["(A)owl", "(B)jay", "(C)tit", "(D)hen", "(E)kea"], "label": "E"}, "E", "E. kea"),
        ("gaokao/gaokao-history", "gaokao-history.jsonl", {"passage": None, "question": "何年？", "options": ["(A) 甲", "(B) 乙", "(C) 丙", "(D) 丁"], "label": "B"}, "B", "A. 甲\nB. 乙"),
    ],
)  # fmt: skip
def test_questions_with_options(
    tmp_path: Path, preset: str, file: str, record: dict[str, Any], reference: str, shown: str
) -> None:
    layouts.jsonl(tmp_path / file, [record])
    rows, problems = read_preset(preset, tmp_path)
    assert problems == []
    assert rows[0].turns[0].references == (reference,)
    assert shown in str(rows[0].turns[0].input)
    assert not str(rows[0].turns[0].input).startswith("\n")


def test_questions_of_one_passage_are_one_group(tmp_path: Path) -> None:
    records = [
        {"passage": p, "question": f"Q{i}?", "options": ["(A)x", "(B)y"], "label": "A"} for i, p in enumerate("ppq")
    ]
    layouts.jsonl(tmp_path / "lsat-rc.jsonl", records)
    rows, _ = read_preset("agieval_lsat_rc", tmp_path)
    groups = [row.group_id for row in rows]
    assert groups[0] == groups[1] != groups[2]
    assert all(groups)


def test_triviaqa_takes_every_name_of_the_answer(tmp_path: Path) -> None:
    answer = {"value": "Red planet", "aliases": ["Mars", "The Red Planet", "Mars"], "normalized_value": "red planet"}
    layouts.parquet(
        tmp_path / "rc.nocontext/validation-00000-of-00001.parquet", [{"question": "Fourth?", "answer": answer}]
    )
    rows, _ = read_preset("triviaqa", tmp_path)
    assert rows[0].turns[0].references == ("Mars", "The Red Planet")
    exact = build_scorer(load_card("triviaqa", NOWHERE).scorers[0])
    scored = exact.score(ScoreCase("the  Red planet.", rows[0].turns[0].references))
    assert isinstance(scored, Scored)
    assert scored.value == 1


def test_bbh_reads_the_examples_of_a_task(tmp_path: Path) -> None:
    (tmp_path / "bbh").mkdir()
    examples = [{"input": "not True is", "target": "False"}, {"input": "Options:\n(A) x", "target": "(A)"}]
    (tmp_path / "bbh/navigate.json").write_text(json.dumps({"canary": "c", "examples": examples}), "utf-8")
    rows, problems = read_preset("bbh/navigate", tmp_path)
    assert problems == []
    assert [row.turns[0].references for row in rows] == [("False",), ("(A)",)]


def test_a_line_that_cannot_be_asked_is_named_with_its_file_and_field(tmp_path: Path) -> None:
    layouts.ceval(tmp_path, answers="AX")
    rows, problems = read_preset("ceval/law", tmp_path)
    assert len(rows) == 4
    # The fourth choice holds a line end, so every row takes two lines.
    assert problems[0].text() == "ceval/val/law_val.csv:4: answer: 'X' names none of the 4 options"


def test_an_answer_without_its_mark_is_a_problem(tmp_path: Path) -> None:
    layouts.gsm8k(tmp_path)
    layouts.jsonl(tmp_path / "test.jsonl", [{"question": "1+1?", "answer": "2"}, layouts.pear(4)])
    rows, problems = read_preset("gsm8k", tmp_path)
    assert len(rows) == 1
    assert problems[0].text() == "gsm8k/test.jsonl:1: answer: does not hold '####'"


def test_fewer_examples_than_the_preset_says_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 5 examples, the file holds 3") as caught:
        read_preset("gsm8k", layouts.gsm8k(tmp_path, shots=3))
    assert caught.value.error_code == "too_few_examples"


def test_every_preset_says_all_that_makes_its_number() -> None:
    names = preset_names(NOWHERE)
    cards = [load_card(name, NOWHERE) for name in names]
    assert len(names) == 15
    assert len({card.hash for card in cards}) == 15
    assert len(load_card("mmlu", NOWHERE).preset.subsets) == 57
    for card in cards:
        assert card.preset.licence
        assert card.preset.title.zh
        assert card.preset.title.en
        assert card.preset.scorers


@given(st.lists(st.text(), min_size=2, max_size=10), st.data())
def test_the_right_option_keeps_its_text_whatever_the_texts_are(texts: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(texts) - 1))
    answer = data.draw(st.sampled_from([right, LETTERS[right], LETTERS[right].lower(), str(right)]))
    found = fields_of(Fields(answer="answer", choices="options"), {"question": "?", "options": texts, "answer": answer})
    assert found.answers == (LETTERS[right],)
    assert texts[right].strip().endswith(found.choices[right])
    assert len(found.choices) == len(texts)


@given(st.dictionaries(st.sampled_from(["question", "options", "answer"]), st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "label"]), inner, max_size=2), max_leaves=8)))  # fmt: skip
def test_any_record_is_read_or_its_field_is_named(record: dict[str, Any]) -> None:
    try:
        found = fields_of(Fields(answer="answer", choices="options"), record)
    except RowFault as error:
        named = error.column
    else:
        named = "question"
        assert found.question
        assert found.answers[0] in LETTERS[: len(found.choices)]
    assert named in {"question", "options", "answer"}


PUBLISHED = {
    "agieval_lsat_ar": (1, "ac1cace27c3da773"),
    "agieval_lsat_lr": (1, "f4d3494910f37efe"),
    "agieval_lsat_rc": (1, "1f3e81f4327c17ea"),
    "arc_challenge": (1, "51fbc7b35a674501"),
    "arc_easy": (1, "b621a9907fb0502b"),
    "bbh": (1, "d8f0f8df5cb4392c"),
    "boolq": (1, "e091198d4b067600"),
    "ceval": (1, "c1c60f5e5d075579"),
    "cmmlu": (1, "0fe0dc4910fb8726"),
    "gaokao": (1, "ac59db8c8d40fcb1"),
    "gsm8k": (1, "b0102ea4a10c7d64"),
    "hellaswag": (1, "6287a499a8ef5a28"),
    "mmlu": (1, "0dd86e1be47307b1"),
    "triviaqa": (1, "e5c35d5927d2cc7c"),
    "winogrande": (1, "9e2fa058c98117a3"),
}
"""Name -> version and hash. Whoever changes a card makes another benchmark of it, and says so with its version."""


@pytest.mark.parametrize("name", preset_names(NOWHERE))
def test_another_hash_has_another_version(name: str) -> None:
    card = load_card(name, NOWHERE)
    assert (card.preset.version, card.hash) == PUBLISHED[name]


def test_the_page_tells_every_preset_and_its_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/presets.md").read_text("utf-8")
    assert [name for name in preset_names(NOWHERE) if f"`{name}`" not in page] == []
    assert load_card("gsm8k", NOWHERE).label in page
    example = next(
        block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if block.startswith("preset: 1")
    )
    assert read_card(yaml.safe_load(example), where="page").preset.name == "plants"
