"""Which column plays which role: the names that files use, their precedence, and one reading kept for a whole file.

A name such as `answer` means the reference in one file and the prediction in another. What a column was taken for in
earlier rows therefore holds for the later ones: a row that lacks the prediction never has its reference read as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from steelyard.domain.errors import InputError
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["general", "result_set"]

ROLES = (
    "input",
    "messages",
    "reference",
    "prediction",
    "predictions",
    "system",
    "session_id",
    "group_id",
    "category",
    "id",
    "parameters",
)

_SURE_REFERENCES = ("reference", "reference_response", "reference_answer", "expected_output", "预期回答", "target")
_EITHER = ("answer", "response", "completion")
_LAST_REFERENCES = ("ideal", "chosen")

_COMMON: dict[str, tuple[str, ...]] = {
    "input": ("input", "prompt", "query", "question", "input_prompt", "prompt问题"),
    "messages": ("messages", "input_chats"),
    "system": ("system", "system_prompt"),
    "session_id": ("session_id",),
    "group_id": ("group_id",),
    "category": ("category",),
    "id": ("id",),
    "parameters": ("parameters", "params"),
}
NAMES: dict[Kind, dict[str, tuple[str, ...]]] = {
    "general": {**_COMMON, "reference": (*_SURE_REFERENCES, *_EITHER, *_LAST_REFERENCES)},
    "result_set": {
        **_COMMON,
        # The prediction chooses first, so that of two unclear names one is left for the reference.
        "prediction": (
            "prediction",
            "model_answer",
            "llm_output",
            "模型结果",
            "output",
            "response",
            "answer",
            "completion",
        ),
        "reference": (*_SURE_REFERENCES, *_EITHER, *_LAST_REFERENCES),
        # A dialogue's answers, one a turn, beside messages that hold the references.
        "predictions": ("predictions", "model_answers"),
    },
}
_CACHE_LIMIT = 4096


class Plan(Struct, frozen=True):
    """How records with one set of keys are read: role -> the file's key ("" for none), and all other keys."""

    input: str = ""
    messages: str = ""
    reference: str = ""
    prediction: str = ""
    predictions: str = ""
    system: str = ""
    session_id: str = ""
    group_id: str = ""
    category: str = ""
    id: str = ""
    parameters: str = ""
    columns: tuple[str, ...] = ()


class Planner:
    """Finds the plan of each set of keys, and remembers what every column was taken for.

    Args:
        kind: general (rows to be answered) or result_set (rows that hold answers).
        mapping: role -> the file's column name; goes before the known names.

    Raises:
        InputError: a mapping names an unknown role, or one column twice.
    """

    def __init__(self, kind: Kind, mapping: Mapping[str, str]) -> None:
        _check(kind, mapping)
        self._names = NAMES[kind]
        self._mapping = dict(mapping)
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._learned: dict[str, str] = {}
        self._unseen = set(mapping.values())
        self._keys: dict[str, None] = {}

    def plan(self, keys: tuple[str, ...]) -> Plan:
        """Returns the plan for these keys.

        Raises:
            RowFault: a column has no name, or would have to be read otherwise than in earlier rows.
        """
        plan = self._plans.get(keys)
        if plan is None:
            if len(self._plans) >= _CACHE_LIMIT:
                self._plans.clear()
            plan = self._plans[keys] = self._make(keys)
        return plan

    def check_mapping(self, file: str) -> None:
        """Raises InputError when a mapped column was in no record at all."""
        if self._unseen and self._keys:
            missing = min(self._unseen)
            raise InputError(
                f"the mapping names the column '{missing}', which no row has",
                where=file,
                hint="the columns are: " + ", ".join(list(self._keys)[:20]),
                code="unknown_column",
            )

    def _make(self, keys: tuple[str, ...]) -> Plan:
        if "" in keys:
            raise RowFault("", "a column has no name")
        self._unseen.difference_update(keys)
        if len(self._keys) < 100:
            self._keys.update(dict.fromkeys(keys))
        roles = self._natural(keys)
        if any(self._learned.get(key, role) != role for key, role in roles.items()):
            roles = self._pinned(roles)
        known = {name for names in self._names.values() for name in names}
        self._learned.update((key, role) for key, role in roles.items() if role or key.strip().casefold() in known)
        by_role = {role: key for key, role in roles.items() if role}
        return Plan(**by_role, columns=tuple(key for key, role in roles.items() if not role))  # pyright: ignore[reportArgumentType]

    def _natural(self, keys: tuple[str, ...]) -> dict[str, str]:
        """Returns key -> role ("" for a plain column) as these keys alone suggest."""
        roles = dict.fromkeys(keys, "")
        for role, column in self._mapping.items():
            if column in roles:
                roles[column] = role
        folded: dict[str, str] = {}
        for key in keys:
            if not roles[key]:
                folded.setdefault(key.strip().casefold(), key)
                if key in self._mapping.values():
                    folded.pop(key, None)
        for role, names in self._names.items():
            if role in self._mapping:
                continue
            key = next((folded[name] for name in names if name in folded), None)
            if key is not None:
                roles[key] = role
                folded = {name: other for name, other in folded.items() if other != key}
        return roles

    def _pinned(self, natural: dict[str, str]) -> dict[str, str]:
        """Returns key -> role where what earlier rows taught comes first."""
        roles = {key: self._learned.get(key, role) for key, role in natural.items()}
        taken: dict[str, str] = {}
        for key, role in roles.items():
            if not role:
                continue
            if role in taken:
                raise RowFault(
                    key,
                    f"'{taken[role]}' and '{key}' could both be the {role}, and earlier rows were read otherwise;"
                    f" say which with a mapping such as {role}={key}",
                )
            taken[role] = key
        return roles


def _check(kind: str, mapping: Mapping[str, str]) -> None:
    if kind not in NAMES:
        raise InputError(
            f"unknown kind of data set '{kind}'", where="kind", hint="use general or result_set", code="unknown_kind"
        )
    allowed = [role for role in ROLES if kind == "result_set" or not role.startswith("prediction")]
    for role in mapping:
        if role not in allowed:
            raise InputError(
                f"the mapping has an unknown name '{role}'",
                where="mapping",
                hint="use " + ", ".join(allowed),
                code="unknown_mapping",
            )
    if len(set(mapping.values())) < len(mapping):
        raise InputError(
            "the mapping uses one column for two names",
            where="mapping",
            hint="give each name its own column",
            code="bad_mapping",
        )
