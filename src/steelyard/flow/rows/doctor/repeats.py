"""Rows that ask the same to the letter, told from three hashes a row."""

from __future__ import annotations

from array import array
from typing import Any


class Repeats:
    """Takes the hashes of every row's question, references and answers; 24 bytes a row."""

    def __init__(self) -> None:
        self._questions = array("Q")
        self._references = array("Q")
        self._answers = array("Q")

    def add(self, question: int, references: int, answers: int) -> None:
        """Takes the next row."""
        self._questions.append(question)
        self._references.append(references)
        self._answers.append(answers)

    def duplicates(self) -> Any:
        """Returns the positions, ascending, of rows whose question, references and answers stood in an earlier row."""
        import numpy as np

        questions, references, answers = self._arrays()
        order = np.lexsort((answers, references, questions))
        same = np.ones(max(len(order) - 1, 0), dtype=bool)
        for column in (questions, references, answers):
            ordered = column[order]
            same &= ordered[1:] == ordered[:-1]
        # lexsort is stable: of equal rows the first in the data set stands first, and is the one that is kept.
        return np.sort(order[1:][same])

    def contradictions(self) -> Any:
        """Returns the positions, ascending, of all rows whose question stands in the data set with other references too."""
        import numpy as np

        questions, references, _ = self._arrays()
        order = np.lexsort((references, questions))
        asked, expected = questions[order], references[order]
        contrary = (asked[1:] == asked[:-1]) & (expected[1:] != expected[:-1])
        return np.flatnonzero(np.isin(questions, np.unique(asked[1:][contrary])))

    def repeated(self) -> int:
        """Returns how many rows ask what an earlier row asked, whatever is expected."""
        import numpy as np

        questions = self._arrays()[0]
        return len(questions) - len(np.unique(questions))

    def same_question(self, left: Any, right: Any) -> Any:
        """Returns for each pair of positions whether both ask the same to the letter."""
        questions = self._arrays()[0]
        return questions[left] == questions[right]

    def labels(self, positions: Any, least: int) -> Any:
        """Returns for each position whether its references are expected by `least` or more different questions."""
        import numpy as np

        questions, references, _ = self._arrays()
        wanted = np.isin(references, references[positions])
        pairs = np.unique(np.stack([references[wanted], questions[wanted]], axis=1), axis=0)
        values, counts = np.unique(pairs[:, 0], return_counts=True)
        return np.isin(references[positions], values[counts >= least])

    def _arrays(self) -> tuple[Any, Any, Any]:
        return _numbers(self._questions), _numbers(self._references), _numbers(self._answers)


def _numbers(hashes: array[int]) -> Any:
    import numpy as np

    return np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)
