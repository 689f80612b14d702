"""What scorers that compare texts share: the normaliser, the tokeniser, stop words, and what an empty side means."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import TypeVar

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.normalise import Steps, describe_steps, normalise
from steelyard.flow.scores.scorer import Options, Scorer, best
from steelyard.flow.scores.tokenise import TokeniserName, Tokens, describe_tokeniser, tokenise

NO_REFERENCE = Unscored("no_reference")
BAD_REFERENCE = Unscored("bad_reference")


class TextOptions(Options):
    """Options of a scorer that compares normalised texts."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc", "whitespace"), description="Steps applied to answer and reference, in order."
    )


TextOptionsT = TypeVar("TextOptionsT", bound=TextOptions, default=TextOptions)


class TextScorer(Scorer[TextOptionsT]):
    """A scorer of normalised texts."""

    options_type = TextOptions

    def clean(self, text: str) -> str:
        """Returns the text after the scorer's normaliser."""
        return normalise(text, self.options.normaliser)

    def signature_fields(self) -> dict[str, str]:
        """Names the version of each normalising step."""
        return {**super().signature_fields(), "normaliser": describe_steps(self.options.normaliser)}


class TokenOptions(TextOptions):
    """Options of a scorer that compares tokens."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc", "lower", "split_punctuation"),
        description="Steps applied to answer and reference, in order, before tokenising.",
    )
    tokeniser: TokeniserName = Field("auto", description="What counts as one token.")
    stop_words: tuple[str, ...] = Field(
        (), description="Tokens that are left out on both sides; they are compared with whole tokens."
    )


TokenOptionsT = TypeVar("TokenOptionsT", bound=TokenOptions, default=TokenOptions)


class TokenScorer(TextScorer[TokenOptionsT]):
    """A scorer of token sequences; subclasses compare two that are not empty."""

    options_type = TokenOptions
    both_empty: ClassVar[Literal[0, 1]] = 0
    """The score when neither side has a token."""

    def __init__(self, options: TokenOptionsT | None = None) -> None:
        super().__init__(options)
        words = self.options.stop_words
        # A stop word is met after normalising, so "The" must also stop "the".
        self._stopped = frozenset({*words, *(self.clean(word) for word in words)})

    def signature_fields(self) -> dict[str, str]:
        """Names the version of the tokeniser."""
        return {**super().signature_fields(), "tokeniser": describe_tokeniser(self.options.tokeniser)}

    def tokens(self, text: str) -> Tokens:
        """Returns the tokens of the normalised text, stop words included."""
        return tokenise(text, self.options.normaliser, self.options.tokeniser)

    def without_stop_words(self, tokens: Tokens) -> Tokens:
        """Returns the tokens that are no stop words."""
        stopped = self._stopped
        return tuple(token for token in tokens if token not in stopped) if stopped else tokens

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Returns the best score over the references; an empty side is settled here."""
        if not case.references:
            return NO_REFERENCE
        answer = self.tokens(case.answer)
        return best(self._against(answer, self.tokens(reference)) for reference in case.references)

    def _against(self, answer: Tokens, reference: Tokens) -> Scored:
        if not answer:
            return Scored(float(self.both_empty and not reference), "nothing to compare in the answer", "empty_answer")
        if not reference:
            return Scored(0.0, "nothing to compare in the reference")
        answer, reference = self.without_stop_words(answer), self.without_stop_words(reference)
        if not answer or not reference:
            return Scored(0.0, "only stop words in the " + ("reference" if answer else "answer"), "only_stop_words")
        return self.compare(answer, reference)

    def compare(self, answer: Tokens, reference: Tokens) -> Scored:
        """Returns the score of two token sequences, neither empty."""
        raise NotImplementedError
