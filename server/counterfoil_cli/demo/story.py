"""The demonstration, step by step, in words for somebody who sees a ledger for the first time."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.v1.access_service_pb2 import ROLE_HOST, Principal
from counterfoil.v1.assessment_pb2 import Verdict
from counterfoil.v1.record_pb2 import Artifact, ProofOfTraining, UsageEvent
from counterfoil.v1.registry_service_pb2 import CoverageFault
from counterfoil_cli.console import CommandError
from counterfoil_cli.demo import agreement
from counterfoil_cli.demo.events import CREATOR, in_batches, make_events
from counterfoil_cli.demo.process import make_ledger, run_program, run_verifier, running_ledger
from counterfoil_cli.fingerprint import fingerprint_files, total_size_bytes
from counterfoil_cli.progress import progress
from counterfoil_client import LedgerClient
from counterfoil_client.clock import monotonic_s, now_us
from counterfoil_client.evidence import UsageResult

_ORIGIN: Final = "demo.example/ledger"
_SUBMITTER: Final = "host_demo"
_BATCH_EVENTS: Final = 500
_HOUR_US: Final = 3600 * 1_000_000

Say = Callable[[str], None]


@dataclass(slots=True)
class _Streamed:
    """What came of the stream: how much was accepted, and how many receipts said so, in which states."""

    accepted: int = 0
    receipts: int = 0
    states: frozenset[str] = frozenset()

    def take(self, _sequence: int, result: UsageResult) -> None:
        self.accepted += result.accepted
        self.receipts += len(result.receipts)
        for verified in result.receipts:
            self.states |= set(verified.states)


def tell_story(events: int, say: Say) -> dict[str, Any]:
    """Run the demonstration in a directory that is gone afterwards, and return what happened.

    Args:
        events: how many usage events to send.
        say: hears each line.

    Raises:
        CommandError: a step did not end as it must; the message says which.
        LedgerError, VerificationError: the ledger failed, which the demonstration is there to rule out.
    """
    started_s = monotonic_s()
    with tempfile.TemporaryDirectory(prefix="counterfoil-demo-") as name:
        folder = Path(name)
        directory = folder / "ledger"
        say("1. A new ledger.")
        say("   A ledger is a log that can only grow. It gets a name, and a key to sign with.")
        vkey, operator_key = make_ledger(directory, _ORIGIN)
        say(f"   Anybody can check what it signs with this public key: {vkey}")
        with running_ledger(directory, folder / "server.log") as address:
            say(f"   It runs as a process of its own at {address}.")
            files = _fingerprint_own_source()
            with LedgerClient(
                address, trust=vkey, submitter="demo", api_key=operator_key
            ) as operator:
                api_key = _let_in_host(operator)
                say(
                    f"   Its operator has let in {_SUBMITTER}, a model host, which got a key of its own."
                )
                say("   With that it can write in its own name, and see its own records.")
                registered = _agree(operator, files, say)
            with LedgerClient(address, trust=vkey, submitter=_SUBMITTER, api_key=api_key) as client:
                answer = {"registered": registered, **_cover(client, say)}
                answer |= _use(client, events, files, say)
                answer |= _check(client, events // 2, folder, vkey, say)
        say("")
        say("9. The operator's own check.")
        say("   The ledger has stopped. fsck rebuilds everything from the entries and compares.")
        answer |= _fsck(directory)
        say(f"   All {answer['size']:,} entries are sound.")
    answer["seconds"] = round(monotonic_s() - started_s, 1)
    say("")
    say(f"Done in {answer['seconds']} s; nothing is left running, and nothing on disk.")
    say(
        "Your own ledger: counterfoil init ledger --origin example.com/ledger && counterfoil serve ledger"
    )
    return answer


def _let_in_host(operator: LedgerClient) -> str:
    """Make a principal for the host that the story is about; returns its key."""
    host = Principal(principal_id=_SUBMITTER, role=ROLE_HOST, tenant=_SUBMITTER)
    operator.access.create_principal(host)
    return operator.access.create_key(_SUBMITTER).api_key


def _agree(operator: LedgerClient, files: Sequence[Artifact], say: Say) -> int:
    """Register what may be done with whose works; returns how many records that made."""
    say("")
    say("2. A creator's works are registered, and a licence for them.")
    registered = agreement.register(operator, _SUBMITTER, files)
    say(
        f"   {len(files)} files were fingerprinted here (SHA-256 and BLAKE3); only fingerprints were sent."
    )
    say(f"   {CREATOR} lets {_SUBMITTER} train with them and answer from them.")
    return registered


def _cover(client: LedgerClient, say: Say) -> dict[str, Any]:
    """Ask, as the host, whether uses are covered."""
    may, may_not = agreement.check(client, _SUBMITTER)
    say("   Before it uses anything the host asks whether that is covered:")
    say(f"   | to answer from a work: {may}")
    say(f"   | to show a work: {may_not}")
    return {"coverage_checked": True}


def _use(client: LedgerClient, events: int, files: Sequence[Artifact], say: Say) -> dict[str, Any]:
    """Record a training, then the use of the model, then the same use again."""
    say("")
    say("3. A creator's work goes into a model.")
    recorded = client.record_training(_make_training(files))
    say(
        f"   The ledger recorded who says so and when: {recorded.training_id}, entry {recorded.index}."
    )

    say("")
    say(f"4. The model is used {events:,} times.")
    last_us = now_us()
    messages = make_events(events, recorded.training_id, last_us - _HOUR_US, last_us)
    bodies = [message.SerializeToString(deterministic=True) for message in messages]
    started_s = monotonic_s()
    streamed = _stream(client, bodies, "demo", "   Sending usage")
    per_second = round(events / max(0.001, monotonic_s() - started_s))
    if streamed.accepted != events:
        raise CommandError(f"{events} events were sent and {streamed.accepted} accepted")
    say(
        f"   All were accepted, {per_second:,} a second, and answered by {streamed.receipts} receipts."
    )
    say("   A receipt covers a whole batch with one signature. Each was checked on arrival;")
    say(f"   their state is: {', '.join(sorted(streamed.states))} in the signed tree.")
    say("   Behind each batch stands the ledger's verdict: whether this use was agreed to.")

    say("")
    say("5. An answer gets lost on the way, so the host sends its first batch again.")
    again = client.append_usage(bodies[:_BATCH_EVENTS])
    if again.accepted or again.duplicates != min(events, _BATCH_EVENTS):
        raise CommandError("events that were sent again were counted again")
    say(f"   {again.duplicates} events were recognised, none was counted twice.")
    return {
        "training_id": recorded.training_id,
        "events": streamed.accepted,
        "receipts": streamed.receipts,
        "states": sorted(streamed.states),
        "records_per_second": per_second,
    }


def _fingerprint_own_source() -> list[Artifact]:
    """Real files: this program's own source."""
    folder = Path(__file__).resolve().parents[1]
    paths = sorted(folder.rglob("*.py"))
    with progress("   Fingerprinting", total_size_bytes(paths), in_bytes=True) as advance:
        prints = fingerprint_files(paths, advance)
    return [
        Artifact(
            name=each.path.relative_to(folder).as_posix(),
            size_bytes=each.size_bytes,
            sha256=each.sha256,
            blake3=each.blake3,
        )
        for each in prints
    ]


