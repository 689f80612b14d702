"""Keys from their making to their end, and callers recognised by them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from baidubce.auth.bce_credentials import BceCredentials
from baidubce.auth.bce_v1_signer import sign
from hypothesis import given
from hypothesis import strategies as st

from steelyard.adapters.identity.stored import StoredIdentity
from steelyard.adapters.store.sql.repositories import open_repositories
from steelyard.domain.errors import AccessError, ConflictError, InputError, NotFoundError
from steelyard.domain.ids import DEFAULT_WORKSPACE
from steelyard.ports.identity import Principal
from steelyard.services.access import bootstrap, create_key, list_keys, revoke_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steelyard.adapters.store.sql.repositories import SqlRepositories
    from steelyard.ports.identity import Identity

NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
WS = "ws-aaaaaaaaaa"


@pytest.fixture
def repositories(data_dir: Path) -> Iterator[SqlRepositories]:
    opened = open_repositories(f"sqlite:///{data_dir}/a.db", b"a key for tests")
    yield opened
    opened.close()


@pytest.fixture
def identity(repositories: SqlRepositories) -> Identity:
    return StoredIdentity(repositories.keys, repositories.secrets, lambda: NOW)


def signed(access_key: str, secret: str) -> dict[str, str]:
    headers = {"Host": "127.0.0.1:8000", "x-bce-date": "2025-06-01T12:00:00Z"}
    authorization = sign(
        BceCredentials(access_key, secret),
        b"POST",
        b"/v2/eval",
        {name.encode(): value for name, value in headers.items()},
        {b"Action": "DescribeEvalTask"},
        timestamp=NOW.timestamp(),
        headers_to_sign={b"host", b"x-bce-date"},
    )
    return {**headers, "Authorization": authorization.decode()}


def bce(identity: Identity, access_key: str, secret: str) -> Principal:
    return identity.bce("POST", "/v2/eval", [("Action", "DescribeEvalTask")], signed(access_key, secret))


def code(error: pytest.ExceptionInfo[AccessError]) -> str:
    return error.value.error_code


# --- API keys ----------------------------------------------------------------------------------------------------


def test_an_api_key_is_random_recognised_and_kept_as_a_hash_only(
    repositories: SqlRepositories, identity: Identity, data_dir: Path
) -> None:
    made = create_key(repositories, WS, "us-1", kind="api", name="ci")
    assert made.key.startswith("sk-")
    assert len(bytes.fromhex(made.key.removeprefix("sk-"))) * 8 >= 160
    assert made.key != create_key(repositories, WS, "us-1", kind="api").key
    for header in (f"Bearer {made.key}", f"bearer   {made.key} "):
        assert identity.bearer(header) == Principal(WS, "us-1", made.id)
    assert made.key not in repr(made)
    assert made.key not in repr(list_keys(repositories, WS))
    for path in data_dir.iterdir():
        assert made.key.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "missing_credentials"),
        ("Bearer", "bad_credentials"),
        ("Bearer sk-unknown", "bad_credentials"),
        ("Basic dXNlcjpwYXNz", "bad_credentials"),
        ("sk-unknown", "bad_credentials"),
    ],
)
def test_other_headers_are_refused(identity: Identity, header: str, expected: str) -> None:
    with pytest.raises(AccessError) as caught:
        identity.bearer(header)
    assert code(caught) == expected
    assert "sk-unknown" not in caught.value.line()


def test_the_stored_hash_opens_nothing(repositories: SqlRepositories, identity: Identity) -> None:
    create_key(repositories, WS, "us-1", kind="api")
    with pytest.raises(AccessError):
        identity.bearer("Bearer " + list_keys(repositories, WS)[0].lookup)


def test_a_revoked_key_is_refused_at_once(repositories: SqlRepositories, identity: Identity) -> None:
    api = create_key(repositories, WS, "us-1", kind="api")
    access = create_key(repositories, WS, "us-1", kind="access")
    identity.bearer(f"Bearer {api.key}")
    bce(identity, access.key, access.secret)
    revoke_key(repositories, WS, api.id)
    revoke_key(repositories, WS, access.id)
    with pytest.raises(AccessError) as caught:
        identity.bearer(f"Bearer {api.key}")
    assert code(caught) == "revoked"
    with pytest.raises(AccessError) as caught:
        bce(identity, access.key, access.secret)
    assert code(caught) == "NotFound"
    assert all(record.revoked_at for record in list_keys(repositories, WS))


def test_only_the_own_workspace_revokes(repositories: SqlRepositories, identity: Identity) -> None:
    made = create_key(repositories, WS, "us-1", kind="api")
    with pytest.raises(NotFoundError):
        revoke_key(repositories, "ws-other", made.id)
    identity.bearer(f"Bearer {made.key}")


# --- access keys -------------------------------------------------------------------------------------------------


def test_an_access_key_signs_and_its_secret_is_nowhere_in_clear(
    repositories: SqlRepositories, identity: Identity, data_dir: Path
) -> None:
    made = create_key(repositories, WS, "us-1", kind="access")
    assert bce(identity, made.key, made.secret) == Principal(WS, "us-1", made.id)
    assert made.secret not in repr(made)
    for path in data_dir.iterdir():
        assert made.secret.encode() not in path.read_bytes()


def test_an_unknown_access_key_gets_the_vendors_words(identity: Identity) -> None:
    with pytest.raises(AccessError) as caught:
        bce(identity, "ak-unknown", "sk")
    assert (code(caught), caught.value.message) == ("NotFound", "NotFound, cause: Could not find credential.")


def test_a_wrong_secret_gets_the_vendors_words(repositories: SqlRepositories, identity: Identity) -> None:
    made = create_key(repositories, WS, "us-1", kind="access")
    with pytest.raises(AccessError) as caught:
        bce(identity, made.key, "wrong")
    assert code(caught) == "SignatureDoesNotMatch"
    assert caught.value.message.endswith("cause: Fail to authn user: Signature does not match")


def test_an_unsigned_request_is_refused(identity: Identity) -> None:
    with pytest.raises(AccessError) as caught:
        identity.bce("POST", "/v2/eval", [], {"Host": "127.0.0.1:8000"})
    assert code(caught) == "missing_credentials"


def test_an_api_key_is_no_access_key(repositories: SqlRepositories, identity: Identity) -> None:
    made = create_key(repositories, WS, "us-1", kind="api")
    with pytest.raises(AccessError) as caught:
        bce(identity, made.key, made.key)
    assert code(caught) == "NotFound"


def test_a_given_key_that_is_taken_leaves_no_secret_behind(repositories: SqlRepositories, identity: Identity) -> None:
    create_key(repositories, WS, "us-1", kind="access", key="ak-local", secret="sk-first")
    kept: list[str] = []
    put, delete = repositories.secrets.put, repositories.secrets.delete
    repositories.secrets.put = lambda value: kept.append(secret_id := put(value)) or secret_id  # type: ignore[method-assign]
    repositories.secrets.delete = lambda secret_id: kept.remove(secret_id) or delete(secret_id)  # type: ignore[method-assign]
    with pytest.raises(ConflictError):
        create_key(repositories, "ws-other", "us-2", kind="access", key="ak-local", secret="sk-second")
    assert kept == []
    assert bce(identity, "ak-local", "sk-first").workspace_id == WS


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "password"},
        {"kind": "api", "key": "with space"},
        {"kind": "api", "key": "密钥"},
        {"kind": "access", "key": "a/b", "secret": "s"},
        {"kind": "access", "key": "only"},
        {"kind": "access", "secret": "only"},
    ],
    ids=str,
)
def test_keys_that_no_request_could_carry_are_refused(repositories: SqlRepositories, given: dict[str, str]) -> None:
    with pytest.raises(InputError):
        create_key(repositories, WS, "us-1", **given)  # type: ignore[arg-type]
    assert list_keys(repositories, WS) == []


# --- the first keys ----------------------------------------------------------------------------------------------

ROOT = {"api_key": "sk-root", "access_key": "ak-root", "secret_key": "sk-secret"}


def test_given_root_keys_are_stored_once(repositories: SqlRepositories, identity: Identity) -> None:
    made = bootstrap(repositories, **ROOT)
    assert [(key.kind, key.key, key.secret) for key in made] == [
        ("api", "sk-root", ""),
        ("access", "ak-root", "sk-secret"),
    ]
    assert bootstrap(repositories, **ROOT) == []
    assert bootstrap(repositories, api_key="sk-other", generate=True) == []
    caller = identity.bearer("Bearer sk-root")
    assert (caller.workspace_id, caller.user) == (DEFAULT_WORKSPACE, "root")
    assert bce(identity, "ak-root", "sk-secret").user == "root"
    with pytest.raises(AccessError):
        identity.bearer("Bearer sk-other")


def test_nothing_given_makes_nothing_unless_asked(repositories: SqlRepositories, identity: Identity) -> None:
    assert bootstrap(repositories) == []
    made = bootstrap(repositories, generate=True)
    assert [key.kind for key in made] == ["api", "access"]
    assert identity.bearer(f"Bearer {made[0].key}").user == "root"
    assert bce(identity, made[1].key, made[1].secret).user == "root"
    assert bootstrap(repositories, generate=True) == []


def test_a_revoked_root_key_does_not_come_back(repositories: SqlRepositories, identity: Identity) -> None:
    for made in bootstrap(repositories, **ROOT):
        revoke_key(repositories, DEFAULT_WORKSPACE, made.id)
    assert bootstrap(repositories, **ROOT, generate=True) == []
    with pytest.raises(AccessError):
        identity.bearer("Bearer sk-root")


def test_a_users_key_does_not_keep_the_given_root_key_out(repositories: SqlRepositories, identity: Identity) -> None:
    create_key(repositories, DEFAULT_WORKSPACE, "us-1", kind="api", name="mine")
    assert [key.kind for key in bootstrap(repositories, **ROOT)] == ["api", "access"]
    assert identity.bearer("Bearer sk-root").user == "root"


def test_half_an_access_key_is_refused(repositories: SqlRepositories) -> None:
    with pytest.raises(InputError, match="go together"):
        bootstrap(repositories, access_key="ak-root")


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    class NoKeys:
        def find(self, kind: str, lookup: str) -> None:
            return None

    with pytest.raises(AccessError):
        StoredIdentity(NoKeys(), None).bearer(header)  # type: ignore[arg-type]
