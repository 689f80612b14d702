"""A chat endpoint to test against: one process, a raw asyncio protocol, faults on demand.

Answers, latencies and faults are those of `builtin:scripted` (a pure function of prompt, seed and attempt), so what
it says can be worked out beforehand. It counts, for each prompt, attempts and answers given.

    POST /v1/chat/completions   the endpoint; any path that ends so
    GET  /stats                 totals, in-flight peak, prompts asked and answered more than once, own CPU seconds
    GET  /prompts               {prompt: [attempts, answers]}
    GET  /last                  headers and body of the last chat request
    POST /reset                 zeroes the counters
    POST /config                changes options: those of builtin:scripted, and max_inflight

    python tests/support/endpoint.py '{"latency_ms": 50, "err500": 0.05}' --port 8900
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import ipaddress
import json
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.adapters.providers.faults import Script, script_options
from steelyard.adapters.providers.halves import content_text

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
BEARER = re.compile(rb"\r\nauthorization:[ \t]*bearer ([^\r]*)", re.IGNORECASE)
TOTALS = ("total", "ok", "err500", "err429", "reset", "malformed", "hang", "refused", "client_gone", "connections")


class Message(msgspec.Struct):
    role: str = ""
    content: Any = ""


class Body(msgspec.Struct):
    messages: list[Message] = []
    model: str = ""


BODY = msgspec.json.Decoder(Body)
TEXT = msgspec.json.Encoder()


class State:
    """What the endpoint is told to do, and what it has done."""

    def __init__(self, options: dict[str, Any], key: str) -> None:
        self.options: dict[str, Any] = {}
        self.key = key.encode()
        self.configure(options)
        self.zero()

    def configure(self, options: dict[str, Any]) -> None:
        merged = {**self.options, **options}
        own = dict(merged)
        self.max_inflight = int(own.pop("max_inflight", 0))
        self.script = Script(script_options(own))
        self.options = merged

    def zero(self) -> None:
        self.counts = dict.fromkeys(TOTALS, 0)
        self.prompts: dict[str, list[int]] = {}
        self.inflight = self.peak = 0
        self.last: tuple[bytes, bytes] = (b"", b"")
        self.sent_at: list[float] = []
        self.cpu = cpu_s()

    def stats(self) -> dict[str, Any]:
        asked = self.prompts.values()
        return {
            **self.counts,
            "inflight": self.inflight,
            "max_inflight": self.peak,
            "unique_prompts": len(self.prompts),
            "answered_prompts": sum(1 for _, answers in asked if answers),
            "asked_again": sum(attempts - 1 for attempts, _ in asked),
            "answered_again": sum(answers - 1 for _, answers in asked if answers),
            "span_s": self.sent_at[-1] - self.sent_at[0] if self.sent_at else 0.0,
            "cpu_s": cpu_s() - self.cpu,
        }


class Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length bodies and keep-alive; no pipelining."""

    __slots__ = ("buffer", "busy", "loop", "state", "transport")

    def __init__(self, state: State, loop: asyncio.AbstractEventLoop) -> None:
        self.state = state
        self.loop = loop
        self.buffer = b""
        self.busy = False
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.state.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.busy:
            self.busy = False
            self.state.inflight -= 1
            self.state.counts["client_gone"] += 1

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self.buffer = buffer
            return
        head = buffer[:end]
        length = LENGTH.search(head)
        stop = end + 4 + (int(length[1]) if length else 0)
        if len(buffer) < stop:
            self.buffer = buffer
            return
        self.buffer = b""
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        if path.endswith(b"/chat/completions"):
            self.chat(head, buffer[end + 4 : stop])
        else:
            self.control(path, head, buffer[end + 4 : stop])

    def control(self, path: bytes, head: bytes, body: bytes) -> None:
        state = self.state
        if path == b"/stats":
            self.send(b"200 OK", json.dumps(state.stats()).encode())
        elif path == b"/prompts":
            self.send(b"200 OK", json.dumps(state.prompts).encode())
        elif path == b"/last":
            asked, sent = state.last
            lines = [line.partition(":") for line in asked.decode("latin-1").split("\r\n")[1:]]
            headers = {name.lower(): value.strip() for name, _, value in lines}
            self.send(b"200 OK", json.dumps({"headers": headers, "body": sent.decode()}).encode())
        elif path == b"/reset":
            state.zero()
            self.send(b"200 OK", b"{}")
        elif path == b"/config":
            state.configure(json.loads(body))
            self.send(b"200 OK", json.dumps(state.options).encode())
        elif path.endswith(b"/models"):
            given = BEARER.search(head)
            if state.key and (given is None or given[1] != state.key):
                self.send(b"401 Unauthorized", error("Incorrect API key provided"))
            else:
                self.send(b"200 OK", b'{"object":"list","data":[]}')
        else:
            self.send(b"404 Not Found", error("no such path"))

    def chat(self, head: bytes, raw: bytes) -> None:
        state = self.state
        state.counts["total"] += 1
        state.last = (head, raw)
        given = BEARER.search(head) if state.key else None
        if state.key and (given is None or given[1] != state.key):
            state.counts["refused"] += 1
            echoed = given[1].decode("latin-1") if given else "none"
            self.send(b"401 Unauthorized", error(f"Incorrect API key provided: {echoed}"))
            return
        try:
            body = BODY.decode(raw)
        except msgspec.MsgspecError as problem:
            state.counts["refused"] += 1
            self.send(b"400 Bad Request", error(str(problem)))
            return
        prompt = next((content_text(m.content) for m in reversed(body.messages) if m.role == "user"), "")
        seen = state.prompts.setdefault(prompt, [0, 0])
        seen[0] += 1
        state.inflight += 1
        state.peak = max(state.peak, state.inflight)
        self.busy = True
        script = state.script
        key = script.key(prompt)
        fault = script.fault(key, seen[0])
        if state.max_inflight and state.inflight > state.max_inflight:
            fault = "err429"
        if fault == "hang":
            state.counts["hang"] += 1
            return
        wait = script.latency_s(key)
        if wait and fault != "err429":
            self.loop.call_later(wait, self.finish, fault, prompt, key, body.model, seen)
        else:
            self.finish(fault, prompt, key, body.model, seen)

    def finish(self, fault: str, prompt: str, key: int, model: str, seen: list[int]) -> None:
        state = self.state
        if not self.busy:
            return
        self.busy = False
        state.inflight -= 1
        state.counts[fault or "ok"] += 1
        if not fault:
            seen[1] += 1
            state.sent_at[1:] = [time.monotonic()]
            self.send(b"200 OK", completion(prompt, state.script.answer(prompt, key), model, key))
        elif fault == "err500":
            self.send(b"500 Internal Server Error", error("injected failure"))
        elif fault == "err429":
            self.send(
                b"429 Too Many Requests", error("slow down"), b"Retry-After: %g\r\n" % state.script.options.retry_after
            )
        elif fault == "malformed":
            self.send(b"200 OK", b'{"id": "chatcmpl-x", "choices": [{"mess')
        else:
            self.transport.abort()

    def send(self, status: bytes, body: bytes, extra: bytes = b"") -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
        if self.transport is not None:
            self.transport.write(head % (status, extra, len(body)) + body)


