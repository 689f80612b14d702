"""For those who run the server: `/healthz`, `/readyz`, `/metrics`, and what a browser finds at `/`."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from steelyard.api.dependencies import Services, ServicesDep
from steelyard.domain.errors import SteelyardError
from steelyard.domain.evaluation import State
from steelyard.domain.ids import DEFAULT_WORKSPACE
from steelyard.version import __version__

router = APIRouter(include_in_schema=False)

_HOME = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Steelyard 杆秤</title>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em">
<h1>Steelyard 杆秤</h1>
<p>此地址提供大语言模型评测平台的 HTTP API。</p>
<p lang="en">This address serves the HTTP API of a platform that evaluates large language models.</p>
<ul>
<li><a href="/api/v1/openapi.json">/api/v1/openapi.json</a> 接口说明 · <span lang="en">description of the API</span></li>
<li><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a> 运行状态 · <span lang="en">operations</span></li>
</ul>
"""


@router.get("/")
def home() -> HTMLResponse:
    """Says what this server is."""
    return HTMLResponse(_HOME)


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """Answers while the process lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(services: ServicesDep) -> PlainTextResponse:
    """Answers 200 while requests can be served: the database answers and the server is not ending."""
    if services.closing.is_set():
        return PlainTextResponse("the server is ending\n", 503)
    try:
        services.platform.repositories.idempotency.find(DEFAULT_WORKSPACE, "readyz")
    except SteelyardError as error:
        return PlainTextResponse(error.message + "\n", 503)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
def metrics(services: ServicesDep) -> Response:
    """Counts in the Prometheus text format, over all workspaces."""
    return Response(_metrics_text(services), media_type="text/plain; version=0.0.4; charset=utf-8")


def _metrics_text(services: Services) -> str:
    evaluations = services.platform.repositories.evaluations.in_states(list(State))
    states = Counter(evaluation.state for evaluation in evaluations)
    counts = [c for evaluation in evaluations for c in evaluation.counts]
    lines = [
        "# HELP steelyard_info Version of the server.",
        "# TYPE steelyard_info gauge",
        f'steelyard_info{{version="{__version__}"}} 1',
        "# HELP steelyard_evaluations Stored evaluations by state.",
        "# TYPE steelyard_evaluations gauge",
        *(f'steelyard_evaluations{{state="{state}"}} {states[state]}' for state in State),
        "# HELP steelyard_requests Answers and failures recorded in stored evaluations.",
        "# TYPE steelyard_requests gauge",
        f'steelyard_requests{{outcome="answered"}} {sum(c.answered for c in counts)}',
        f'steelyard_requests{{outcome="failed"}} {sum(c.failed for c in counts)}',
        "# HELP steelyard_tokens Tokens that endpoints reported in stored evaluations.",
        "# TYPE steelyard_tokens gauge",
        f'steelyard_tokens{{kind="prompt"}} {sum(c.prompt_tokens for c in counts)}',
        f'steelyard_tokens{{kind="completion"}} {sum(c.completion_tokens for c in counts)}',
    ]
    return "\n".join(lines) + "\n"
