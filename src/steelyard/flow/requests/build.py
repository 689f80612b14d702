"""Prompt + parameters -> Request: the JSON body and the key that hashes all that changes the answer."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.domain.errors import InputError
from steelyard.domain.request import EndpointSpec, Request
from steelyard.domain.row import Message, Row
from steelyard.flow.prompts.template import Template, content_text
from steelyard.flow.requests.params import check_params, wire_params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.domain.evaluation import ObjectSpec

_encode = msgspec.json.Encoder().encode


class RequestBuilder:
    """Builds the requests of one object. Pure: equal inputs give equal bytes.

    Args:
        target: the object, with its endpoint, template, system text and parameters.
        columns: names that the template may use.
    """

    def __init__(self, target: ObjectSpec, columns: Sequence[str] = ()) -> None:
        assert target.endpoint is not None
        self.endpoint: EndpointSpec = target.endpoint
        self.system = target.system
        self.template = Template(target.prompt_template, columns)
        self.params = target.params
        self.told_references = target.history == "references"
        self._wire = wire_params(target.params, self.endpoint.param_map)
        self._identity = f"{self.endpoint.base_url}\n{self.endpoint.model}\n".encode()
        self._max_tokens = _max_tokens(target.params)

    def build(self, row: Row, turn: int, repeat: int, answers: Sequence[str] = ()) -> Request:
        """Returns the request of one turn.

        Args:
            row: the row.
            turn: 0-based.
            repeat: 0-based; part of the key, so that repeats are answers of their own.
            answers: the model's own answers to the turns before, in order; not looked at when the object's history
                is the references.

        Raises:
            InputError: a parameter of the row is out of range, or an earlier turn has no reference to tell.
        """
        messages: list[Message] = []
        system = row.system or self.system
        if system:
            messages.append(Message("system", system))
        messages += row.history
        for earlier in range(turn):
            messages.append(Message("user", self.template.render(row.turns[earlier].input, row.columns)))
            said = _reference(row, earlier) if self.told_references else answers[earlier]
            messages.append(Message("assistant", said))
        content = self.template.render(row.turns[turn].input, row.columns)
        messages.append(Message("user", content))
        body: dict[str, Any] = {"model": self.endpoint.model, "messages": messages, **self._wire}
        max_tokens = self._max_tokens
        if row.params:
            own = {
                **self.params,
                **check_params(row.params, self.endpoint.param_ranges, where=f"row {row.id} parameters"),
            }
            body = {"model": self.endpoint.model, "messages": messages, **wire_params(own, self.endpoint.param_map)}
            max_tokens = _max_tokens(own)
        data = _encode(body)
        digest = blake2b(self._identity, digest_size=16)
        digest.update(repeat.to_bytes(4, "little"))
        digest.update(data)
        return Request(
            digest.hexdigest(),
            data,
            content if isinstance(content, str) else content_text(content),
            len(data),
            max_tokens,
            row.id,
            row.position,
            repeat,
            turn,
            tuple(messages),
        )


def _reference(row: Row, turn: int) -> str:
    references = row.turns[turn].references
    if not references:
        raise InputError(
            f"turn {turn + 1} of row {row.id} has no reference to go on from",
            where=f"row {row.id} turn {turn + 1} reference",
            hint="give every turn but the last a reference, or use history: answers",
            code="no_reference",
        )
    return references[0]


def _max_tokens(params: dict[str, Any]) -> int | None:
    return params.get("max_tokens") or params.get("max_completion_tokens")
