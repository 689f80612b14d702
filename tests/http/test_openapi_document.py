"""The committed description of the API is the app's own, and clients can be generated from it."""

from __future__ import annotations

import json
from pathlib import Path

from steelyard.api.openapi import openapi_text

COMMITTED = Path(__file__).parents[2] / "schemas" / "openapi.json"


def test_the_committed_document_is_the_apps_own() -> None:
    assert COMMITTED.read_text("utf-8") == openapi_text(), (
        "run `python -m steelyard.api.openapi > schemas/openapi.json`"
    )


def test_every_operation_has_a_name_of_its_own_and_speaks_of_problems() -> None:
    document = json.loads(openapi_text())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    assert all("application/problem+json" in o["responses"]["default"]["content"] for o in operations)
    assert all(path.startswith("/api/v1/") for path in document["paths"])
