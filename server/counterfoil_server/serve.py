"""Running a server: start order, drain order, signals."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from counterfoil.errors import StartupError
from counterfoil.keys import Verifier
from counterfoil.limits import (
    CONNECTION_CALLS_MAX,
    HANDSHAKE_S_MAX,
    MESSAGE_SIZE_BYTES_MAX,
    METADATA_SIZE_BYTES_MAX,
    PEER_ANSWER_S_MAX,
    PEER_SILENCE_S_MAX,
    PENDING_CALLS_MAX,
)
from counterfoil.log import Log
from counterfoil.log.fsck import Scrub
from counterfoil.log.state import read_state
from counterfoil_server.access.door import Door, is_loopback, open_ops, refuse_stranger_addresses
from counterfoil_server.assessing import Assessor
from counterfoil_server.assessing.pacing import Pacing
from counterfoil_server.clock import now_us
from counterfoil_server.compaction import Compaction
from counterfoil_server.directory import (
    Settings,
    hold_lock,
    load,
    open_log,
)
from counterfoil_server.ledger import Ledger
from counterfoil_server.pages import Pages
from counterfoil_server.ports import bind_port
from counterfoil_server.rpc import SERVICES, add_service
from counterfoil_server.rpc.push_back import PushBack
from counterfoil_server.scrubbing import Scrubbing
from counterfoil_server.sequencer import Sequencer
from counterfoil_server.telemetry import set_up_logging
from counterfoil_server.tls import Tls, open_tls
from counterfoil_server.token_keys import load_token_keys, settle_token_key
from counterfoil_server.workers import Addresses, run_workers

if TYPE_CHECKING:
    from counterfoil_server.http.server import HttpServer

_log = structlog.get_logger(__name__)
Announce = Callable[[str], None]

EXIT_OK: Final = 0
EXIT_OUTCOME_UNKNOWN: Final = 70
DRAIN_S: Final = 10.0
# Batches make many small objects that all die together: collect seldom.
_GC_THRESHOLD: Final = (100_000, 50, 100)
# How long the sequencer's thread may wait for its turn beside a busy event loop, and the other way round.
_SWITCH_INTERVAL_S: Final = 0.002

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_SIZE_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", METADATA_SIZE_BYTES_MAX),
    # Otherwise gRPC refuses at random between the bound and a quarter more.
    ("grpc.absolute_max_metadata_size", METADATA_SIZE_BYTES_MAX),
    # A peer that has vanished without a word is found out and its connection closed, not after gRPC's two hours.
    ("grpc.keepalive_time_ms", PEER_SILENCE_S_MAX * 1000),
    ("grpc.keepalive_timeout_ms", PEER_ANSWER_S_MAX * 1000),
    # Whoever has connected and does not speak HTTP/2 by then is cut off.
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_S_MAX * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # More calls than this wait in the client, where they can be given up, and not unseen in the server.
    ("grpc.max_concurrent_streams", CONNECTION_CALLS_MAX),
    # Calls that were cancelled count until they are freed: a client that cancels what it sends fills its own connection and
    # not the queue of all. What is too much is refused as UNAVAILABLE, untouched; so the bound is twice what is useful.
    ("grpc.http.overload_protection", 1),
    # Above these gRPC cancels calls that nobody has taken in yet, some at first and then all of them.
    ("grpc.server.max_pending_requests", PENDING_CALLS_MAX // 2),
    ("grpc.server.max_pending_requests_hard_limit", PENDING_CALLS_MAX),
)


def serve(directory: Path, addresses: Addresses, workers: int, announce: Announce) -> int:
    """Serve a directory until a signal says to stop.

    Args:
        addresses: ``host:port`` each; port 0 takes a free one. workers: how many processes share port and store.
        announce: called with one line when the server is ready.

    Returns:
        The exit code: 0 after a drain, 70 when a commit failed and a restart has to find out what was stored.

    Raises:
        StartupError: wrong directory, missing key, port in use, another server on the store, an old store.
    """
    settings = load(directory)
    with hold_lock(settings) as locks:
        bound = find_addresses(addresses)
        for address in filter(None, addresses):
            refuse_stranger_addresses(settings, address)
        settle_token_key(settings)
        if workers > 1:
            set_up_logging()
            return run_workers(directory, bound, workers, announce, locks)
        return run_worker(settings, bound, announce, workers=1, first=True)


def run_worker(
    settings: Settings, addresses: Addresses, announce: Announce, *, workers: int, first: bool
) -> int:
    """Serve in this process; the caller holds the directory's lock.

    Args:
        workers: how many processes listen on the ports. first: this one merges the catalog's runs, and scrubs.
    """
    set_up_logging()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, addresses, announce, workers=workers, first=first))


async def _run(
    settings: Settings, addresses: Addresses, announce: Announce, *, workers: int, first: bool
) -> int:
    tls = open_tls(settings)
    log = open_log(settings)
    shared, mutual = workers > 1, tls is not None and tls.mutual
    with log.store.snapshot() as snapshot:
        token_keys = load_token_keys(settings, snapshot, log.secret)
    door = Door(open_ops(settings), settings, token_keys, workers=workers, mutual=mutual)
    stop = asyncio.Event()
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        stop.set()

    sequencer = Sequencer(log, fail)
    assessor, pages = Assessor(log, settings), Pages(log.secret)
    pacing = Pacing(door.ops, assessor.pace)
    ledger = Ledger(settings, log, sequencer, pages, assessor, door.ops, door.tokens)
    compaction = Compaction(log.store, fail, asyncio.get_running_loop()) if first else None
    scrubbing = _start_scrub(settings, log) if first and settings.scrub_period_s else None
    server = grpc.aio.server(options=[*_OPTIONS, ("grpc.so_reuseport", int(shared))])
    push_back = PushBack(sequencer)
    for service in SERVICES:
        add_service(server, service(ledger), push_back, door.guard)
    names = [service.DESCRIPTOR.full_name for service in SERVICES]
    checks = _add_companions(server, names)
    _bind(server, addresses.grpc, tls)
    http = [
        _make_http(ledger, door, address, tls, shared=shared)
        for address in addresses[1:]
        if address
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if shared:
        _stop_without_parent(stop)
    await server.start()
    for each in http:
        await each.start()
    for name in ("", *names):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    _tune_interpreter()
    with log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
    if first:
        _warn(door.ops.is_open, addresses, tls)
    announce(f"ready, origin {log.origin}, size {size}, {_tell_addresses(addresses, tls)}")
    await stop.wait()
    # First nothing new is let in, then what is queued is committed and answered, then the connections close.
    await checks.enter_graceful_shutdown()
    draining = asyncio.gather(server.stop(DRAIN_S), *(each.stop() for each in http))
    await sequencer.stop()
    await draining
    await pacing.close()
    await door.close()
    if compaction is not None:
        await asyncio.to_thread(compaction.stop)
    if scrubbing is not None:
        await asyncio.to_thread(scrubbing.stop)
    log.store.close()
    if failures:
        _log.critical(
            "stopped because a commit failed; start again to reconcile", error=str(failures[0])
        )
        return EXIT_OUTCOME_UNKNOWN
    return EXIT_OK


def _make_http(
    ledger: Ledger, door: Door, address: str, tls: Tls | None, *, shared: bool
) -> "HttpServer":
    """The other door of the same house, which takes its port here."""
    # A ledger without HTTP starts without what it needs.
    from counterfoil_server.http.assemble import make_http_app
    from counterfoil_server.http.server import HttpServer

    def keys() -> list[Verifier]:
        # Without those that are retired: a JWK set says nothing of cut-offs, so that its readers would believe them for ever.
        with ledger.log.store.snapshot() as snapshot:
            following = read_state(snapshot).size + 1
        return [*ledger.log.keys.at(following), *ledger.tokens.verifiers]

    app = make_http_app(ledger.settings, door.guard, ledger.tokens, keys)
    context = None if tls is None else tls.context
    return HttpServer(app, address, shared=shared, tls=context, drain_s=DRAIN_S)


class _Unregistered:
    """A server that takes handlers and no registrations: each registered name costs every call a few microseconds."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, *_: object) -> None:
        """Leave it: the generic handlers answer for the same methods."""


