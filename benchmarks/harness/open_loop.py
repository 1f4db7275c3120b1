"""The client of the open loop: a process of its own that calls on a schedule and keeps every answer.

It connects, says ``ready``, waits for a line, calls, says ``done``, waits for another line, and prints one JSON object.
No receipt is checked while the clock runs, so that the client takes little of the processors that it shares with the
server; all of them are verified after the second line.

    python -m harness.open_loop '{"address": ..., "vkey": ..., "phases": [[1000, 4]], "callers": 64, ...}'
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc
import uvloop
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from harness.arrivals import ACCEPTED, poisson, run_schedule
from harness.callers import make_training
from harness.clock import cpu_s, now_us, stopwatch_s
from harness.rows import make_bodies

from counterfoil.entry import KIND_TRAINING
from counterfoil.note import Policy
from counterfoil.v1.record_pb2 import ProofOfTraining
from counterfoil.v1.training_service_pb2 import RecordTrainingResponse
from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_client.evidence import Writer, check_usage, check_write
from counterfoil_client.requests import format_append_usage, format_write

REFUSED: Final = "refused"
_SUBMITTER: Final = "bench"
_LIVE: Final = 1
_TIMEOUT_S: Final = 60.0
_DISTINCT_BODIES: Final = 1000


class Work(NamedTuple):
    """One method under load: its path, the request of a number, and the check of that request's answer."""

    path: str
    request: Callable[[int], bytes]
    verify: Callable[[int, bytes], object]


def trainings(task: dict[str, Any], _count: int) -> Work:
    """RecordTraining. The bodies come round again; the request ids do not, and these tell records apart."""
    bodies = [make_training(task["seed"], number) for number in range(_DISTINCT_BODIES)]
    writer = _writer(task)

    def name(number: int) -> str:
        return f"{task['seed']}/{number}"

    def request(number: int) -> bytes:
        return format_write(_SUBMITTER, name(number), bodies[number % _DISTINCT_BODIES])

    def verify(number: int, data: bytes) -> object:
        receipt = RecordTrainingResponse.FromString(data).receipt
        body = bodies[number % _DISTINCT_BODIES]
        return check_write(writer, receipt, KIND_TRAINING, ProofOfTraining, name(number), body)

    return Work("/counterfoil.v1.TrainingService/RecordTraining", request, verify)


def batches(task: dict[str, Any], count: int) -> Work:
    """AppendUsage with batches of 1,000 events, all different."""
    made_us = now_us()
    bodies = [make_bodies(task["seed"], number, made_us) for number in range(count)]
    writer = _writer(task)

    def request(number: int) -> bytes:
        return format_append_usage(
            _SUBMITTER, bodies[number], backfill=False, atomic=False, request_id=""
        )

    def verify(number: int, data: bytes) -> object:
        answer = AppendUsageResponse.FromString(data)
        return check_usage(
            writer, answer, bodies[number], backfill=False, fetch_records=_no_records
        )

    return Work("/counterfoil.v1.UsageService/AppendUsage", request, verify)


WORK: Final = {"training": trainings, "usage": batches}


def schedule(task: dict[str, Any]) -> list[float]:
    """When calls are due: phase after phase, each a rate and its seconds. Rate null is a closed loop: due at once."""
    if task["phases"][0][0] is None:
        return [0.0] * task["most"]
    due_s: list[float] = []
    begin_s = 0.0
    for number, (rate_per_s, seconds) in enumerate(task["phases"]):
        due_s += poisson(rate_per_s, begin_s, begin_s + seconds, f"{task['seed']}/{number}")
        begin_s += seconds
    return due_s


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """Make all calls of a task, then verify every receipt."""
    due_s = schedule(task)
    work = WORK[task["work"]](task, len(due_s))
    # A pool of its own for each channel: several connections, so that the port's workers share them.
    channels = [
        grpc.aio.insecure_channel(task["address"], options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(task["connections"])
    ]
    methods: list[Any] = [channel.unary_unary(work.path) for channel in channels]
    for channel in channels:
        await asyncio.wait_for(channel.channel_ready(), _TIMEOUT_S)
    answers: dict[int, bytes] = {}
    meanings: dict[tuple[grpc.StatusCode, bytes], str] = {}
    end_s = float("inf")

    async def send(number: int) -> str:
        if stopwatch_s() > end_s:
            return _TOO_LATE
        method = methods[number % len(methods)]
        try:
            answers[number] = await method(work.request(number), timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            key = (error.code(), _details(error))
            if key not in meanings:
                meanings[key] = explain(*key)
            return meanings[key]
        return ACCEPTED

    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if task["phases"][0][0] is None:
        end_s = stopwatch_s() + task["phases"][0][1]
    before_s = cpu_s()
    calls = await run_schedule(due_s, task["callers"], send, stopwatch_s, patient=task["patient"])
    used_s = cpu_s() - before_s
    print("done", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for channel in channels:
        await channel.close()
    for number, data in answers.items():
        work.verify(number, data)
    return {
        "calls": [call for call in calls if call.outcome != _TOO_LATE],
        "cpu_s": used_s,
        "verified": len(answers),
    }


_TOO_LATE: Final = "too late"


def explain(code: grpc.StatusCode, details: bytes) -> str:
    """What a failed call means: refused in the way that the ledger promises, or else what is wrong with it."""
    found = {detail.TypeName() for detail in Status.FromString(details).details}
    if code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return code.name
    missing = {ErrorInfo.DESCRIPTOR.full_name, RetryInfo.DESCRIPTOR.full_name} - found
    return f"{code.name} without {', '.join(sorted(missing))}" if missing else REFUSED


def _details(error: grpc.aio.AioRpcError) -> bytes:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return value
    return b""


def _writer(task: dict[str, Any]) -> Writer:
    policy = Policy.trust(task["vkey"])
    return Writer(policy, policy.logs[0].name, _LIVE, _SUBMITTER)


def _no_records(first_index: int, count: int) -> list[bytes]:
    raise AssertionError(f"entries {first_index} to {first_index + count} came twice")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(run(json.loads(sys.argv[1])))), flush=True)