def _make_training(files: Sequence[Artifact]) -> ProofOfTraining:
    return ProofOfTraining(
        dataset_id="ds_counterfoil_source",
        creator_id=CREATOR,
        model_id="atlas-large-2",
        license="Apache-2.0",
        portion_used_ppm=1_000_000,
        notes="A demonstration with the source of the command line.",
        artifacts=files,
    )


def _stream(client: LedgerClient, bodies: list[bytes], stream_id: str, what: str) -> _Streamed:
    streamed = _Streamed()
    with progress(what, len(bodies)) as advance:

        def acknowledged(sequence: int, result: UsageResult) -> None:
            streamed.take(sequence, result)
            advance(result.accepted)

        with client.open_stream(stream_id, on_ack=acknowledged) as stream:
            for batch in in_batches(bodies, _BATCH_EVENTS):
                stream.send(batch)
    return streamed


def _check(client: LedgerClient, number: int, folder: Path, vkey: str, say: Say) -> dict[str, Any]:
    """Fetch one receipt, verify it as a stranger would, then change one byte of it."""
    say("")
    say("6. One of those events is disputed. Its receipt is fetched.")
    event = client.usage_event(f"demo-{number:07d}")
    receipt = folder / "receipt.bin"
    receipt.write_bytes(client.receipt(str(event.index), "binary"))
    used = f"{event.event.input_tokens} tokens in and {event.event.output_tokens} out"
    say(
        f"   Entry {event.index}: {used}, {event.event.model_id}; {receipt.stat().st_size} bytes of evidence."
    )
    verdict = _tell_verdict(event.verdict)
    say(f"   The ledger's verdict on it is entry {event.assessment_index}: {verdict}.")

    say("")
    say("7. A stranger checks it: no ledger, no network, none of the server's code.")
    good = run_verifier(str(receipt), "--key", vkey)
    if good.code != 0:
        raise CommandError(f"the verifier refused a good receipt: {good.output.strip()}")
    _say_output(good.output, receipt, say)

    say("")
    used_tokens = event.event.output_tokens
    say(f"8. Somebody changes one byte of it: {used_tokens} tokens out become {used_tokens ^ 1}.")
    forged = folder / "forged.bin"
    forged.write_bytes(_forge(receipt.read_bytes(), event.event))
    bad = run_verifier(str(forged), "--key", vkey)
    if bad.code != 1:
        raise CommandError(f"the verifier did not refuse a forged receipt: {bad.output.strip()}")
    _say_output(bad.output, forged, say)
    return {
        "receipt_index": event.index,
        "verdict": verdict,
        "receipt_verified": True,
        "forgery_refused": True,
    }


def _tell_verdict(verdict: Verdict) -> str:
    """Whether a use was agreed to, in words."""
    if not verdict.assets:
        raise CommandError("the ledger said nothing about a use of a registered work")
    for asset in verdict.assets:
        if not asset.covered:
            fault = CoverageFault.Name(asset.fault).removeprefix("COVERAGE_FAULT_").lower()
            return f"not covered ({fault}); kept as evidence all the same"
    return f"covered by licence {verdict.assets[0].license_id}"


def _forge(receipt: bytes, event: UsageEvent) -> bytes:
    """The receipt with another number of output tokens in its record: the lowest bit, hence one byte, is turned."""
    body = event.SerializeToString(deterministic=True)
    event.output_tokens ^= 1
    return receipt.replace(body, event.SerializeToString(deterministic=True))


def _say_output(output: str, file: Path, say: Say) -> None:
    for line in output.replace(str(file), file.name).splitlines():
        say(f"   | {line}")


def _fsck(directory: Path) -> dict[str, Any]:
    import json

    checked = run_program("fsck", str(directory), "--json")
    if checked.code:
        raise CommandError(f"fsck found something: {checked.output.strip()}")
    answer: dict[str, Any] = json.loads(checked.output)
    return {"size": answer["size"], "fsck_ok": answer["ok"]}