def _add_companions(server: grpc.aio.Server, names: list[str]) -> health.aio.HealthServicer:
    """Add health and reflection, for services of these names."""
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, _Unregistered(server))
    reflection.enable_server_reflection(
        [*names, health.SERVICE_NAME, reflection.SERVICE_NAME], _Unregistered(server)
    )
    return checks


def _start_scrub(settings: Settings, log: Log) -> Scrubbing:
    period_us = settings.scrub_period_s * 1_000_000
    return Scrubbing(Scrub(log.store, log.keys, log.secret, period_us), now_us)


def _stop_without_parent(stop: asyncio.Event) -> None:
    """A worker's standard input is a pipe that its parent never writes to: it ends when the parent does."""
    loop, pipe = asyncio.get_running_loop(), sys.stdin.fileno()

    def orphaned() -> None:
        loop.remove_reader(pipe)
        stop.set()

    loop.add_reader(pipe, orphaned)


def _warn(is_open: bool, addresses: Addresses, tls: Tls | None) -> None:
    """Say what an operator should know of who can reach this ledger."""
    if is_open:
        _log.warning("this ledger has no keys: everybody on this machine may do everything")
    elif tls is None and not all(is_loopback(address) for address in filter(None, addresses)):
        _log.warning(
            "keys and records travel in the clear: set tls_cert and tls_key, or put a proxy with TLS in front",
            **addresses._asdict(),
        )


def _tell_addresses(addresses: Addresses, tls: Tls | None) -> str:
    told = [f"{name} {address}" for name, address in addresses._asdict().items() if address]
    return ", ".join([*told, *(["tls"] if tls else [])])


def find_addresses(wanted: Addresses) -> Addresses:
    """Addresses with two ports that are free; raises as :func:`find_address` does."""
    grpc_address = find_address(wanted.grpc)
    if not wanted.http:
        return Addresses(grpc_address)
    http_address = find_address(wanted.http, "--http")
    while _port(http_address) == _port(grpc_address):
        # Workers share their ports with each other, so that the system would let two doors share one.
        if _port(wanted.http) == _port(grpc_address):
            raise StartupError(f"gRPC and HTTP cannot both have port {_port(grpc_address)}")
        http_address = find_address(wanted.http, "--http")
    return Addresses(grpc_address, http_address)


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def find_address(address: str, option: str = "--grpc") -> str:
    """The address with a port that is free, so that a second server on it is refused before anything is opened.

    Raises:
        StartupError: the port is taken or the address is no address of this machine.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise StartupError(f"{address} is not HOST:PORT, such as 127.0.0.1:7070")
    with bind_port(address, option) as probe:
        return f"{host}:{probe.getsockname()[1]}"


def _bind(server: grpc.aio.Server, address: str, tls: Tls | None) -> None:
    try:
        if tls is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, tls.grpc_credentials())
    except RuntimeError as error:
        raise StartupError(f"cannot listen on {address}; choose another with --grpc") from error


def _tune_interpreter() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
