"""What every face is given, and who is calling."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from steelyard.domain.report import Report
from steelyard.domain.row import RowProblem
from steelyard.flow.reports.words import Lang
from steelyard.flow.rows.records import RawRecord
from steelyard.ports.executor import Executor
from steelyard.ports.identity import Identity, Principal
from steelyard.services.evaluations.platform import Platform


@dataclass(frozen=True)
class Services:
    """The opened installation, as the HTTP faces see it."""

    platform: Platform
    executor: Executor
    identity: Identity
    read_records: Callable[[Path, str, str], Iterable[RawRecord | RowProblem]]
    """(path, format, file name for messages) -> the file's records."""
    write_report_xlsx: Callable[[Report, Path, Lang], None]
    """(report, path, language)."""
    upload_dir: Path
    """Where uploads lie while they are read."""
    lang: Lang = "en"
    """Of texts for people when a request does not say."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the server ends: streams end, and it is no longer ready."""


def services_of(request: Request) -> Services:
    """Returns the services of the app that this request came to."""
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(services_of)]

_bearer = HTTPBearer(auto_error=False, description="An API key: `steelyard key create` makes one.")


def principal_of(
    request: Request,
    services: ServicesDep,
    _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
) -> Principal:
    """Returns who is calling. Raises AccessError."""
    return services.identity.bearer(request.headers.get("authorization", ""))


PrincipalDep = Annotated[Principal, Depends(principal_of)]
