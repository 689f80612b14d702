"""Prompt templates: `{input}` and `{any column}` are filled in, everything else in braces stays as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.domain.row import Content

_FIELD = re.compile(r"\{\{|\}\}|\{([^\W\d][\w .\-]*)\}")


class Template:
    """A compiled template. Doubled braces are literal; a name in braces that is no column stays as it is written.

    Args:
        text: the template; empty means the input alone.
        columns: names that may be filled in beside `input`.

    Raises:
        InputError: the text does not hold `{input}`.
    """

    def __init__(self, text: str, columns: Iterable[str] = (), *, where: str = "prompt_template") -> None:
        self.text = text
        known = {"input", *columns}
        self.unknown: list[str] = []
        """Names in braces that no column has: probably a slip, worth a warning."""
        self._parts: list[tuple[bool, str]] = []
        if not text:
            self._parts = [(True, "input")]
            self._simple = ("", "")
            return
        end = 0
        literal = ""
        fields: list[str] = []
        for match in _FIELD.finditer(text):
            literal += text[end : match.start()]
            end = match.end()
            name = match[1]
            if name is None:
                literal += match[0][0]
            elif name in known:
                self._parts += [(False, literal), (True, name)]
                fields.append(name)
                literal = ""
            else:
                self.unknown.append(name)
                literal += match[0]
        self._parts.append((False, literal + text[end:]))
        if "input" not in fields:
            raise InputError(
                "the prompt template must contain {input}",
                where=where,
                hint="put {input} where the row's question belongs",
                code="template_without_input",
            )
        self._simple = (self._parts[0][1], self._parts[2][1]) if fields == ["input"] else None

    def render(self, content: Content, columns: dict[str, Any]) -> Content:
        """Returns the user's message. For content parts, the template is filled with the text parts and the other parts follow."""
        if isinstance(content, str):
            return self._fill(content, columns)
        texts = [part.get("text", "") for part in content if part.get("type") == "text"]
        others = [part for part in content if part.get("type") != "text"]
        return [{"type": "text", "text": self._fill("\n".join(texts), columns)}, *others]

    def _fill(self, text: str, columns: dict[str, Any]) -> str:
        if self._simple is not None:
            before, after = self._simple
            return before + text + after if before or after else text
        return "".join(
            (text if name == "input" else column_text(columns.get(name))) if is_field else name
            for is_field, name in self._parts
        )


def column_text(value: object) -> str:
    """Returns a column's value as text: strings as they are, None as nothing, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def content_text(content: Content) -> str:
    """Returns the text of a message's content; other parts are named in brackets."""
    if isinstance(content, str):
        return content
    return "\n".join(
        str(part.get("text", "")) if part.get("type") == "text" else f"[{part.get('type', 'part')}]" for part in content
    )
