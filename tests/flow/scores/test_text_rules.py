"""exact, prefix, suffix, contains, regex, choice, numeric: what they hold for right."""

import pytest
from scorer_calls import score, value

from steelyard.domain.errors import InputError
from steelyard.domain.score import Scored, ScorerSpec, Unscored
from steelyard.flow.scores.registry import build_scorer


@pytest.mark.parametrize(
    ("name", "answer", "reference", "expected"),
    [
        ("exact", "Paris", "Paris", 1),
        ("exact", "paris", "Paris", 0),
        ("exact", " Paris \n", "Paris", 1),
        ("exact", "Paris.", "Paris", 0),
        ("exact", "ＡＢＣ１２３", "ABC123", 1),
        ("exact", "北京", "北京", 1),
        ("exact", "北京市", "北京", 0),
        ("exact", "<think>x</think>北京", "北京", 1),
        ("exact", "👍", "👍", 1),
        ("exact", "👍🏽", "👍", 0),
        ("exact", "a  b", "a b", 1),
        ("prefix", "Paris is big", "Paris", 1),
        ("prefix", "In Paris", "Paris", 0),
        ("prefix", "巴黎，法国", "巴黎", 1),
        ("prefix", "  ＡＢ", "AB", 1),
        ("prefix", "Pa", "Paris", 0),
        ("suffix", "It is Paris", "Paris", 1),
        ("suffix", "Paris it is", "Paris", 0),
        ("contains", "I like 苹果 most", "苹果", 1),
        ("contains", "I like 梨", "苹果", 0),
        ("contains", "苹果和梨", "苹果;梨", 1),
        ("contains", "只有苹果", "苹果；梨", 0),
        ("contains", "ｆｏｏ", "foo", 1),
        ("contains", "1,000 元", "1,000", 1),
    ],
)
def test_hand_written_pairs(name, answer, reference, expected):
    assert value(name, answer, reference) == expected


@pytest.mark.parametrize("name", ["exact", "prefix", "suffix", "contains", "accuracy"])
def test_any_reference_is_enough_and_case_can_be_ignored(name):
    assert value(name, "B", "A", "B") == 1
    assert value(name, "b", "A", "B", normaliser=["lower"]) == 1


def test_prefix_of_an_empty_reference_is_no_score():
    assert score("prefix", "anything", " ") == Unscored("bad_reference")
    assert value("prefix", "anything", " ", "any") == 1


def test_contains_any_all_words_and_column():
    assert value("contains", "a b", "a;z", keywords="any") == 1
    assert value("contains", "a b", "a;z", keywords="all") == 0
    assert value("contains", "a b", "a;z", separators=[]) == 0
    assert value("contains", "a;z", "a;z", separators=[]) == 1
    assert score("contains", "red", words=["red", "blue"], keywords="any").value == 1
    assert score("contains", "red", columns={"k": ["red", "blue"]}, column="k").value == 0
    assert score("contains", "red blue", columns={"k": "red|blue"}, column="k").value == 1
    assert score("contains", "red", columns={}, column="k") == Unscored("no_keywords")
    assert score("contains", "red", ";;") == Unscored("no_keywords")
    assert score("contains", "red", "red;blue").reason == "missing blue"


def test_regex_option_and_reference():
    assert value("regex", "id 42", pattern=r"\d+") == 1
    assert value("regex", "id 42", pattern=r"\d+", match="full") == 0
    assert value("regex", "id 42", pattern=r"\d+", match="prefix") == 0
    assert value("regex", "ABC", pattern="abc", ignore_case=True) == 1
    assert value("regex", "a\nb", pattern="a.b") == 0
    assert value("regex", "a\nb", pattern="a.b", dot_all=True) == 1
    assert value("regex", "id 42", r"^\w+ \d+$") == 1
    assert value("regex", "id 42", "(", r"\d") == 1
    assert score("regex", "id 42", "(") == Unscored("bad_reference")
    assert score("regex", "id 42") == Unscored("no_reference")


def test_a_catastrophic_pattern_ends_and_is_flagged():
    scored = score("regex", "a" * 5000 + "b", pattern=r"(a|aa)+$", timeout_s=0.05)
    assert scored == Scored(0.0, "no result within 0.05 s", "timeout")


def test_a_bad_pattern_is_refused_when_the_scorer_is_built():
    with pytest.raises(InputError, match="pattern cannot be read") as caught:
        build_scorer(ScorerSpec("regex", {"pattern": "(["}))
    assert caught.value.where == "scorer regex, option pattern"
    assert caught.value.error_code == "bad_scorer_option"


