"""What the ids of a task stand for; a wrong one is an error of the field that holds it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from steelyard.api.qianfan.limits import MODEL_LIST, MODELS, RESULT_SET_LIST
from steelyard.domain.errors import InputError, NotFoundError
from steelyard.services.evaluations.control import StoredCatalog

if TYPE_CHECKING:
    from steelyard.api.qianfan.wire import CreateEvalTaskIn
    from steelyard.domain.request import EndpointSpec
    from steelyard.ports.rows import VersionManifest
    from steelyard.services.evaluations.plan import EndpointIn, OnBadRows
    from steelyard.services.evaluations.platform import Platform


class TaskReferences:
    """Implements services.evaluations.create.Catalog for one task: its own fields stand in the errors.

    Args:
        platform: the installation.
        workspace_id: where ids are looked up.
        task: whose ids they are.
    """

    def __init__(self, platform: Platform, workspace_id: str, task: CreateEvalTaskIn) -> None:
        self._repositories = platform.repositories
        self._workspace_id = workspace_id
        self._stored = StoredCatalog(platform, workspace_id)
        config = task.eval_object_config
        self._objects: list[str] = []
        self._fields: dict[str, str] = {}
        if (models := config.eval_model_config) is not None:
            self._objects = [model.model_id for model in models.eval_model_config_list]
            self._fields[models.version_id or ""] = f"{MODELS}.versionId"
            self._name_fields(f"{MODEL_LIST}[{{}}].modelId")
        elif (results := config.eval_infer_dataset_config) is not None:
            self._objects = [one.infer_dataset_id for one in results.eval_infer_dataset_config_list]
            self._name_fields(f"{RESULT_SET_LIST}[{{}}].inferDatasetId")

    def _name_fields(self, pattern: str) -> None:
        for i, ref in enumerate(self._objects):
            self._fields.setdefault(ref, pattern.format(i))

    def names(self) -> list[str]:
        """Returns the name of each object: of its endpoint (its id when that has none), or of its data set.

        Raises:
            InputError: an id that is not there.
        """
        return [self._name(ref) for ref in self._objects]

    def _name(self, ref: str) -> str:
        with self._naming(ref):
            if ref.startswith("ds-"):
                return self._repositories.datasets.get(self._workspace_id, ref).name
            return self._repositories.endpoints.get(self._workspace_id, ref).name or ref

    reads_files = False

    def data(self, ref: str, kind: str, on_bad_rows: OnBadRows) -> VersionManifest:
        """See services.evaluations.create.Catalog."""
        with self._naming(ref):
            return self._stored.data(ref, kind, on_bad_rows)

    def endpoint(self, given: EndpointIn | str) -> tuple[EndpointSpec, str]:
        """See services.evaluations.create.Catalog."""
        with self._naming(str(given)):
            return self._stored.endpoint(given)

    @contextmanager
    def _naming(self, ref: str) -> Generator[None]:
        try:
            yield
        except (NotFoundError, InputError) as error:
            raise InputError(
                f"'{ref[:40]}': {error.message}", where=self._fields.get(ref, ""), hint=error.hint or "check the id"
            ) from error
