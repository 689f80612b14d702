"""CPU seconds per 1,000 pairs of each rule scorer beside its reference library, in one process.

Run it as `python benchmarks/scoring.py [PAIRS]`; the last line is JSON. Texts are about 100 characters, seeded, and
answers share about two thirds with their reference. A ratio above 1 means that ours is faster.
"""

from __future__ import annotations

import json
import random
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

from steelyard.domain.score import ScoreCase, ScorerSpec
from steelyard.flow.scores.registry import build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable

Pair = tuple[str, str]
_HAN = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈"
_WORDS = [
    "the",
    "model",
    "answers",
    "a",
    "question",
    "about",
    "rivers",
    "and",
    "mountains",
    "with",
    "short",
    "clear",
    "sentences",
    "that",
    "people",
    "can",
    "read",
]
_ROUNDS = 3


def make_pairs(language: str, count: int, seed: int = 7) -> list[Pair]:
    """Returns (answer, reference) pairs of about 100 characters."""
    draw = random.Random(seed)
    units, length, joint = (list(_HAN), 98, "") if language == "zh" else (_WORDS, 17, " ")
    pairs: list[Pair] = []
    for _ in range(count):
        reference = draw.choices(units, k=length)
        answer = [draw.choice(units) if draw.random() < 1 / 3 else unit for unit in reference]
        end = "。" if language == "zh" else "."
        pairs.append((joint.join(answer) + end, joint.join(reference) + end))
    return pairs


def ours(*specs: tuple[str, dict[str, Any]]) -> Callable[[list[Pair]], None]:
    """Returns a run of these scorers, row by row as an evaluation does it."""
    scorers = [build_scorer(ScorerSpec(name, options)) for name, options in specs]

    def run(pairs: list[Pair]) -> None:
        for answer, reference in pairs:
            case = ScoreCase(answer, (reference,))
            for scorer in scorers:
                scorer.score(case)

    return run


def rouge_reference(language: str) -> Callable[[list[Pair]], None]:
    """Returns rouge_score with all three variants; by character for Chinese."""
    from rouge_score.rouge_scorer import RougeScorer

    class ByCharacter:
        def tokenize(self, text: str) -> list[str]:
            return [char for char in text if char.isalnum()]

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=ByCharacter() if language == "zh" else None)
    return lambda pairs: [scorer.score(reference, answer) for answer, reference in pairs] and None


def bleu_nltk(language: str) -> Callable[[list[Pair]], None]:
    """Returns nltk's sentence_bleu on ready characters or words."""
    from nltk.translate.bleu_score import sentence_bleu

    part = list if language == "zh" else str.split
    return lambda pairs: [sentence_bleu([part(reference)], part(answer)) for answer, reference in pairs] and None


def bleu_sacrebleu(language: str) -> Callable[[list[Pair]], None]:
    """Returns sacrebleu's sentence BLEU with its tokeniser for the language."""
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(tokenize="zh" if language == "zh" else "13a", effective_order=True)
    return lambda pairs: [bleu.sentence_score(answer, [reference]) for answer, reference in pairs] and None


def chrf_sacrebleu(_: str) -> Callable[[list[Pair]], None]:
    """Returns sacrebleu's sentence chrF."""
    from sacrebleu.metrics.chrf import CHRF

    chrf = CHRF()
    return lambda pairs: [chrf.sentence_score(answer, [reference]) for answer, reference in pairs] and None


def jieba_cut(_: str) -> Callable[[list[Pair]], None]:
    """Returns jieba's segmentation of both sides, without any score."""
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return lambda pairs: [(jieba.lcut(answer), jieba.lcut(reference)) for answer, reference in pairs] and None


_ROUGE = [("rouge", {"variant": variant}) for variant in ("1", "2", "L")]
CASES: list[tuple[str, list[tuple[str, dict[str, Any]]], str, Callable[[str], Any] | None]] = [
    ("rouge_1+2+l", _ROUGE, "rouge_score", rouge_reference),
    ("bleu4", [("bleu", {})], "nltk", bleu_nltk),
    ("bleu4", [("bleu", {})], "sacrebleu", bleu_sacrebleu),
    ("chrf", [("chrf", {})], "sacrebleu", chrf_sacrebleu),
    ("token_f1 jieba", [("token_f1", {"tokeniser": "jieba"})], "jieba (cut only)", jieba_cut),
    ("token_f1", [("token_f1", {})], "", None),
    ("accuracy", [("accuracy", {})], "", None),
    ("exact", [("exact", {})], "", None),
    ("prefix", [("prefix", {})], "", None),
    ("contains", [("contains", {})], "", None),
    ("regex", [("regex", {"pattern": r"\w+[。.]$"})], "", None),
    ("choice", [("choice", {})], "", None),
    ("numeric", [("numeric", {})], "", None),
    ("edit_similarity", [("edit_similarity", {})], "", None),
]


def cpu_per_1000(run: Callable[[list[Pair]], None], pairs: list[Pair]) -> float:
    """Returns the best of three rounds, in CPU seconds per 1,000 pairs; each round sees texts no cache has seen."""
    run(pairs[:2])
    share = len(pairs) // _ROUNDS
    rounds: list[float] = []
    for index in range(_ROUNDS):
        part = pairs[index * share : (index + 1) * share]
        start = time.process_time()
        run(part)
        rounds.append((time.process_time() - start) / len(part) * 1000)
    return min(rounds)


def main(count: int = 1500) -> list[dict[str, Any]]:
    """Measures every case in Chinese and English, prints a table and one JSON line, and returns the figures."""
    figures: list[dict[str, Any]] = []
    warnings.simplefilter("ignore")
    print(f"{'scorer':<16}{'lang':<6}{'ours s/1k':>10}{'reference s/1k':>16}{'ratio':>8}  reference")
    for language in ("zh", "en"):
        pairs = make_pairs(language, count)
        lettered = [(f"{answer} 答案：B 42", f"B 42 {reference}") for answer, reference in pairs]
        for label, specs, library, reference in CASES:
            used = lettered if label in {"choice", "numeric"} else pairs
            mine = cpu_per_1000(ours(*specs), used)
            other = cpu_per_1000(reference(language), used) if reference else None
            ratio = round(other / mine, 1) if other is not None else None
            figures.append(
                {
                    "scorer": label,
                    "language": language,
                    "cpu_s_per_1000": round(mine, 5),
                    "reference": library,
                    "reference_cpu_s_per_1000": None if other is None else round(other, 5),
                    "ratio": ratio,
                }
            )
            shown = f"{other:>16.4f}{ratio:>8.1f}  {library}" if other is not None else ""
            print(f"{label:<16}{language:<6}{mine:>10.4f}{shown}")
    print(json.dumps({"benchmark": "scoring", "pairs": count, "figures": figures}))
    return figures


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1500)