def completion(prompt: str, text: str, model: str, key: int) -> bytes:
    into, out = max(1, len(prompt) // 4), max(1, len(text) // 4)
    return (
        b'{"id":"chatcmpl-%x","object":"chat.completion","created":1,"model":%s,"choices":[{"index":0,"message":'
        b'{"role":"assistant","content":%s},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,'
        b'"completion_tokens":%d,"total_tokens":%d}}'
    ) % (key, TEXT.encode(model), TEXT.encode(text), into, out, into + out)


def error(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "test_endpoint", "code": None}}).encode()


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Endpoint:
    """A running endpoint, as a test sees it."""

    def __init__(self, process: subprocess.Popen[str], port: int, ca_file: str) -> None:
        self.process = process
        self.port = port
        self.ca_file = ca_file
        self.origin = f"{'https' if ca_file else 'http'}://127.0.0.1:{port}"
        self.base_url = self.origin + "/v1"

    def stats(self) -> dict[str, Any]:
        """Returns the counters."""
        return self._ask("/stats")

    def prompts(self) -> dict[str, list[int]]:
        """Returns, for each prompt, how often it was asked and how often answered."""
        return self._ask("/prompts")

    def last(self) -> dict[str, Any]:
        """Returns the last chat request: headers (lower-case names) and body (text)."""
        return self._ask("/last")

    def reset(self) -> None:
        """Zeroes the counters."""
        self._ask("/reset", b"{}")

    def configure(self, **options: Any) -> None:
        """Changes options; those not named stay."""
        self._ask("/config", json.dumps(options).encode())

    def kill(self) -> None:
        """Ends the process at once."""
        self.process.kill()
        self.process.wait()

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(self.origin + path, body, timeout=30) as response:
            return json.loads(response.read())


@contextlib.contextmanager
def running_endpoint(*, key: str = "", tls: bool = False, port: int = 0, **options: Any) -> Iterator[Endpoint]:
    """Runs an endpoint in a process of its own until the block ends.

    Args:
        key: the bearer key it asks for; empty: none.
        tls: serve https with a certificate made for 127.0.0.1, found in the endpoint's `ca_file`.
        port: 0 for any free one.
        options: those of builtin:scripted (latency_ms, err500, answer ...), and max_inflight.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            json.dumps(options),
            "--port",
            str(port),
            "--key",
            key,
        ]
        ca_file = ""
        if tls:
            ca_file = str(Path(folder, "ca.pem"))
            make_certificate(Path(folder))
            command += ["--tls", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            said = process.stdout.readline().split()
            assert said[:1] == ["ready"], "the endpoint did not start"
            yield Endpoint(process, int(said[1]), ca_file)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def make_certificate(folder: Path) -> None:
    """Writes ca.pem, cert.pem and key.pem: an authority, and a certificate of it for 127.0.0.1 and localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def builder(name: str, issuer: str, key: Any) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
        begun = x509.CertificateBuilder().subject_name(named[0]).issuer_name(named[1]).public_key(key.public_key())
        return begun.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = builder("test authority", "test authority", ca_key).add_extension(x509.BasicConstraints(True, None), True)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = builder("127.0.0.1", "test authority", key).add_extension(names, False)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "cert.pem").write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


async def serve(state: State, host: str, port: int, tls: str) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(tls, "cert.pem"), Path(tls, "key.pem"))
    server = await loop.create_server(lambda: Connection(state, loop), host, port, backlog=4096, ssl=context)
    print("ready", server.sockets[0].getsockname()[1], os.getpid(), flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("options", nargs="?", default="{}", help="JSON: options of builtin:scripted, and max_inflight")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--tls", default="", help="folder with cert.pem and key.pem")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    import uvloop

    uvloop.run(serve(State(json.loads(given.options), given.key), given.host, given.port, given.tls))


if __name__ == "__main__":
    main()
