"""`python -m steelyard.api.openapi > schemas/openapi.json` writes the description that clients are generated from."""

from __future__ import annotations

import json
import sys

from steelyard.api.app import openapi_document


def openapi_text() -> str:
    """Returns the description as the committed file holds it."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
