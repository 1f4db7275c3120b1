"""The HTTP door itself: peers that say nothing, TLS that changes, a stop in the middle of an answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from counterfoil.errors import StartupError
from counterfoil_server.http import body as body_module
from counterfoil_server.http import connection
from counterfoil_server.http import server as server_module
from counterfoil_server.http.app import make_app
from counterfoil_server.http.body import read_body
from counterfoil_server.http.server import HttpServer, TlsContext
from counterfoil_server.tls import Tls, TlsFiles

from .authority import Authority

AUTHORITY = Authority()
Handler = Callable[[Request], Awaitable[Response]]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_request: Request) -> Response:
    """Say something."""
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    """Say how much came."""
    return PlainTextResponse(str(len(await read_body(request, 1000))))


def free_address() -> str:
    """An address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def served(
    handler: Handler = hello, tls: TlsContext | None = None
) -> AsyncIterator[tuple[str, int, HttpServer]]:
    """A server in this loop: its host and port, and itself."""
    address = free_address()
    app = make_app([Route("/", handler, methods=["GET", "POST"])])
    server = HttpServer(app, address, shared=False, tls=tls, drain_s=5)
    await server.start()
    try:
        yield "127.0.0.1", int(address.rpartition(":")[2]), server
    finally:
        await server.stop()


async def ask(host: str, port: int, data: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Send bytes, and read until the other side closes."""
    name = "localhost" if tls else None
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


async def test_an_answer_comes_and_the_connection_goes_on() -> None:
    """Two requests on one connection get two answers."""
    async with served() as (host, port, _):
        answer = await ask(host, port, GET + GET.replace(b"Host", b"Connection: close\r\nHost"))

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"server:" not in answer.lower()


@pytest.mark.parametrize("said", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_does_not_come_to_the_point_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """A peer that says nothing, or half a head, is cut off without an answer; also behind a first request."""
    monkeypatch.setattr(connection, "HTTP_REQUEST_S_MAX", 0.2)
    async with served() as (host, port, _):
        for before, answers in ((b"", 0), (GET, 1)):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(before + said)
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b"HTTP" * answers
            assert answer.count(b"HTTP") == answers
            writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose body stops half-way is answered with 408, and the connection ends."""
    monkeypatch.setattr(body_module, "HTTP_REQUEST_S_MAX", 0.2)
    async with served(echo) as (host, port, _):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
        answer = await ask(host, port, head)

    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_told_size_is_believed_before_it_comes() -> None:
    """A body that is told to be too large is refused before a byte of it is read."""
    async with served(echo) as (host, port, _):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"
        answer = await ask(host, port, head)

    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused(data: bytes) -> None:
    """Bytes that are no request, heads without an end and contradictory sizes get 400 and the end of the connection."""
    async with served() as (host, port, _):
        try:
            answer = await ask(host, port, data)
        except ConnectionError:
            # Who is still sending when the connection ends may not get to read why.
            answer = b"HTTP/1.1 400"

    assert answer.startswith(b"HTTP/1.1 400")


async def test_too_many_connections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a new connection is closed at once, and one that ends makes room."""
    monkeypatch.setattr(connection, "HTTP_CONNECTIONS_MAX", 1)
    async with served() as (host, port, _):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(GET)
        await reader.readuntil(b"hello")
        with pytest.raises((ConnectionError, AssertionError)):
            assert await ask(host, port, GET)
        writer.close()
        await writer.wait_closed()
        closing = GET.replace(b"Host", b"Connection: close\r\nHost")
        answer = b""
        while not answer:
            try:
                answer = await ask(host, port, closing)
            except ConnectionError:
                continue

    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_failure_is_told_without_its_reason() -> None:
    """An exception in a handler is 500, and says nothing of what went wrong."""

    async def fail(_request: Request) -> Response:
        raise RuntimeError("the secret is called Gwendolen")

    async with served(fail) as (host, port, _):
        answer = await ask(host, port, GET.replace(b"Host", b"Connection: close\r\nHost"))

    assert answer.startswith(b"HTTP/1.1 500")
    assert b"Gwendolen" not in answer


async def test_a_stop_lets_what_is_under_way_finish() -> None:
    """A request that was begun is answered, though nothing new is let in."""
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        await release.wait()
        return PlainTextResponse("done")

    async with served(slow) as (host, port, server):
        asked = asyncio.create_task(ask(host, port, GET))
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        refused = False
        while not refused:
            try:
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
            except ConnectionError:
                refused = True
        release.set()
        answer = await asked
        await stopping

    assert answer.endswith(b"done")


def client_context() -> ssl.SSLContext:
    """A client that believes the authority."""
    return ssl.create_default_context(cadata=AUTHORITY.pair.pem.decode())


async def answered(host: str, port: int, data: bytes, tls: ssl.SSLContext | None = None) -> bool:
    """Whether anything comes back."""
    try:
        return bool(await ask(host, port, data, tls))
    except (ssl.SSLError, ConnectionError):
        return False


async def name_shown(host: str, port: int) -> str:
    """The name in the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection(
        host, port, ssl=client_context(), server_hostname="localhost"
    )
    shown = writer.get_extra_info("peercert")["subject"][0][0][1]
    writer.close()
    return str(shown)


async def test_a_new_certificate_serves_new_connections(tmp_path: Path) -> None:
    """New files are shown to the next connection, and one that is open goes on with the old ones."""
    files = TlsFiles(*AUTHORITY.issue("first").write(tmp_path, "tls"), None)
    closing = GET.replace(b"Host", b"Connection: close\r\nHost")
    async with served(tls=Tls(files).context) as (host, port, _):
        reader, writer = await asyncio.open_connection(
            host, port, ssl=client_context(), server_hostname="localhost"
        )
        assert await name_shown(host, port) == "first"
        AUTHORITY.issue("second").write(tmp_path, "tls")
        # The files are looked at ten times a second.
        while await name_shown(host, port) != "second":
            pass
        writer.write(GET)
        await reader.readuntil(b"hello")
        writer.close()
        assert (await ask(host, port, closing, client_context())).endswith(b"hello")


async def test_who_does_not_shake_hands_gets_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain text, a stranger's authority, TLS without a certificate where one is asked for, and silence get no answer."""
    monkeypatch.setattr(server_module, "HANDSHAKE_S_MAX", 0.3)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(AUTHORITY.pair.pem)
    files = TlsFiles(*AUTHORITY.issue("first").write(tmp_path, "tls"), ca)
    stranger = ssl.create_default_context(cadata=Authority("other.example").pair.pem.decode())
    closing = GET.replace(b"Host", b"Connection: close\r\nHost")
    async with served(tls=Tls(files).context) as (host, port, _):
        for said in (GET, b"", b"\x16\x03\x01"):
            try:
                assert b"HTTP" not in await ask(host, port, said)
            except ConnectionError:
                continue
        assert not await answered(host, port, closing, stranger)
        assert not await answered(host, port, closing, client_context())
        for at, issuer in enumerate((AUTHORITY, Authority("other.example"))):
            shown = client_context()
            shown.load_cert_chain(*issuer.issue("client").write(tmp_path, f"client-{at}"))
            assert await answered(host, port, closing, shown) == (issuer is AUTHORITY)
        expired = client_context()
        expired.load_cert_chain(*AUTHORITY.issue("old", days=-1).write(tmp_path, "expired"))
        assert not await answered(host, port, closing, expired)


def test_a_port_that_is_taken_is_told() -> None:
    """A port of somebody else is no port for us."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartupError, match="--http"):
            HttpServer(make_app([]), address, shared=False, tls=None, drain_s=1)