def test_choice_scores_and_flags():
    assert value("choice", "The answer is B", "B") == 1
    assert value("choice", "The answer is B", "(b)") == 1
    assert value("choice", "The answer is B", "B. Paris") == 1
    assert value("choice", "The answer is C", "B") == 0
    assert score("choice", "AB", "B").flag == "unparsed"
    assert score("choice", "AB", "B").value == 0
    assert score("choice", " ", "B").flag == "empty_answer"
    assert score("choice", "B", "Paris is big") == Unscored("bad_reference")
    assert score("choice", "E", "A", letters="ABCD").flag == "unparsed"
    assert value("choice", "答案：BA", "AB", multiple=True) == 1
    assert value("choice", "答案：A", "AB", multiple=True) == 0


def test_numeric_tolerances_and_percent():
    assert value("numeric", "So the total is 1,000 元", "1000") == 1
    assert value("numeric", "3.14", "3.14159") == 0
    assert value("numeric", "3.14", "3.14159", rel_tol=0.001) == 1
    assert value("numeric", "9", "10", abs_tol=1) == 1
    assert value("numeric", "8.99", "10", abs_tol=1) == 0
    assert value("numeric", "0", "0") == 1
    assert value("numeric", "50%", "0.5") == 1
    assert value("numeric", "50%", "50") == 1
    assert value("numeric", "50%", "50", percent="fraction") == 0
    assert value("numeric", "0.5", "50%", percent="fraction") == 1
    assert value("numeric", "三百二十一", "321") == 1
    assert value("numeric", "1/3", "0.3333333333333") == 1
    assert score("numeric", "no idea", "3").flag == "unparsed"
    assert score("numeric", "3", "three") == Unscored("bad_reference")


def test_json_schema():
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}, "required": ["a"]}
    assert value("json_schema", '{"a": 1}', schema=schema) == 1
    assert value("json_schema", 'Here:\n```json\n{"a": 1}\n```\nDone.', schema=schema) == 1
    assert value("json_schema", '{"a": "1"}', schema=schema) == 0
    assert score("json_schema", '{"a": -1}', schema=schema).reason.startswith("a: ")
    assert score("json_schema", "a = 1", schema=schema).flag == "unparsed"
    assert score("json_schema", '{"a": NaN}', schema=schema).flag == "unparsed"
    assert score("json_schema", "[" * 100_000, schema=schema).flag == "unparsed"
    assert score("json_schema", '{"a": 1}', columns={"s": schema}, column="s").value == 1
    assert score("json_schema", "1", columns={"s": '{"type": "string"}'}, column="s").value == 0
    assert score("json_schema", "1", columns={}, column="s") == Unscored("bad_schema")
    assert score("json_schema", "1", schema={"$ref": "http://127.0.0.1:9/x.json"}) == Unscored("bad_schema")


def test_json_schema_keywords_that_are_bounded_keep_their_meaning():
    assert value("json_schema", "[1, 2]", schema={"uniqueItems": True}) == 1
    assert value("json_schema", '[{"a": 1}, {"a": 1.0}]', schema={"uniqueItems": True}) == 0
    assert value("json_schema", "[1, true]", schema={"uniqueItems": True}) == 1
    assert value("json_schema", '"ab"', schema={"pattern": "^a"}) == 1
    assert value("json_schema", '"ba"', schema={"pattern": "^a"}) == 0
    many = "[" + ",".join(f'{{"a": {number}}}' for number in range(30_000)) + "]"
    assert value("json_schema", many, schema={"uniqueItems": True}) == 1
    closed = {"properties": {"a": {}}, "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}
    assert value("json_schema", '{"a": 1, "x1": 2}', schema=closed) == 1
    assert value("json_schema", '{"a": 1, "x1": "2"}', schema=closed) == 0
    assert value("json_schema", '{"b": 1}', schema=closed) == 0
    assert score("json_schema", '"' + "a" * 5000 + '!"', schema={"pattern": "^(a|aa)+$"}).flag == "timeout"


@pytest.mark.parametrize("options", [{"schema": {"type": "nonsense"}}, {"schema": {"pattern": "("}}, {}])
def test_a_bad_schema_is_refused(options):
    with pytest.raises(InputError, match="scorer json_schema"):
        build_scorer(ScorerSpec("json_schema", options))


def test_json_fields():
    reference = '{"name": "李雷", "age": 3, "tags": ["a", "b"], "home": {"city": "X", "zip": null}}'
    assert value("json_fields", reference, reference) == 1
    assert value("json_fields", '{"name": " 李雷 ", "age": 3.0, "tags": ["a", "c"], "extra": 1}', reference) == 0.5
    assert value("json_fields", "```json\n" + reference + "\n```", reference) == 1
    assert value("json_fields", '{"a": true}', '{"a": 1}') == 0
    assert value("json_fields", '{"a": "1"}', '{"a": 1}') == 0
    assert value("json_fields", "{}", "{}") == 1
    assert value("json_fields", "3.0", "3") == 1
    assert score("json_fields", "not json", reference).flag == "unparsed"
    assert score("json_fields", "{}", "not json") == Unscored("bad_reference")
    assert score("json_fields", '{"a": 1}', '{"a": 1, "b": {"c": 2}}').reason == "1 of 2 fields; not b.c"
