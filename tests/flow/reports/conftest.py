"""The made-up report, built once."""

from __future__ import annotations

import pytest
from hypothesis import settings
from made_up_reports import made_up_report

# A busy machine is no failure.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")


@pytest.fixture(scope="session")
def report():
    return made_up_report()
