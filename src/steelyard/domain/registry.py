"""One kind of registry for everything that can be extended: a table of name -> "module:attribute", loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Generic, TypeVar, cast

from steelyard.domain.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of extension. Nothing is imported before it is asked for."""

    def __init__(self, kind: str, table: dict[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def names(self) -> list[str]:
        """Returns all names, sorted."""
        return sorted(self._table)

    def add(self, name: str, target: str) -> None:
        """Adds or replaces an extension; `target` is "module:attribute"."""
        self._table[name] = target

    def load(self, name: str) -> T:
        """Returns the extension.

        Raises:
            InputError: no extension has this name; the hint lists those there are.
        """
        target = self._table.get(name)
        if target is None:
            raise InputError(
                f"unknown {self.kind} '{name}'",
                where=f"{self.kind} {name}",
                hint="use one of " + ", ".join(self.names()),
                code=f"unknown_{self.kind}",
            )
        module, _, attribute = target.partition(":")
        return cast("T", getattr(import_module(module), attribute))
