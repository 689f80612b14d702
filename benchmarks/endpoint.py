"""Runs the test endpoint for benchmarks: the same one that the tests use.

    python benchmarks/endpoint.py '{"latency_ms": 50, "answer": "sum"}' --port 8900

Benchmarks import `running_endpoint` and `Endpoint` from here.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.endpoint import Endpoint, main, running_endpoint

__all__ = ["Endpoint", "running_endpoint"]

if __name__ == "__main__":
    main()
