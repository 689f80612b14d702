"""Every table of the metadata database. Records are stored whole in `body`; other columns are there to search by."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

SCHEMA_VERSION = 1
"""Raise it together with a new step in `migrations.STEPS`."""

metadata = MetaData()


def _owned(name: str, *columns: Column[str] | Column[bytes] | Index | UniqueConstraint) -> Table:
    """A table whose rows belong to a workspace, with the index that lists are read by."""
    return Table(
        name,
        metadata,
        Column("id", Text, primary_key=True),
        Column("workspace_id", Text, nullable=False),
        Column("created_at", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        *columns,
        Index(f"ix_{name}_listed", "workspace_id", "created_at", "id"),
    )


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

evaluations = _owned(
    "evaluations",
    Column("name", Text, nullable=False),
    Column("plan_hash", Text, nullable=False),
    # Live progress is kept apart, so that a tick rewrites neither the plan nor its units.
    Column("state", Text, nullable=False),
    Column("unit_states", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_evaluations_plan", "workspace_id", "plan_hash", "created_at"),
    Index("ix_evaluations_name", "workspace_id", "name", "created_at"),
    Index("ix_evaluations_state", "state"),
)

endpoints = _owned(
    "endpoints",
    Column("name", Text, nullable=False),
    Column("model_version_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_endpoints_model_version", "workspace_id", "model_version_id"),
)

datasets = _owned(
    "datasets",
    Column("name", Text, nullable=False),
    Column("version_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("body", Text, nullable=False),
    # Not unique: equal rows under two names share one version.
    Index("ix_datasets_version", "workspace_id", "version_id"),
    Index("ix_datasets_content", "workspace_id", "kind", "content_hash"),
)

keys = _owned(
    "keys",
    Column("kind", Text, nullable=False),
    Column("lookup", Text, nullable=False),
    Column("revoked_at", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("kind", "lookup", name="uq_keys_lookup"),
)

secrets = _owned("secrets", Column("ciphertext", LargeBinary, nullable=False))

idempotency = Table(
    "idempotency",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("created_at", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("response", LargeBinary, nullable=False),
)
