"""The client of single records: a process of its own with many callers, each of whom waits for its receipt.

A closed loop: every caller sends its next RecordTraining when it has the receipt of the last one. So the rate is what
the server can do, and the latency is that of a server at its limit.

    python -m harness.callers '{"address": ..., "vkey": ..., "callers": 64, "seconds": 4, "verify": true, ...}'
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from typing import Any, Final

import grpc
from harness.clock import cpu_s, stopwatch_s

from counterfoil.entry import KIND_TRAINING
from counterfoil.note import Policy
from counterfoil.receipt import parse_receipt
from counterfoil.v1.record_pb2 import Artifact, ProofOfTraining
from counterfoil.v1.training_service_pb2 import RecordTrainingResponse
from counterfoil_client.evidence import Writer, check_write
from counterfoil_client.requests import format_write

_PATH: Final = "/counterfoil.v1.TrainingService/RecordTraining"
_SUBMITTER: Final = "bench"
_LIVE: Final = 1
_TIMEOUT_S: Final = 30.0
_PERCENTILES: Final = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}

Check = Callable[[bytes, str, bytes], object]


def make_training(seed: int, number: int) -> bytes:
    """A proof of training, serialized; no two are alike."""
    digest = f"{seed:08x}{number:08x}".encode() * 2
    return ProofOfTraining(
        dataset_id=f"ds_{number % 1000}",
        creator_id=f"creator_{number % 200}",
        model_id=f"model_{number % 50}",
        artifacts=[Artifact(name="part-0001", size_bytes=1 << 20, sha256=digest, blake3=digest)],
        evidence={"slice": "rows-0-999"},
        license="CC-BY-4.0",
        portion_used_ppm=1_000_000,
    ).SerializeToString(deterministic=True)


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """Call for some seconds, after a warm-up that does not count."""
    # A pool of its own for each channel: several connections, so that the port's workers share them.
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(task["address"], options=options)
        for _ in range(task["connections"])
    ]
    for channel in channels:
        await asyncio.wait_for(channel.channel_ready(), _TIMEOUT_S)
    check = _checker(task)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    warm_s = stopwatch_s() + task["warm_up_s"]
    end_s = warm_s + task["seconds"]
    latencies_s: list[float] = []
    counter = iter(range(1 << 60))

    async def call_on(channel: grpc.aio.Channel) -> None:
        method = channel.unary_unary(
            _PATH,
            request_serializer=lambda data: data,
            response_deserializer=RecordTrainingResponse.FromString,
        )
        while (begun_s := stopwatch_s()) < end_s:
            number = next(counter)
            body, request_id = make_training(task["seed"], number), f"{task['seed']}/{number}"
            request = format_write(_SUBMITTER, request_id, body)
            answer = await method(request, timeout=_TIMEOUT_S)
            check(answer.receipt, request_id, body)
            done_s = stopwatch_s()
            if warm_s <= begun_s and done_s <= end_s:
                latencies_s.append(done_s - begun_s)

    cpu_before_s = cpu_s()
    callers = range(task["callers"])
    await asyncio.gather(*(call_on(channels[at % len(channels)]) for at in callers))
    for channel in channels:
        await channel.close()
    return {
        "records_per_s": len(latencies_s) / task["seconds"],
        "records": len(latencies_s),
        "calls": next(counter),
        "cpu_s": cpu_s() - cpu_before_s,
        **percentiles_ms(latencies_s),
    }


def percentiles_ms(latencies_s: list[float]) -> dict[str, float]:
    """The percentiles of some latencies by nearest rank, and the longest, in milliseconds."""
    ordered = sorted(latencies_s) or [float("nan")]
    found = {
        name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3
        for name, share in _PERCENTILES.items()
    }
    return {**found, "max_ms": ordered[-1] * 1e3}


def _checker(task: dict[str, Any]) -> Check:
    if not task["verify"]:
        return lambda receipt, _request_id, _body: parse_receipt(receipt)
    policy = Policy.trust(task["vkey"])
    writer = Writer(policy, policy.logs[0].name, _LIVE, _SUBMITTER)

    def check(receipt: bytes, request_id: str, body: bytes) -> object:
        return check_write(writer, receipt, KIND_TRAINING, ProofOfTraining, request_id, body)

    return check


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))), flush=True)
