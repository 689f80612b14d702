from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.flow.answers.number import extract_number

READ = [
    ("42", 42),
    ("-3", -3),
    ("−7", -7),
    ("The answer is 1,234.5", "1234.5"),
    ("１２", 12),
    ("50%", "1/2"),
    ("5 %", "1/20"),
    ("3‰", "3/1000"),
    ("3/4", "3/4"),
    ("½", "1/2"),
    ("\\boxed{\\frac{1}{2}}", "1/2"),
    ("-\\frac{1}{2}", "-1/2"),
    ("1e5", 100000),
    ("1.5E-3", "3/2000"),
    ("2×10^3", 2000),
    ("$1,000", 1000),
    ("-$5", -5),
    ("3.5万", 35000),
    ("3万亿", 3 * 10**12),
    ("3千米", 3),
    ("三百二十一", 321),
    ("两万", 20000),
    ("两万五", 25000),
    ("两万零五", 20005),
    ("一亿二千万", 120000000),
    ("一百二十三万四千五百六十七", 1234567),
    ("一千零一", 1001),
    ("十五", 15),
    ("二〇二四", 2024),
    ("零点五", "1/2"),
    ("负五", -5),
    ("百分之五十", "1/2"),
    ("百分之百", 1),
    ("三分之一", "1/3"),
    ("答案是三个", 3),
    ("他有三只猫", 3),
    ("第3个", 3),
    ("5 apples and 7 pears make 12", 12),
    ("#### 18", 18),
    ("The answer is 5. There are 3 left.", 5),
    ("Answer: 3 + 4 = 7", 7),
    ("答案：3.14。共2步", "3.14"),
    ("The answer is 4. No, the answer is 6.", 6),
    ("<think>maybe 3</think>It is 9", 9),
    ("10000000000000000000001", 10000000000000000000001),
    ("", None),
    ("none", None),
    ("我们一起去", None),
    ("十分好", None),
    ("统一个人", None),
    ("1/0", None),
    ("1.2.3", None),
    ("1e999999999", None),
    ("9" * 5000, None),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_number_is_read_as_a_person_reads_it(text, expected):
    number = extract_number(text)
    assert (None if number is None else number.value) == (None if expected is None else Fraction(expected))


def test_pick_says_which_number_counts():
    text = "first 1, answer: 2, last 3"
    assert [int(extract_number(text, pick).value) for pick in ("explicit", "first", "last")] == [2, 1, 3]
    assert extract_number(text, "only") is None
    assert extract_number("2 and 2.0", "only").value == 2


def _chinese(number: int) -> str:
    digits, text, gap = "零一二三四五六七八九", "", False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // size % 10
        if digit:
            text += ("零" if gap and text else "") + digits[digit] + unit
            gap = False
        else:
            gap = True
    return text


@given(st.integers(1, 9999))
def test_chinese_numerals_round_trip(number):
    assert extract_number(f"答案是{_chinese(number)}。").value == number


@given(
    st.integers(-(10**12), 10**12), st.sampled_from(["{}", "{:,}", "The answer is {}.", "答案：{:,}", "\\boxed{{{}}}"])
)
def test_integers_round_trip_in_every_form(number, form):
    assert extract_number(form.format(number)).value == number


@given(st.text(alphabet=st.sampled_from("0123456789.,-+/%eE三十百万亿点分之负$ \\frac{}答案是")))
def test_no_text_raises(text):
    extract_number(text)
