"""pyarrow, without what it would drag in."""

from __future__ import annotations

import ctypes
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


def release_memory() -> None:
    """Gives memory that is free back to the system: pyarrow's pool and the C heap of every thread.

    Both keep what a compaction or a report needed for a moment, and it would count for as long as the process lives.
    """
    if (pa := sys.modules.get("pyarrow")) is not None:
        pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
