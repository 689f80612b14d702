"""bce-auth-v1: what the vendor's own signer signs is accepted, and nothing else is."""

from __future__ import annotations

import hashlib
import hmac
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
from baidubce.auth.bce_credentials import BceCredentials
from baidubce.auth.bce_v1_signer import sign
from hypothesis import given
from hypothesis import strategies as st

from steelyard.adapters.identity.bce import parse_authorization, verify
from steelyard.domain.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping

AK, SK = "ak-local", "sk-local"
NOW = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
ACTION = [("Action", "CreateEvalTask")]
WIRE = {
    "Content-Type": "application/json",
    "Host": "127.0.0.1:8000",
    "request-source": "qianfan_py_sdk_v0.4.12.3",
    "x-bce-date": "2025-06-01T12:00:00Z",
}


def check(
    authorization: str,
    *,
    method: str = "POST",
    path: str = "/v2/eval",
    query: list[tuple[str, str]] = ACTION,
    headers: Mapping[str, str] = WIRE,
    secret: str = SK,
    now: datetime = NOW,
) -> None:
    verify(parse_authorization(authorization), secret, method, path, query, headers, now)


def refused(code: str, authorization: str, **changed: object) -> AccessError:
    with pytest.raises(AccessError) as caught:
        check(authorization, **changed)  # type: ignore[arg-type]
    assert caught.value.error_code == code
    assert SK not in caught.value.line()
    return caught.value


def by_vendor(
    query: list[tuple[str, str]] = ACTION,
    headers: Mapping[str, str] = WIRE,
    signed: set[str] | None = None,
    path: str = "/v2/eval",
    expires_s: int = 300,
) -> str:
    """The header that the vendor's Python signer makes."""
    return sign(
        BceCredentials(AK, SK),
        b"POST",
        path.encode(),
        {name.encode(): value for name, value in headers.items()},
        {name.encode(): value for name, value in query},
        timestamp=NOW.timestamp(),
        expiration_in_seconds=expires_s,
        headers_to_sign={name.lower().encode() for name in (headers if signed is None else signed)},
    ).decode()


def by_hand(headers: Mapping[str, str], expires_s: int = 1800, path: str = "/v2/eval") -> str:
    """A header signed step by step, for clients that are not Python."""
    scope = f"bce-auth-v1/{AK}/2025-06-01T12:00:00Z/{expires_s}"
    signing_key = hmac.new(SK.encode(), scope.encode(), hashlib.sha256).hexdigest()
    lines = sorted(f"{name}:{quote(value, safe='')}" for name, value in headers.items())
    text = "\n".join(("POST", path, "Action=CreateEvalTask", *lines))
    signature = hmac.new(signing_key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{scope}/{';'.join(headers)}/{signature}"


# --- accepted ----------------------------------------------------------------------------------------------------


def test_the_real_python_client_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    import qianfan
    from qianfan.resources.auth.iam import iam_sign
    from qianfan.resources.typing import QfRequest

    monkeypatch.setattr(qianfan.get_config(), "IAM_SIGN_EXPIRATION_SEC", 300)
    headers = {name: value for name, value in WIRE.items() if name != "x-bce-date"}
    request = QfRequest(method="POST", url="/v2/eval", query={"Action": "CreateEvalTask"}, headers=headers)
    iam_sign(AK, SK, request)
    wire = {name.title(): value for name, value in request.headers.items()}
    check(wire["Authorization"], headers=wire, now=datetime.now(UTC))


@pytest.mark.parametrize("query_value", ["CreateEvalTask", "中文 a+b/c%41"])
def test_what_the_real_client_puts_on_the_wire_is_accepted(monkeypatch: pytest.MonkeyPatch, query_value: str) -> None:
    import qianfan
    from qianfan.resources.console.utils import call_action

    outcomes: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            url = urlsplit(self.path)
            query = parse_qsl(url.query, keep_blank_values=True)
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                received = {"path": unquote(url.path), "query": query, "headers": dict(self.headers.items())}
                check(self.headers["Authorization"], **received, now=datetime.now(UTC))
                outcomes.append("accepted")
            except AccessError as error:
                outcomes.append(error.error_code)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"requestId": "r", "result": {}}')

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = qianfan.get_config()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(config, "CONSOLE_API_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(config, "ACCESS_KEY", AK)
        for secret in (SK, "sk-wrong"):
            monkeypatch.setattr(config, "SECRET_KEY", secret)
            call_action("/v2/eval", query_value, {"name": "中文"})
        server.shutdown()
    assert outcomes == ["accepted", "SignatureDoesNotMatch"]


def test_a_route_without_query_is_accepted() -> None:
    check(by_vendor(query=[], path="/wenxinworkshop/dataset/info"), path="/wenxinworkshop/dataset/info", query=[])


def test_headers_listed_in_any_order_are_accepted() -> None:
    scope, signed, signature = by_vendor().rsplit("/", 2)
    check("/".join((scope, ";".join(sorted(signed.split(";"), reverse=True)), signature)))


def test_node_signs_length_type_host_and_date() -> None:
    signed = {
        "content-length": "26",
        "content-type": "application/json",
        "host": "127.0.0.1:8000",
        "x-bce-date": "2025-06-01T11:00:00Z",
    }
    check(by_hand(signed), headers={**signed, "accept": "application/json", "user-agent": "bce-sdk-nodejs"})


def test_java_signs_the_host_without_its_port() -> None:
    signed = {"host": "127.0.0.1", "x-bce-date": "2025-06-01T12:00:00Z"}
    wire = {
        "Host": "127.0.0.1:8000",
        "X-Bce-Date": signed["x-bce-date"],
        "Content-Type": "application/json; charset=UTF-8",
    }
    check(by_hand(signed), headers=wire)


def test_no_list_of_signed_headers_means_the_defaults() -> None:
    wire = {**WIRE, "Content-Length": "5", "X-Bce-Request-Id": "r 1", "Content-MD5": ""}
    authorization = by_vendor(headers=wire, signed=set())
    assert authorization.split("/")[4] == ""
    check(authorization, headers=wire)
    check(authorization, headers={**wire, "request-source": "another"})
    refused("SignatureDoesNotMatch", authorization, headers={**wire, "X-Bce-Request-Id": "r 2"})


@given(
    query=st.dictionaries(
        st.text(min_size=1).filter(lambda name: name.lower() != "authorization"),
        st.text() | st.sampled_from(["中文 评测", "a+b", "%41", "a&b=c", "/", "~-._", "%2F", ""]),
    ),
    header=st.text(st.characters(min_codepoint=33, max_codepoint=126)),
)
def test_any_query_and_header_that_the_vendor_signs_is_accepted(query: dict[str, str], header: str) -> None:
    wire = {**WIRE, "x-bce-note": header}
    authorization = by_vendor(list(query.items()), wire)
    received = parse_qsl(urlencode(query), keep_blank_values=True)
    check(authorization, query=list(reversed(received)), headers=wire)
    refused("SignatureDoesNotMatch", authorization, query=[*received, ("more", "")], headers=wire)


@given(st.text(), st.text())
def test_another_value_is_another_signature(signed: str, received: str) -> None:
    authorization = by_vendor([("filter", signed)])
    if signed == received:
        check(authorization, query=[("filter", received)])
    else:
        refused("SignatureDoesNotMatch", authorization, query=[("filter", received)])


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "sk-wrong"},
        {"method": "GET"},
        {"path": "/v2/dataset"},
        {"path": "//v2/eval"},
        {"query": [("Action", "DeleteEvalTask")]},
        {"query": []},
        {"query": [*ACTION, *ACTION]},
        {"headers": {**WIRE, "Host": "127.0.0.1:8001"}},
        {"headers": {**WIRE, "Host": "127.0.0.1"}},
        {"headers": {**WIRE, "Content-Type": "text/plain"}},
        {"headers": {name: value for name, value in WIRE.items() if name != "x-bce-date"}},
    ],
    ids=str,
)
def test_a_request_that_was_altered_is_refused(changed: dict[str, object]) -> None:
    error = refused("SignatureDoesNotMatch", by_vendor(), **changed)
    assert error.message == "SignatureDoesNotMatch, cause: Fail to authn user: Signature does not match"


