"""pyarrow, without what it would drag in."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not wanted here", name="pandas")
        return None


def load_arrow() -> Any:
    """Returns the pyarrow module.

    The first array that pyarrow builds makes it import pandas where that is installed: 47 MB and 0.4 CPU seconds
    for a check of types that we never pass. It looks once only, so it looks while pandas cannot be found.
    """
    import pyarrow as pa

    if "pandas" not in sys.modules:
        finder = _NoPandas()
        sys.meta_path.insert(0, finder)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(finder)
    return pa
