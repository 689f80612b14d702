"""Numbers that the reference libraries give for the same tokens."""

import logging
import re
import string
import warnings
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_calls import score, value

from steelyard.domain.score import ScoreCase, ScorerSpec
from steelyard.flow.scores.registry import build_scorer
from steelyard.flow.scores.tokenise import tokenise

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "The",
    "it's",
    "3.5",
    "x",
    "今",
    "天",
    "气",
    "很",
    "好",
    "，",
    "。",
    "GPT-4",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=25).map(" ".join)
ROUGE_STEPS = ("strip_think", "nfkc", "lower", "split_punctuation")


class _Joined:
    def tokenize(self, text):
        return text.split(" ")


@given(TEXTS, TEXTS)
def test_rouge_equals_rouge_score_on_our_tokens(answer, reference):
    from rouge_score.rouge_scorer import RougeScorer

    ours = [" ".join(tokenise(text, ROUGE_STEPS, "auto")) for text in (reference, answer)]
    if not all(ours):
        return
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Joined()).score(*ours)
    for variant in ("1", "2", "L"):
        found = theirs["rouge" + variant]
        for measure, wanted in (("f", found.fmeasure), ("precision", found.precision), ("recall", found.recall)):
            assert value("rouge", answer, reference, variant=variant, measure=measure) == pytest.approx(
                wanted, abs=1e-12
            )


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("The cat's on the mat.", "The cat sat on the mat, didn't it?"),
        ("a a a a b", "a b c"),
        ("It costs $3.50 (about 3)", "it costs 3.50 dollars"),
    ],
)
def test_english_rouge_needs_no_settings_to_equal_rouge_score(answer, reference):
    from rouge_score.rouge_scorer import RougeScorer

    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, answer)
    for variant in ("1", "2", "L"):
        assert value("rouge", answer, reference, variant=variant) == pytest.approx(theirs["rouge" + variant].fmeasure)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_bleu_equals_nltk_where_every_order_matches(answer, references):
    from nltk.translate.bleu_score import sentence_bleu

    scored = score("bleu", answer, *references, tokeniser="word")
    if all(scored.parts[:4]):
        wanted = sentence_bleu([reference.split() for reference in references], answer.split())
        assert scored.value == pytest.approx(wanted, abs=1e-12)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_smoothed_bleu_equals_sacrebleu_on_the_same_tokens(answer, references):
    from sacrebleu.metrics.bleu import BLEU

    theirs = BLEU(tokenize="none", effective_order=True).sentence_score(answer, references)
    assert value("bleu", answer, *references, tokeniser="word") == pytest.approx(theirs.score / 100, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "references"),
    [
        ("a b c d e f", ["a b c", "a b c d e f g"]),
        ("a b c d e f", ["a b c d e", "a b c d e f g"]),
        ("a a b b", ["a b c d e", "a a c d", "b b c d"]),
    ],
)
def test_several_references_count_together_in_bleu(answer, references):
    from nltk.translate.bleu_score import brevity_penalty, closest_ref_length
    from sacrebleu.metrics.bleu import BLEU

    scored = score("bleu", answer, *references, tokeniser="word")
    theirs = BLEU(tokenize="none", effective_order=True).sentence_score(answer, references)
    assert scored.value == pytest.approx(theirs.score / 100, abs=1e-12)
    closest = closest_ref_length([reference.split() for reference in references], len(answer.split()))
    assert scored.parts[8:] == (len(answer.split()), closest)
    assert brevity_penalty(closest, len(answer.split())) == pytest.approx(theirs.bp)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8))
def test_pooled_bleu_equals_both_corpus_bleus(pairs):
    from nltk.translate.bleu_score import corpus_bleu
    from sacrebleu.metrics.bleu import BLEU

    scorer = build_scorer(ScorerSpec("bleu", {"tokeniser": "word"}))
    parts = [scorer.score(ScoreCase(answer, (reference,))).parts for answer, reference in pairs]
    totals = [sum(column) for column in zip(*parts, strict=True)]
    if not all(totals[:8]):
        return
    pooled = scorer.pool(parts)
    if min(len(answer.split()) for answer, _ in pairs) >= 4:  # nltk counts a missing 4-gram as one
        assert pooled == pytest.approx(corpus_bleu([[r.split()] for _, r in pairs], [a.split() for a, _ in pairs]))
    theirs = BLEU(tokenize="none").corpus_score([a for a, _ in pairs], [[r for _, r in pairs]])
    assert pooled == pytest.approx(theirs.score / 100, abs=1e-12)


