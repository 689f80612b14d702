"""Labelled answers to multiple-choice questions: what a person reads as the chosen option, or None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.flow.answers.choice import LETTERS, extract_choice, extract_choices

LABELLED = [
    # the bare letter
    ("B", "B"),
    ("b", "B"),
    ("(c)", "C"),
    ("Ｃ", "C"),
    ("（Ｄ）", "D"),
    ("**D**", "D"),
    ("A.", "A"),
    ("【A】", "A"),
    ("Ⓑ", "B"),
    ("[[C]]", "C"),
    ("I", "I"),
    ("Option B", "B"),
    ("选项C", "C"),
    ("B选项", "B"),
    ("  \n J \n", "J"),
    # explicit English
    ("ANSWER: D", "D"),
    ("According to the text, the answer is C", "C"),
    ("I choose B", "B"),
    ("I'd go with option D.", "D"),
    ("The correct answer is (b).", "B"),
    ("the answer is a.", "A"),
    ("The answer is: **C. Paris**", "C"),
    ("Answer: A because the others are false", "A"),
    ("Final answer: $\\boxed{D}$", "D"),
    ("So we get \\boxed{\\text{B}}", "B"),
    ("The answer to question 3 is B.", "B"),
    ("The answer, therefore, is C.", "C"),
    ("The best choice would be E", "E"),
    ("Answer:\n\n**C**", "C"),
    ("Answer: <B>", "B"),
    ("First I thought the answer is A. But the correct answer is D.", "D"),
    ("The answer is not A, it is C.", "C"),
    ("It's not B but C", "C"),
    ("Paris is the capital, which is option B.", "B"),
    ("Answer: Paris (B)", "B"),
    ("<think>the answer is A</think>The answer is B", "B"),
    ("maybe A...</think>C", "C"),
    ("Option A is wrong. Option B is wrong. The answer is D.", "D"),
    ("The answer is C, B is wrong.", "C"),
    ("Statement A is correct, but the question asks otherwise: the answer is D", "D"),
    # explicit Chinese
    ("答案：C", "C"),
    ("答案是Ｂ。", "B"),
    ("正确答案为（A）", "A"),
    ("故选D", "D"),
    ("因此选择B选项。", "B"),
    ("我选 C", "C"),
    ("答案应该是选项D", "D"),
    ("答：B", "B"),
    ("经过分析，本题应选：A", "A"),
    ("不是A，而是C", "C"),
    ("不选A，选C", "C"),
    ("排除A，选B", "B"),
    ("答案不是A，是C", "C"),
    ("我认为应该是B", "B"),
    ("错误的是B", "B"),
    ("说法不正确的一项是D", "D"),
    ("答案是A不是B", "A"),
    ("选项A错误，选项B正确", "B"),
    ("<think>答案是A</think>\n答案：B", "B"),
    # called right, heads, last lines
    ("B is correct.", "B"),
    ("Option D is the correct one", "D"),
    ("A is incorrect, B is correct, C is not correct", "B"),
    ("B. Paris", "B"),
    ("D、北京", "D"),
    ("C: because the sky is blue", "C"),
    ("2 + 2 = 4, and only one option says so.\nC", "C"),
    ("A项不正确，B项正确", "B"),
    ("B is the answer", "B"),
    ("I think B", "B"),
    ("So, B.", "B"),
    ("B，因为地球是圆的", "B"),
    ("B because it is right", "B"),
    ("D - Paris", "D"),
    ('{"answer": "B"}', "B"),
    ("选择A是错误的，应选择B", "B"),
    # nothing that may be read as a choice
    ("AB", None),
    ("", None),
    ("   ", None),
    ("I don't know.", None),
    ("A dog is an animal.", None),
    ("The answer is A or B.", None),
    ("答案：A或B", None),
    ("应该是A还是B", None),
    ("答案：A、C", None),
    ("The answer is not A.", None),
    ("答案不是B", None),
    ("A is incorrect.", None),
    ("I would not choose B", None),
    ("The answer is a bit complicated.", None),
    ("The answer is I think unclear", None),
    ("The answer is C++", None),
    ("The patient needs vitamin C.", None),
    ("A. Paris\nB. London\nC. Rome\nD. Berlin", None),
    ("A. Paris B. London C. Rome", None),
    ("B is correct. C is correct.", None),
    ("The answer is Apple", None),
    ("答案是K", None),
    ("答案A是错误的", None),
    ("BAD", None),
    ("A, B and C are all wrong", None),
    ("I, for one, do not know", None),
    ("I think A", "A"),
    ("I think a lot", None),
    ("I don't think B", None),
    ("Neither A nor B", None),
]


@pytest.mark.parametrize(("text", "expected"), LABELLED)
def test_choice_is_read_as_a_person_reads_it(text, expected):
    assert extract_choice(text) == expected


def test_the_table_is_large_and_covers_both_outcomes():
    assert len(LABELLED) >= 60
    assert sum(expected is None for _, expected in LABELLED) >= 15


def test_an_option_beyond_the_offered_letters_is_none():
    assert extract_choice("The answer is E", letters="ABCD") is None
    assert extract_choice("The answer is D", letters="ABCD") == "D"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABD", ("A", "B", "D")),
        ("D, B", ("B", "D")),
        ("A、C", ("A", "C")),
        ("答案：ACD", ("A", "C", "D")),
        ("答案是A和C。", ("A", "C")),
        ("The answers are A, B and D.", ("A", "B", "D")),
        ("(A)(C)", ("A", "C")),
        ("B", ("B",)),
        ("故选：ＡＢ", ("A", "B")),
        ("\\boxed{A, C}", ("A", "C")),
        ("The answer is A or B.", None),
        ("AAB", None),
        ("没有", None),
    ],
)
def test_several_choices(text, expected):
    assert extract_choices(text) == expected


@given(st.text())
def test_any_text_gives_a_letter_or_none(text):
    assert extract_choice(text) in {None, *LETTERS}


@given(
    st.sampled_from(LETTERS), st.sampled_from(["{}", "({})", "答案：{}", "The answer is {}", "ANSWER: {}", "故选{}。"])
)
def test_every_letter_is_read_in_every_common_form(letter, form):
    assert extract_choice(form.format(letter)) == letter


def test_a_megabyte_ends():
    for piece in ("the answer is ", "答案是", "A, ", "(", "not ", "answer to "):
        assert extract_choice(piece * (1_000_000 // len(piece)) + "\n答案：C") == "C"