def test_every_part_of_the_header_is_signed() -> None:
    parts = by_vendor().split("/")
    for index, other in ((1, "ak-other"), (2, "2025-06-01T12:00:01Z"), (3, "301"), (4, "host"), (5, "0" * 64)):
        changed = "/".join((*parts[:index], other, *parts[index + 1 :]))
        refused("SignatureDoesNotMatch", changed)


@pytest.mark.parametrize(
    ("age_s", "code"),
    [(300, ""), (301, "expired"), (86400, "expired"), (-900, ""), (-901, "not_yet_valid")],
)
def test_a_signature_has_its_time(age_s: int, code: str) -> None:
    now = NOW + timedelta(seconds=age_s)
    if code:
        refused(code, by_vendor(), now=now)
    else:
        check(by_vendor(), now=now)


def test_the_clients_expiry_counts() -> None:
    check(by_vendor(expires_s=1800), now=NOW + timedelta(seconds=1800))
    refused("expired", by_vendor(expires_s=0), now=NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "missing_credentials"),
        ("  ", "missing_credentials"),
        ("Bearer sk-1", "bad_credentials"),
        ("bce-auth-v1/ak/2025-06-01T12:00:00Z/300/host", "bad_credentials"),
        ("bce-auth-v2/ak/2025-06-01T12:00:00Z/300/host/" + "0" * 64, "bad_credentials"),
        ("bce-auth-v1//2025-06-01T12:00:00Z/300/host/" + "0" * 64, "bad_credentials"),
        ("bce-auth-v1/ak/2025-13-01T12:00:00Z/300/host/" + "0" * 64, "bad_credentials"),
        ("bce-auth-v1/ak/2025-06-01T12:00:00Z/-1/host/" + "0" * 64, "bad_credentials"),
        ("bce-auth-v1/ak/2025-06-01T12:00:00Z/300/host/" + "0" * 63, "bad_credentials"),
        ("bce-auth-v1/ak/2025-06-01T12:00:00Z/300/x-bce-date/" + "0" * 64, "bad_credentials"),
    ],
)
def test_a_header_that_says_nothing_is_refused(header: str, code: str) -> None:
    refused(code, header)


@given(st.text() | st.text().map(lambda text: "bce-auth-v1/" + text))
def test_no_text_breaks_the_reader(header: str) -> None:
    with pytest.raises(AccessError):
        check(header)
