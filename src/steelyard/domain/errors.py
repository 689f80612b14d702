"""Every error a person can be shown, drawn as one tree. No HTTP here: the faces map codes to their own status.

SteelyardError
├── InputError            the user's plan, file or request is wrong (exit 2, HTTP 400/422)
│   └── RowsRefusedError  some data rows cannot be used; carries each problem
├── NotFoundError         nothing has this id (HTTP 404)
├── ConflictError         the thing is busy or in the wrong state (HTTP 409)
├── AccessError           signature, key or permission refused (HTTP 401/403)
└── StorageError          disk, lock or database failed (HTTP 500)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.row import RowProblem


class SteelyardError(Exception):
    """Something stopped the work; `code` is stable, `where` and `hint` are for people.

    Args:
        message: what is wrong, one sentence without a full stop.
        where: file, line, field or id the message is about.
        hint: what the user can do about it.
        code: overrides the class's code with a narrower one.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.error_code = code or type(self).code

    def line(self) -> str:
        """Returns the one line that a terminal shows: `error[code]: what (where) - what to do`."""
        where = f" ({self.where})" if self.where else ""
        hint = f" - {self.hint}" if self.hint else ""
        return f"error[{self.error_code}]: {self.message}{where}{hint}"


class InputError(SteelyardError):
    """The user's plan, file or request is wrong."""

    code = "invalid_input"


class RowsRefusedError(InputError):
    """Some data rows cannot be used, and the plan says `on_bad_rows: refuse`.

    `problems` holds the first ones (at most 100), `count` all of them.
    """

    code = "bad_rows"

    def __init__(
        self, message: str, problems: Sequence[RowProblem], count: int, *, where: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.problems = list(problems)
        self.count = count


class NotFoundError(SteelyardError):
    """Nothing has this id."""

    code = "not_found"


class ConflictError(SteelyardError):
    """The thing is busy, or in a state that does not allow this."""

    code = "conflict"


class AccessError(SteelyardError):
    """The caller could not be recognised, or may not do this."""

    code = "access_denied"


class StorageError(SteelyardError):
    """The disk, the lock or the database failed; nothing recorded before is lost."""

    code = "storage"
