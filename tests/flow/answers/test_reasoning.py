import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.flow.answers.reasoning import split_reasoning


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("plain ", "plain ", ""),
        ("", "", ""),
        ("<think>hm</think>\n\nB", "B", "hm"),
        ("<think></think>B", "B", ""),
        ("hm</think>B", "B", "hm"),
        ("one</think>two</think>B", "B", "one\ntwo"),
        ("<think>cut off", "", "cut off"),
        ("<think>a<think>b</think>c</think>D", "D", "a\nb\nc"),
        ("<think>a<think>b</think>c", "", "a\nb\nc"),
        ("<think>a</think>B<think>c</think>D", "BD", "a\nc"),
        ("<THINK>a</Think>B", "B", "a"),
        ("<thinking>a</thinking>B", "B", "a"),
        ("Use the <think> tag.", "Use the <think> tag.", ""),
        ("<think>a</think>Use <think> here", "Use <think> here", "a"),
        ("2 < 3 and thinking", "2 < 3 and thinking", ""),
    ],
)
def test_reasoning_is_parted_from_the_answer(text, answer, reasoning):
    assert split_reasoning(text) == (answer, reasoning)


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " ", "\n", "答"])).map("".join))
def test_a_second_pass_changes_nothing_that_is_closed(text):
    answer, reasoning = split_reasoning(text)
    assert "</think>" not in answer or "<think>" in answer
    assert "a" not in text or "a" in answer + reasoning
