"""The server: every HTTP face over the same services."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from steelyard.api import operations
from steelyard.api.dependencies import Services
from steelyard.api.native.routes import PREFIX
from steelyard.api.native.routes import build_router as build_native
from steelyard.api.problems import MEDIA_TYPE, install_problems
from steelyard.api.qianfan.router import build_router as build_qianfan
from steelyard.api.requests import RequestLayer


def create_app(services: Services) -> FastAPI:
    """Returns the app with all faces mounted; starts nothing and sends nothing."""
    app = _native_app()
    app.state.services = services
    app.include_router(operations.router)
    app.include_router(build_qianfan(services), include_in_schema=False)
    return app


def openapi_document() -> dict[str, Any]:
    """Returns the description of the native face; the same for every installation."""
    return _native_app().openapi()


def _native_app() -> FastAPI:
    app = FastAPI(
        title="Steelyard",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        generate_unique_id_function=_operation_id,
    )
    app.include_router(build_native())
    install_problems(app)
    app.add_middleware(RequestLayer)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Steelyard",
        version="v1",
        summary="Evaluates large language models.",
        routes=app.routes,
    )
    for path in document["paths"].values():
        for operation in path.values():
            content = operation["responses"].get("default", {}).get("content", {})
            if "application/json" in content:
                content[MEDIA_TYPE] = content.pop("application/json")
    return document
