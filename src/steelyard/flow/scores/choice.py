"""Whether the option an answer chooses is the right one."""

from __future__ import annotations

from pydantic import Field

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.answers.choice import LETTERS, extract_choice, extract_choices
from steelyard.flow.scores.scorer import Options, Scorer
from steelyard.flow.scores.text import BAD_REFERENCE, NO_REFERENCE


class ChoiceOptions(Options):
    """Options of `choice`."""

    letters: str = Field(
        LETTERS, pattern="^[A-J]{2,10}$", description="The options that questions offer; any other letter is unparsed."
    )
    multiple: bool = Field(False, description="Questions may have several right options; all of them must be chosen.")


class Choice(Scorer[ChoiceOptions]):
    """1 when the option read from the answer is the reference's, else 0; unreadable answers are flagged `unparsed`.

    How the option is read: `steelyard.flow.answers.choice`. The reference is read in the same way ("B", "(B)",
    "B. Paris"; with `multiple` also "ABD").
    """

    name = "choice"
    kind = "rate"
    options_type = ChoiceOptions

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Compares the chosen options; a reference that names none is Unscored("bad_reference")."""
        if not case.references:
            return NO_REFERENCE
        expected = [read for reference in case.references if (read := self._read(reference))]
        if not expected:
            return BAD_REFERENCE
        if not case.answer.strip():
            return Scored(0.0, "the answer is empty", "empty_answer")
        chosen = self._read(case.answer)
        if chosen is None:
            return Scored(0.0, "no single choice can be read", "unparsed")
        return Scored(float(chosen in expected), f"read {chosen}, expected {' or '.join(sorted(set(expected)))}")

    def _read(self, text: str) -> str | None:
        if self.options.multiple:
            several = extract_choices(text, self.options.letters)
            return "".join(several) if several else None
        return extract_choice(text, self.options.letters)