def test_an_empty_answer_shortens_the_corpus():
    scorer = build_scorer(ScorerSpec("bleu"))
    full = scorer.score(ScoreCase("a b c d e", ("a b c d e",)))
    empty = scorer.score(ScoreCase("", ("a b c d e",)))
    assert scorer.pool([full.parts]) == 1
    assert scorer.pool([full.parts, empty.parts]) == pytest.approx(2.718281828459045**-1)
    assert scorer.pool([]) is None


def test_bleu_of_the_measured_chinese_pair():
    pair = ("今天天气很好，我们去公园散步吧。", "今天天气不错，我们一起去公园散步吧。")
    by_characters = value("bleu", *pair)
    assert by_characters == pytest.approx(0.5408, abs=5e-5)
    assert value("bleu", *pair, tokeniser="zh") == pytest.approx(by_characters)
    assert value("bleu", *pair, tokeniser="13a", normaliser=[]) == 0
    assert value("bleu", "a a a a b", "a b c", smoothing="none") == 0


def _squad_f1(prediction, gold):
    def tokens(text):
        text = "".join(char for char in text.lower() if char not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    wanted, given_ = tokens(gold), tokens(prediction)
    common = sum((Counter(wanted) & Counter(given_)).values())
    if not wanted or not given_:
        return float(wanted == given_)
    if not common:
        return 0.0
    precision, recall = common / len(given_), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


ENGLISH = st.lists(st.sampled_from([*WORDS[:10], "an", "U.S.", "$5", "well-known", "the,", "!"]), max_size=12).map(
    " ".join
)


@given(ENGLISH, ENGLISH)
def test_token_f1_equals_the_squad_script_on_english(answer, reference):
    wanted = _squad_f1(answer, reference)
    assert value("token_f1", answer, reference) == pytest.approx(wanted, abs=1e-12)
    squad = {"tokeniser": "word", "normaliser": ["lower", "ascii_punctuation", "articles"]}
    assert value("token_f1", answer, reference, **squad) == pytest.approx(wanted, abs=1e-12)


@given(st.text(max_size=40), st.text(max_size=40))
def test_token_f1_with_the_scripts_own_steps_equals_it_on_any_text(answer, reference):
    squad = {"tokeniser": "word", "normaliser": ["lower", "ascii_punctuation", "articles"]}
    assert value("token_f1", answer, reference, **squad) == pytest.approx(_squad_f1(answer, reference), abs=1e-12)


def test_chinese_token_f1_counts_characters():
    assert value("token_f1", "北京市。", "北京") == pytest.approx(0.8)


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_chrf_equals_sacrebleu(answer, reference):
    from sacrebleu.metrics.chrf import CHRF

    for options in ({}, {"word_order": 2}, {"beta": 3, "char_order": 4}):
        wanted = CHRF(**options).sentence_score(answer, [reference]).score / 100
        assert value("chrf", answer, reference, normaliser=[], **options) == pytest.approx(wanted, abs=1e-12)


def test_jieba_words_equal_jieba():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.ERROR)
    for text in (
        "今天天气很好，我们去公园散步吧。",
        "我来到北京清华大学",
        "他来到了网易杭研大厦",
        "小明硕士毕业于中国科学院计算所，后在日本京都大学深造",
        "使用 GPT-4 模型回答 3.14 个问题",
        "南京市长江大桥",
        "a--b 100% C++ foo_bar a.b v1.2.3 x@y.com https://a.com/b?c=1 是网址 U.S.A. it's 1,000 2024-01-02",
        "ＡＢ１２ 測試 日本語 カタカナ 한국어 K歌 T恤 👍",
        "工信处女干事每月经过下属科室都要亲口交代24口交换机等技术性器件的安装工作",
    ):
        assert list(tokenise(text, (), "jieba")) == [word for word in jieba.cut(text) if not word.isspace()]


def test_edit_similarity_by_hand():
    assert value("edit_similarity", "kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert value("edit_similarity", "今天", "明天") == 0.5


def test_accuracy_by_hand():
    assert value("accuracy", "巴黎。", "巴黎") == 1
    assert value("accuracy", "The  PARIS", "the paris") == 1
    assert value("accuracy", "-5", "5") == 0
    assert value("accuracy", "3.5", "35") == 0
    assert value("accuracy", "b a", "a b") == 0
    assert value("accuracy", "the paris", "Paris", stop_words=["The"]) == 1
