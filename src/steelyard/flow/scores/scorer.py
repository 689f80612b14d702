"""What every scorer is: a pure function of one answer, with a signature that names all that changes its number."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, cast

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from steelyard.domain.ids import short_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.domain.score import ScoreCase, Scored, Unscored

_LONGEST_SHOWN = 120


class Options(BaseModel):
    """User-set fields of a scorer: forms, flags and docs come from it. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


OptionsT = TypeVar("OptionsT", bound=Options, default=Options)


class Scorer(Generic[OptionsT]):
    """One scoring rule with its options. Subclasses set the class fields and `score`.

    A scorer is built once and used for every row; it keeps no state between rows, does no IO and never raises
    for anything an answer may hold.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    kind: ClassVar[Literal["rate", "mean"]] = "mean"
    """rate: every score is 0 or 1 (Wilson interval); mean: anything in 0..1."""
    needs_reference: ClassVar[bool] = True
    """Then a case without references is Unscored("no_reference")."""
    options_type: ClassVar[type[Options]] = Options

    def __init__(self, options: OptionsT | None = None) -> None:
        self.options: OptionsT = options if options is not None else cast("OptionsT", self.options_type())

    @property
    def metric(self) -> str:
        """The metric's name in reports, such as rouge_l: the scorer's name, narrowed by its options."""
        return self.name

    @property
    def signature(self) -> str:
        """`metric|option=value|...|v1`: two numbers are comparable only when these are equal.

        Lists are joined with `+`; values longer than 120 characters stand as their hash. It is one line: `|`, `%` and
        control characters inside a value are percent-encoded.
        """
        fields = self.signature_fields()
        return "|".join([self.metric, *(f"{key}={fields[key]}" for key in sorted(fields)), f"v{self.version}"])

    def signature_fields(self) -> dict[str, str]:
        """Returns what the signature says of each option; subclasses add versions of what an option names."""
        return {key: _shown_option(value) for key, value in self.options.model_dump(mode="json", by_alias=True).items()}

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Returns the score of one answer; with several references, the best one counts."""
        raise NotImplementedError

    def pool(self, parts: Sequence[Sequence[float]]) -> float | None:
        """Returns a metric that must pool all rows' `parts` before dividing (corpus BLEU); None: take the mean."""
        del parts
        return None


def best(scores: Iterable[Scored]) -> Scored:
    """Returns the highest score, the first of equals; there must be one."""
    return max(scores, key=lambda score: score.value)


def brief(text: str, longest: int = 60) -> str:
    """Returns the text as a reason may hold it: one line, cut to `longest` characters, valid Unicode."""
    line = " ".join(text[: 4 * longest].split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")


def _shown_option(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, str):
        shown = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value)):
        shown = "+".join(cast("list[str]", value))
    else:
        shown = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    shown = "".join(map(_encoded, shown))
    return shown if len(shown) <= _LONGEST_SHOWN else "hash:" + short_hash(shown)


def _encoded(character: str) -> str:
    # "|" parts the fields and a line holds one signature, so neither may stand inside a value.
    if character in "%|" or unicodedata.category(character) in {"Cc", "Zl", "Zp"}:
        return "".join(f"%{byte:02X}" for byte in character.encode())
    return character
