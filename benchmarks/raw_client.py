"""The raw limit that `run` is held against: read rows, post, parse, compare. Keeps nothing, retries nothing.

    python benchmarks/raw_client.py ROWS.jsonl http://127.0.0.1:8900/v1 256

The same HTTP client and event loop as the product, and the standard library's JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from pyreqwest.client import ClientBuilder
from pyreqwest.http import Url


async def ask_all(rows: Path, base_url: str, in_flight: int) -> tuple[int, int]:
    """Returns (answers, right answers)."""
    url = Url(f"{base_url}/chat/completions")
    asked = right = 0
    with rows.open(encoding="utf-8") as source:
        async with ClientBuilder().no_proxy().default_headers({"content-type": "application/json"}).build() as client:

            async def work() -> None:
                nonlocal asked, right
                for line in source:
                    row = json.loads(line)
                    body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": row["input"]}]})
                    response = await client.post(url).body_bytes(body.encode()).build().send()
                    answer = json.loads(bytes(await response.bytes()))["choices"][0]["message"]["content"]
                    asked += 1
                    right += answer.startswith(row["reference"])

            await asyncio.gather(*(work() for _ in range(in_flight)))
    return asked, right


if __name__ == "__main__":
    print(*uvloop.run(ask_all(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
