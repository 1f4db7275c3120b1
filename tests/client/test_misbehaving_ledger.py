"""A real ledger whose answers are spoiled on the way: the client never passes one on.

Each spoiled answer has a control: the same calls through the same proxy, unspoiled, pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from counterfoil.errors import VerificationError
from counterfoil.v1 import log_service_pb2, training_service_pb2, usage_service_pb2
from counterfoil.v1.record_pb2 import ProofOfTraining
from counterfoil_client import ForkDetected, LedgerClient, LedgerError
from counterfoil_client.stream import UsageStream

from .making import make_bodies, new_name
from .proxy import Proxy, Refused
from .toy_log import ToyLog

Call = Callable[[LedgerClient], object]


Spoil = Callable[[Any], object]


ANSWERS: dict[str, Any] = {
    "GetLogInfo": log_service_pb2.GetLogInfoResponse,
    "GetCheckpoint": log_service_pb2.GetCheckpointResponse,
    "GetEntry": log_service_pb2.GetEntryResponse,
    "ListEntries": log_service_pb2.ListEntriesResponse,
    "TailEntries": log_service_pb2.TailEntriesResponse,
    "GetInclusionProof": log_service_pb2.GetInclusionProofResponse,
    "GetReceipt": log_service_pb2.GetReceiptResponse,
    "RecordTraining": training_service_pb2.RecordTrainingResponse,
    "AppendUsage": usage_service_pb2.AppendUsageResponse,
    "StreamUsage": usage_service_pb2.StreamUsageResponse,
}


def change(proxy: Proxy, method: str, spoil: Spoil) -> None:
    """Spoil the answers of one method."""

    def on_answer(called: str, data: bytes) -> bytes:
        if called != method:
            return data
        message = ANSWERS[method].FromString(data)
        spoil(message)
        return bytes(message.SerializeToString())

    proxy.on_answer = on_answer


def stream_one(client: LedgerClient) -> object:
    """Send one batch over a stream and read its answer."""
    with client.open_stream("s") as stream:
        stream.send(make_bodies("e", 3))
        return list(stream.results())


CALLS: dict[str, Call] = {
    "checkpoint": lambda client: client.checkpoint(),
    "append": lambda client: client.append_usage(make_bodies("a", 3)),
    "stream": stream_one,
    "training": lambda client: client.record_training(
        ProofOfTraining(
            dataset_id="d", creator_id="c", model_id="m", artifact_hash="sha256:" + "00" * 32
        )
    ),
    "entry": lambda client: client.get_entry(0),
    "entries": lambda client: list(client.entries()),
    "usage entries": lambda client: list(client.entries(kind=3)),
    "tail": lambda client: list(client.tail(stop_at_end=True)),
    "usage tail": lambda client: list(client.tail(kind=3, stop_at_end=True)),
    "receipt": lambda client: client.receipt("0"),
}


def flip_receipt(message: Any) -> None:
    """Change one bit in the middle of a receipt."""
    data = bytearray(message.receipt)
    data[len(data) // 2] ^= 1
    message.receipt = bytes(data)


def flip_first_of(receipts: Any) -> None:
    """Change one bit in the middle of the first of several receipts."""
    data = bytearray(receipts[0])
    data[len(data) // 2] ^= 1
    receipts[0] = bytes(data)


def other_root(note: bytes) -> bytes:
    """The note with another letter in the root hash."""
    origin, size, root, rest = note.split(b"\n", 3)
    changed = (b"B" if root[:1] == b"A" else b"A") + root[1:]
    return b"\n".join((origin, size, changed, rest))


def cut_second(message: Any) -> None:
    """Leave out the second of several entries."""
    if len(message.entries) > 2:
        del message.entries[1]


def change_record(entry: Any) -> None:
    """Change the last byte of a record."""
    data = bytearray(entry.record)
    data[-1] ^= 1
    entry.record = bytes(data)


def in_resume(spoil: Spoil) -> Spoil:
    """Spoil the first answer of a stream."""
    return lambda message: spoil(message.resume) if message.HasField("resume") else None


def in_ack(spoil: Spoil) -> Spoil:
    """Spoil the acknowledgements of a stream."""
    return lambda message: spoil(message.ack) if message.HasField("ack") else None


SPOILS: dict[str, tuple[str, str, Spoil]] = {
    "checkpoint noise": ("checkpoint", "GetCheckpoint", lambda m: setattr(m, "checkpoint", b"x")),
    "checkpoint root": (
        "checkpoint",
        "GetCheckpoint",
        lambda m: setattr(m, "checkpoint", other_root(m.checkpoint)),
    ),
    "other origin": ("checkpoint", "GetLogInfo", lambda m: setattr(m, "origin", "x.example/y")),
    "no environment": ("checkpoint", "GetLogInfo", lambda m: setattr(m, "environment", "")),
    "other environment": ("append", "GetLogInfo", lambda m: setattr(m, "environment", "sandbox")),
    "append receipt": ("append", "AppendUsage", lambda m: flip_first_of(m.receipts)),
    "append no receipt": ("append", "AppendUsage", lambda m: m.ClearField("receipts")),
    "append elsewhere": ("append", "AppendUsage", lambda m: setattr(m, "first_index", 0)),
    "append count": ("append", "AppendUsage", lambda m: setattr(m, "accepted", 2)),
    "stream receipt": (
        "stream",
        "StreamUsage",
        in_ack(lambda m: flip_first_of(m.result.receipts)),
    ),
    "stream other log": (
        "stream",
        "StreamUsage",
        in_resume(lambda m: setattr(m, "origin", "x.example/y")),
    ),
    "stream sandbox": (
        "stream",
        "StreamUsage",
        in_resume(lambda m: setattr(m, "environment", "sandbox")),
    ),
    "training receipt": ("training", "RecordTraining", flip_receipt),
    "training index": ("training", "RecordTraining", lambda m: setattr(m, "index", m.index + 1)),
    "training time": ("training", "RecordTraining", lambda m: setattr(m, "time_us", 1)),
    "entry record": ("entry", "GetEntry", lambda m: change_record(m.entry)),
    "entry time": ("entry", "GetEntry", lambda m: setattr(m.entry, "time_us", 1)),
    "entry index": ("entry", "GetEntry", lambda m: setattr(m.entry, "index", 1)),
    "entry proof": ("entry", "GetInclusionProof", lambda m: m.proof.append(bytes(32))),
    "entries gap": ("entries", "ListEntries", cut_second),
    "entries record": ("entries", "ListEntries", lambda m: change_record(m.entries[1])),
    "entries start": ("entries", "ListEntries", lambda m: m.entries.pop(0)),
    "usage entries other kind": (
        "usage entries",
        "ListEntries",
        lambda m: setattr(m.entries[0], "kind", 2),
    ),
    "usage entries proof": ("usage entries", "GetInclusionProof", lambda m: m.proof.pop()),
    "tail gap": ("tail", "TailEntries", cut_second),
    "tail record": ("tail", "TailEntries", lambda m: change_record(m.entries[-1])),
    "tail cursor": ("tail", "TailEntries", lambda m: setattr(m, "next_index", m.next_index + 1)),
    "tail no checkpoint": ("tail", "TailEntries", lambda m: m.ClearField("checkpoint")),
    "usage tail back": ("usage tail", "TailEntries", lambda m: setattr(m, "next_index", 0)),
    "receipt": ("receipt", "GetReceipt", flip_receipt),
    "receipt index": ("receipt", "GetReceipt", lambda m: setattr(m, "index", 1)),
}


@pytest.mark.parametrize("name", SPOILS)
def test_a_spoiled_answer_is_refused(proxied: LedgerClient, proxy: Proxy, name: str) -> None:
    """The call raises VerificationError, and passes when the answer is left as it was."""
    call, method, spoil = SPOILS[name]
    if method != "GetLogInfo":
        proxied.append_usage(make_bodies(new_name(), 5))
    change(proxy, method, spoil)

    with pytest.raises(VerificationError):
        CALLS[call](proxied)

    proxy.on_answer = lambda _method, data: data
    CALLS[call](proxied)


@pytest.mark.parametrize("method", ["GetLogInfo", "GetCheckpoint", "GetEntry", "StreamUsage"])
def test_an_answer_that_is_no_message_is_an_error_with_a_code(
    proxied: LedgerClient, proxy: Proxy, method: str
) -> None:
    """Noise instead of a message is INTERNAL, and no stray exception."""
    calls = {"GetLogInfo": "checkpoint", "GetCheckpoint": "checkpoint", "GetEntry": "entry"}
    proxy.on_answer = lambda called, data: b"\xff\xff" if called == method else data

    with pytest.raises(LedgerError) as caught:
        CALLS[calls.get(method, "stream")](proxied)

    assert caught.value.code == "INTERNAL"


def test_a_log_that_was_rolled_back_is_a_fork(proxy: Proxy, proxied: LedgerClient) -> None:
    """An older checkpoint passes; one that the log can no longer connect to what it showed before does not."""
    proxied.append_usage(make_bodies(new_name(), 5))
    newest = proxied.checkpoint()

    def on_answer(method: str, data: bytes) -> bytes:
        if method == "GetConsistencyProof":
            raise Refused(grpc.StatusCode.OUT_OF_RANGE)
        return data

    proxied.append_usage(make_bodies(new_name(), 1))
    proxy.on_answer = on_answer
    with pytest.raises(ForkDetected) as caught:
        proxied.checkpoint()

    assert caught.value.first == newest.note
    proxy.on_answer = lambda _method, data: data
    assert proxied.checkpoint().size > newest.size


def test_a_receipt_of_another_history_is_a_fork(proxied: LedgerClient, proxy: Proxy) -> None:
    """Two signed trees that cannot be one are noticed between a receipt and the next checkpoint."""
    log, fork = ToyLog(), ToyLog()
    for number in range(4):
        log.append([f"a{number}".encode()])
        fork.append([f"b{number}".encode()])
    fork.append([b"more"])
    info = log_service_pb2.GetLogInfoResponse(
        origin=log.origin, vkey=log.signer.verifier.vkey, environment="live"
    )
    proof = log_service_pb2.GetConsistencyProofResponse(proof=fork.prove_consistency(4, 5))
    answers = {
        "GetLogInfo": info,
        "GetReceipt": log_service_pb2.GetReceiptResponse(receipt=log.receipt(2), index=2),
        "GetCheckpoint": log_service_pb2.GetCheckpointResponse(checkpoint=fork.checkpoint()),
        "GetConsistencyProof": proof,
    }
    # The ledger behind the proxy has to answer at all before its answers can be replaced.
    proxied.append_usage(make_bodies(new_name(), 5))
    proxy.on_answer = lambda method, data: (
        answers[method].SerializeToString() if method in answers else data
    )

    with LedgerClient(proxy.address, trust=log.signer.verifier.vkey) as deceived:
        assert deceived.receipt("2") == log.receipt(2)
        with pytest.raises(ForkDetected):
            deceived.checkpoint()


def test_acknowledgements_out_of_order_end_the_stream(proxied: LedgerClient, proxy: Proxy) -> None:
    """An answer to a batch that was not sent, or not next, is an error."""
    change(
        proxy,
        "StreamUsage",
        in_ack(lambda m: setattr(m, "sequence", m.sequence + 1)),
    )

    with pytest.raises(LedgerError) as caught:
        stream_one(proxied)

    assert caught.value.code == "INTERNAL"


def test_a_refused_acknowledgement_is_kept_as_evidence(proxied: LedgerClient, proxy: Proxy) -> None:
    """The stream holds what was sent and the answer as it came, and takes nothing more."""
    change(
        proxy,
        "StreamUsage",
        in_ack(lambda m: flip_first_of(m.result.receipts)),
    )
    bodies = make_bodies("e", 3)
    stream: UsageStream = proxied.open_stream("s")
    stream.send(bodies)

    with pytest.raises(VerificationError):
        stream.drain()

    assert stream.refusal is not None
    assert list(stream.refusal.batch.bodies) == bodies
    answer = usage_service_pb2.StreamUsageResponse.FromString(stream.refusal.answer)
    assert answer.ack.result.accepted == 3
    with pytest.raises(VerificationError):
        stream.send(bodies)
    stream.close()
