"""A preset (预置评测集): everything that makes a public benchmark's number, written down in one YAML file and hashed.

Equal names have meant different numbers elsewhere: another prompt, other examples, another way to read the answer.
Here the hash stands in every row that a preset makes, so results compare only where all of it is equal.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from steelyard.domain.score import ScorerSpec

PRESET_VERSION = 1
"""Version of the format, and of the way rows are made of it."""

GROUPS = {
    "general": ("General ability", "综合能力"),
    "reasoning": ("Reasoning and mathematics", "推理数学"),
    "language": ("Language and writing", "语言创作"),
    "knowledge": ("Knowledge", "知识能力"),
}
"""Ability groups: code -> (English, Chinese)."""


class Title(Struct, frozen=True, forbid_unknown_fields=True):
    """What people call it."""

    en: str
    zh: str


class Repository(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A repository of a hub."""

    repo: str
    revision: str = "main"
    archives: tuple[str, ...] = ()
    """Zip files that hold the data files, where the repository keeps them packed."""


class Source(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the data files can be had; the first kind that is set is the default."""

    huggingface: Repository | None = None
    modelscope: Repository | None = None
    url: str = ""
    """Base address that the files' paths are appended to."""


class Fields(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a record keeps what. A place is a column or a dotted path; `x|y` takes the first that is there."""

    answer: str
    question: str = "question"
    choices: str = ""
    """The place that holds all options, or `A+B+C+D`, one column for each; empty: an open question."""
    options: tuple[str, ...] = ()
    """Options that are the same for every question; then `choices` stays empty."""
    labels: tuple[str, ...] = ()
    """What the data calls the options, in order ("1", "2"; "true", "false"); empty: letters, or positions from 0."""
    passage: str = ""
    """Text that several questions share; rows of one passage are clustered."""
    context: str = ""
    solution: str = ""
    """The worked answer of an example."""
    answer_after: str = ""
    """The answer is what follows the last occurrence of this mark."""
    drop_between: tuple[str, ...] = ()
    """Two marks; what stands between them is left out of the solution."""


class Prompt(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the model is asked. `{question}`, `{choices}`, `{passage}`, `{context}`, `{subset}` are filled in."""

    user: str
    system: str = ""
    choice: str = "{letter}. {text}"
    """One line of the block of choices."""
    example: str = "{answer}"
    """What the assistant says in an example: `{answer}` (the letter or text), `{solution}`."""


class Shots(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Examples that stand before the question as user and assistant messages: the first ones of a split."""

    count: Annotated[int, Meta(ge=0, le=100)] = 0
    split: str = ""


class Preset(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One preset, as its YAML file says it."""

    preset: int
    """Version of the format: 1."""
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_\-]*$")]
    version: Annotated[int, Meta(ge=1)]
    """Counts up with every change that can change a number."""
    title: Title
    group: str
    languages: tuple[str, ...]
    licence: str
    source: Source
    files: dict[str, tuple[str, ...]]
    """Split -> paths that may hold it (`{subset}` is filled in); the first that is there is read."""
    fields: Fields
    prompt: Prompt
    scorers: tuple[str | dict[str, Any], ...]
    """As in a plan: how the answer is read and what the number is."""
    columns: tuple[str, ...] = ()
    """Names of a CSV file's columns, where the file has no header."""
    records_at: str = ""
    """Key that holds the records, where a JSON file is an object."""
    split: str = "test"
    """The split that is evaluated."""
    subsets: tuple[str, ...] = ()
    shots: Shots = Shots()
    generative: bool = False
    """Published numbers are log-likelihoods of the options; this one is read from an answer and is not that number."""
    sha256: dict[str, str] = {}
    """Path -> hex digest, where a file is pinned."""

    def subsets_of(self, subset: str) -> tuple[str, ...]:
        """Returns the subsets that are meant: the one named, all of them, or one without a name."""
        return (subset,) if subset else self.subsets or ("",)


class PresetCard(Struct, frozen=True):
    """A preset with its identity."""

    preset: Preset
    hash: str
    """Over everything the YAML file says; layout and comments do not count."""
    scorers: tuple[ScorerSpec, ...]

    @property
    def label(self) -> str:
        """`name@hash`: what the rows bear."""
        return f"{self.preset.name}@{self.hash}"

    @property
    def ability(self) -> str:
        """The ability group as a report names it, in both languages: one name for readers of either."""
        english, chinese = GROUPS[self.preset.group]
        return f"{chinese} {english}"
