"""What holds for all scorers: bounds, identity, order of references, empty sides, stop words, signatures, options."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_calls import score, value

from steelyard.domain.errors import InputError
from steelyard.domain.score import ScoreCase, Scored, ScorerSpec, Unscored
from steelyard.flow.scores.registry import SCORERS, build_scorer, parse_scorer_item

OVERLAP = [("token_f1", {}), ("rouge", {"variant": "1"}), ("rouge", {"variant": "2"}), ("rouge", {}), ("bleu", {})]
COMPARING = [
    ("exact", {}), ("prefix", {}), ("suffix", {}), ("contains", {}), ("accuracy", {}),
    *OVERLAP,
    ("chrf", {}), ("edit_similarity", {}), ("rouge", {"tokeniser": "jieba"}), ("bleu", {"tokeniser": "char"}),
]  # fmt: skip
ALL = [*COMPARING, ("regex", {"pattern": r"\w+"}), ("regex", {}), ("choice", {}), ("choice", {"multiple": True}),
       ("numeric", {}), ("json_fields", {}), ("json_schema", {"schema": {"uniqueItems": True}}), ("bleu", {"tokeniser": "zh"}),
       ("bleu", {"tokeniser": "13a"})]  # fmt: skip
ANY_TEXT = st.one_of(
    st.text(), st.text(alphabet=st.characters()), st.text(alphabet='今天ABab，。 \n\x00\ud800👍１Ａ<think>/3.{}[]"的')
)


@settings(max_examples=60)
@pytest.mark.parametrize(("name", "options"), ALL)
@given(answer=ANY_TEXT, references=st.lists(ANY_TEXT, max_size=3))
def test_any_text_gives_a_score_in_bounds_or_a_reason(name, options, answer, references):
    scored = score(name, answer, *references, **options)
    if isinstance(scored, Unscored):
        assert scored.reason
        return
    assert math.isfinite(scored.value)
    assert 0 <= scored.value <= 1
    assert len(scored.reason) <= 200
    scored.reason.encode("utf-8")
    if build_scorer(ScorerSpec(name, options)).kind == "rate":
        assert scored.value in {0, 1}


@pytest.mark.parametrize(("name", "options"), COMPARING)
@given(text=st.text(alphabet="今天气好abcXYZ 19", min_size=1))
def test_identity_is_one(name, options, text):
    tokens = text.split() if options.get("tokeniser") != "char" else list("".join(text.split()))
    if not tokens or (name == "rouge" and options.get("variant") == "2" and len(tokens) < 2):
        return
    if name == "token_f1" and not set(text.split()) - {"a"}:
        return
    assert value(name, text, text, **options) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("name", "options"), COMPARING)
@given(answer=ANY_TEXT, references=st.lists(ANY_TEXT, min_size=2, max_size=4), order=st.randoms())
def test_the_order_of_references_does_not_matter(name, options, answer, references, order):
    shuffled = list(references)
    order.shuffle(shuffled)
    first, second = score(name, answer, *references, **options), score(name, answer, *shuffled, **options)
    if isinstance(first, Unscored):
        assert second == first
    else:
        assert second.value == pytest.approx(first.value, abs=1e-12)


@pytest.mark.parametrize("blank", ["", " ", "\n\t　", "<think>nothing more"])
@pytest.mark.parametrize(("name", "options"), COMPARING)
def test_an_empty_answer_scores_zero_and_says_so(name, options, blank):
    scored = score(name, blank, "reference", **options)
    assert (scored.value, scored.flag) == (0, "empty_answer")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("exact", 1), ("edit_similarity", 1), ("accuracy", 1), ("token_f1", 1), ("bleu", 0), ("rouge", 0), ("chrf", 0)],
)
def test_two_empty_sides(name, expected):
    scored = score(name, " ", "")
    assert (scored.value, scored.flag) == (expected, "empty_answer")


@pytest.mark.parametrize(("name", "options"), [*OVERLAP, ("accuracy", {})])
def test_stop_words_are_dropped_on_both_sides(name, options):
    dropped = {"stop_words": ["的", "of" if name == "bleu" else "Of"]}
    assert value(name, "北的京的市 of it", "北京市 it", **options, **dropped) == pytest.approx(1)
    assert value(name, "北的京的市 of it", "北京市 it", **options) < 1
    for answer, reference in (("的 of", "北京"), ("北京", "的"), ("的", "的")):
        scored = score(name, answer, reference, **options, **dropped)
        assert (scored.value, scored.flag) == (0, "only_stop_words")


@pytest.mark.parametrize("name", SCORERS.names())
def test_no_reference_is_no_score(name):
    scorer_type = SCORERS.load(name)
    if scorer_type.needs_reference:
        assert score(name, "x") == Unscored("no_reference")


HOSTILE = ["a" * 1_000_000, "好" * 1_000_000, "a \u0316\u0301" * 200_000, "(" * 1_000_000, "1," * 500_000, "\ud800" * 1_000_000,
           "<think>" * 150_000, "[" * 1_000_000, "答案是" * 330_000]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ALL)
def test_a_megabyte_of_anything_ends(name, options):
    for text in HOSTILE:
        score(name, text, text if (name, options) in [("rouge", {}), ("edit_similarity", {})] else "A 1", **options)
    for length in (50_000, 200_000):
        score(name, "a" + "\u0316\u0301" * length, "A 1", **options)


@pytest.mark.parametrize(
    ("name", "options", "signature"),
    [
        ("exact", {}, "exact|normaliser=strip_think.1+nfkc.1+whitespace.1|v1"),
        ("rouge", {"variant": 1}, "rouge_1|beta=1.0|measure=f|normaliser=strip_think.1+nfkc.1+lower.1+split_punctuation.1" + "|stop_words=none|tokeniser=auto.1|variant=1|v1"),
        ("bleu", {"tokeniser": "zh", "normaliser": [], "stop_words": ["a", "b"]},
         "bleu4|normaliser=none|smoothing=exp|stop_words=a+b|tokeniser=zh.1|v1"),
        ("regex", {"pattern": "a|b"}, "regex|dot_all=false|ignore_case=false|match=search|multiline=false" + "|normaliser=strip_think.1|pattern=a%7Cb|timeout_s=0.5|v1"),
        ("json_schema", {"schema": {"type": "object"}}, 'json_schema|column=none|schema={"type":"object"}|v1'),
    ],
)  # fmt: skip
def test_the_signature_names_all_that_changes_the_number(name, options, signature):
    assert build_scorer(ScorerSpec(name, options)).signature == signature


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3))
def test_a_signature_is_one_line_of_fields_whatever_the_options_hold(words):
    plain, made = (build_scorer(ScorerSpec("contains", {"words": given})).signature for given in (["a"], words))
    assert len(made.splitlines()) == 1
    assert made.count("|") == plain.count("|")


def test_control_characters_and_bars_stand_encoded_in_a_signature():
    options = {"separators": ["\n", "|", "%", "\u2028"]}
    assert "|separators=%0A+%7C+%25+%E2%80%A8|" in build_scorer(ScorerSpec("contains", options)).signature


def test_long_options_stand_as_their_hash():
    many = [str(number) for number in range(500)]
    one, other = (build_scorer(ScorerSpec("rouge", {"stop_words": words})).signature for words in (many, many[:-1]))
    assert one != other
    assert len(one) < 300


def test_metric_names():
    names = [build_scorer(ScorerSpec("rouge", {"variant": variant})).metric for variant in ("1", 2, "l", "L")]
    assert names == ["rouge_1", "rouge_2", "rouge_l", "rouge_l"]
    assert build_scorer(ScorerSpec("bleu")).metric == "bleu4"


@pytest.mark.parametrize(
    ("item", "spec"),
    [
        ("prefix", ScorerSpec("prefix")),
        ({"contains": {"keywords": "any"}}, ScorerSpec("contains", {"keywords": "any"})),
        ({"prefix": None}, ScorerSpec("prefix")),
        ({"name": "rouge", "options": {"variant": "L"}}, ScorerSpec("rouge", {"variant": "L"})),
        ({"name": "rouge"}, ScorerSpec("rouge")),
    ],
)
def test_plan_items(item, spec):
    assert parse_scorer_item(item) == spec
    build_scorer(spec)


@pytest.mark.parametrize("item", ["", 3, None, [], {}, {"a": {}, "b": {}}, {"rouge": "L"}, {"rouge": ["L"]}, {3: {}}])
def test_plan_items_that_cannot_be_read(item):
    with pytest.raises(InputError) as caught:
        parse_scorer_item(item)
    assert caught.value.error_code == "bad_scorer"
    assert "contains" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rouge", {"variant": "3"}, ["rouge", "variant"]),
        ("rouge", {"varient": "1"}, ["rouge", "varient", "no such option"]),
        ("rouge", {"stop_words": "的"}, ["stop_words"]),
        ("bleu", {"tokeniser": "mecab"}, ["tokeniser"]),
        ("exact", {"normaliser": ["upper"]}, ["normaliser.0"]),
        ("numeric", {"rel_tol": -1}, ["rel_tol"]),
        ("contains", {"words": ["a"], "column": "k"}, ["exclude each other"]),
        ("regex", {"timeout_s": 0}, ["timeout_s"]),
        ("choice", {"letters": "XYZ"}, ["letters"]),
    ],
)
def test_bad_options_name_scorer_and_option(name, options, words):
    with pytest.raises(InputError) as caught:
        build_scorer(ScorerSpec(name, options))
    assert caught.value.error_code == "bad_scorer_option"
    assert caught.value.hint.startswith("its options are ")
    for word in [name, *words]:
        assert word in caught.value.line()


def test_an_unknown_scorer_lists_the_known_ones():
    with pytest.raises(InputError) as caught:
        build_scorer(ScorerSpec("blue"))
    assert "bleu" in caught.value.hint
    assert caught.value.error_code == "unknown_scorer"


def test_scores_do_not_depend_on_what_was_scored_before():
    scorer = build_scorer(ScorerSpec("rouge", {"variant": "2"}))
    first = scorer.score(ScoreCase("a b c", ("a b d",)))
    for number in range(100):
        scorer.score(ScoreCase(f"{number} b", (f"{number} c",)))
    assert scorer.score(ScoreCase("a b c", ("a b d",))) == first == Scored(0.5)


def test_the_reference_page_has_every_scorer_and_option():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "scorers.md").read_text(encoding="utf-8")
    for name in SCORERS.names():
        assert f"`{name}`" in page
        for key, field in SCORERS.load(name).options_type.model_fields.items():
            assert f"`{field.alias or key}`" in page, (name, key)
