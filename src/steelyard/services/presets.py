"""Presets become rows: a card's prompt, examples and options laid over the original records, nothing read or written."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
from msgspec import Struct

from steelyard.domain.errors import InputError
from steelyard.domain.ids import content_hash, short_hash
from steelyard.domain.preset import GROUPS, PRESET_VERSION, Preset, PresetCard
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord, RowFault
from steelyard.flow.scores.registry import build_scorer, parse_scorer_item
from steelyard.services.preset_fields import LETTERS, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACE = re.compile(r"\{(\w+)\}")
_FILLED = frozenset({"question", "choices", "passage", "context", "subset"})


class PresetFiles(Protocol):
    """The files of one preset, in their original layout."""

    def records(self, split: str, subset: str) -> tuple[str, Iterator[RawRecord | RowProblem]]:
        """Returns a file's name for messages and its records.

        Raises:
            InputError: the file is not there (`preset_not_fetched`) or cannot be read.
        """
        ...


class _Asked(Struct, frozen=True):
    """One record, rendered."""

    user: str
    assistant: str
    references: tuple[str, ...]
    group: str


def read_card(data: Any, *, where: str) -> PresetCard:
    """Returns the checked preset of a parsed YAML file.

    Raises:
        InputError: the field that is wrong, or a scorer, placeholder, group or split that does not exist (`bad_preset`).
    """
    try:
        preset = msgspec.convert(data, Preset)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$").lstrip(".")
        raise _bad(message[:1].lower() + message[1:], f"{where} {field}".strip()) from None
    _check(preset, where)
    try:
        scorers = tuple(parse_scorer_item(item) for item in preset.scorers)
        for spec in scorers:
            build_scorer(spec)
    except InputError as error:
        raise InputError(error.message, where=f"{where} scorers", hint=error.hint, code=error.error_code) from None
    identity = msgspec.json.encode([PRESET_VERSION, data], order="sorted")
    return PresetCard(preset, content_hash(identity)[:16], scorers)


def preset_records(card: PresetCard, files: PresetFiles, subset: str = "") -> Iterator[RawRecord | RowProblem]:
    """Yields the rows' records: messages (examples first), reference, category, and the columns `preset` and `subset`.

    Lines are those of the original files. A record that cannot be asked is a problem that names its file and field.

    Args:
        card: the preset.
        files: its data.
        subset: one subset; empty for all.

    Raises:
        InputError: the subset is unknown (at once); a file is missing, or the examples cannot be used (while reading).
    """
    check_subset(card.preset, subset)
    return _all_records(card, files, subset)


def check_subset(preset: Preset, subset: str) -> None:
    """Refuses a subset that the preset does not have.

    Raises:
        InputError: with those there are (`unknown_subset`).
    """
    if subset and subset not in preset.subsets:
        known = ", ".join(preset.subsets)
        raise InputError(
            f"the preset {preset.name} has no subset '{subset}'",
            where=f"preset:{preset.name}/{subset}",
            hint=f"use one of {known}" if known else f"it has no subsets: write preset:{preset.name}",
            code="unknown_subset",
        )


def _all_records(card: PresetCard, files: PresetFiles, subset: str) -> Iterator[RawRecord | RowProblem]:
    preset = card.preset
    for name in preset.subsets_of(subset):
        examples = _examples(preset, files, name)
        file, records = files.records(preset.split, name)
        for record in records:
            if isinstance(record, RowProblem):
                yield record
                continue
            try:
                asked = _render(preset, record, name)
            except RowFault as fault:
                yield RowProblem(file, record.line, fault.column, fault.reason)
                continue
            yield RawRecord(record.line, _row(card, asked, examples, name))


def _row(card: PresetCard, asked: _Asked, examples: list[dict[str, str]], subset: str) -> dict[str, Any]:
    preset = card.preset
    system = [{"role": "system", "content": preset.prompt.system}] if preset.prompt.system else []
    row: dict[str, Any] = {
        "messages": [*system, *examples, {"role": "user", "content": asked.user}],
        "reference": list(asked.references),
        "preset": card.label,
    }
    if subset:
        row |= {"category": subset, "subset": subset}
    return {**row, "group_id": asked.group} if asked.group else row


def _examples(preset: Preset, files: PresetFiles, subset: str) -> list[dict[str, str]]:
    """Returns the messages of the examples; too few or broken ones would quietly be another benchmark, so they are refused."""
    count = preset.shots.count
    if not count:
        return []
    file, records = files.records(preset.shots.split, subset)
    messages: list[dict[str, str]] = []
    for record in islice(records, count):
        try:
            if isinstance(record, RowProblem):
                raise RowFault(record.column, record.reason)
            asked = _render(preset, record, subset)
        except RowFault as fault:
            column = f" {fault.column}:" if fault.column else ""
            raise InputError(
                f"an example of the preset {preset.name} cannot be used:{column} {fault.reason}",
                where=f"{file}:{record.line}",
                hint="mend the line, or fetch the file again",
                code="bad_example",
            ) from None
        messages += [{"role": "user", "content": asked.user}, {"role": "assistant", "content": asked.assistant}]
    if len(messages) < 2 * count:
        raise InputError(
            f"the preset {preset.name} needs {count} examples, the file holds {len(messages) // 2}",
            where=file,
            hint="bring the whole file: fewer examples would be another benchmark",
            code="too_few_examples",
        )
    return messages


def _render(preset: Preset, record: RawRecord, subset: str) -> _Asked:
    if isinstance(record.value, list):
        raise RowFault("", "must be an object")
    found = fields_of(preset.fields, record.value)
    line = preset.prompt.choice
    block = "\n".join(_fill(line, {"letter": LETTERS[index], "text": text}) for index, text in enumerate(found.choices))
    values = {
        "question": found.question, "choices": block, "passage": found.passage, "context": found.context, "subset": subset.replace("_", " ")
    }  # fmt: skip
    assistant = _fill(preset.prompt.example, {"answer": found.answers[0], "solution": found.solution})
    # Questions of one passage stand or fall together.
    group = short_hash(found.passage) if found.passage else ""
    return _Asked(_fill(preset.prompt.user, values).strip(), assistant, found.answers, group)


def _fill(template: str, values: dict[str, str]) -> str:
    """Fills in one pass, so that braces within the data stay as they are."""
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), template)


def _check(preset: Preset, where: str) -> None:
    if preset.preset != PRESET_VERSION:
        raise _bad(f"format version {preset.preset} is unknown", f"{where} preset", f"write preset: {PRESET_VERSION}")
    if preset.group not in GROUPS:
        raise _bad(f"there is no group '{preset.group}'", f"{where} group", "use " + ", ".join(GROUPS))
    for field, split in (("split", preset.split), ("shots.split", preset.shots.split if preset.shots.count else "")):
        if split and split not in preset.files:
            raise _bad(f"no files are named for the split '{split}'", f"{where} {field}", "add it to `files`")
    if preset.shots.count and preset.shots.split in ("", preset.split):
        raise _bad("the examples need a split that is not evaluated", f"{where} shots.split", "name another split")
    for field, text, known in (
        ("user", preset.prompt.user, _FILLED),
        ("choice", preset.prompt.choice, {"letter", "text"}),
        ("example", preset.prompt.example, {"answer", "solution"}),
    ):
        for name in cast("list[str]", _PLACE.findall(text)):
            if name not in known:
                hint = "use " + ", ".join(f"{{{each}}}" for each in sorted(known))
                raise _bad(f"nothing is called {{{name}}}", f"{where} prompt.{field}", hint)
    if "{question}" not in preset.prompt.user:
        raise _bad("the prompt does not hold {question}", f"{where} prompt.user", "put it where the question belongs")
    if not preset.scorers:
        raise _bad("the preset names no scorer", f"{where} scorers", "add one, such as choice")
    for split, paths in preset.files.items():
        if not paths or any(path.startswith("/") or ".." in path.split("/") for path in paths):
            raise _bad("needs paths within the preset's folder", f"{where} files.{split}", "write test.jsonl")
    if len(preset.fields.drop_between) not in (0, 2):
        raise _bad("takes two marks", f"{where} fields.drop_between", 'write ["<<", ">>"]')


def _bad(message: str, where: str, hint: str = "see the preset format in the documentation") -> InputError:
    return InputError(message, where=where, hint=hint, code="bad_preset")
