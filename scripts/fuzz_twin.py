"""Fuzz the compiled twin under AddressSanitizer and UndefinedBehaviorSanitizer, against its Python reference.

    python scripts/fuzz_twin.py --cases 1000000 --seed 1

Builds the twin with the sanitizers into a temporary folder, and starts itself again with their run-time library loaded
first. A finding ends the process with the sanitizer's report; a difference with the seed and the case.
"""

import argparse
import contextlib
import importlib.util
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")


def main() -> int:
    """Build and start again under the sanitizers, or, started so, fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--twin", type=Path, help="a twin that was built before; then nothing is built"
    )
    asked = parser.parse_args()
    if asked.twin is not None:
        fuzz(load(asked.twin), asked.cases, asked.seed)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder) / "_native.abi3.so"
        built = subprocess.run(
            [sys.executable, ROOT / "scripts" / "build_twin.py", twin, *SANITIZERS], check=False
        )
        if built.returncode:
            print("NOT FUZZED: the twin cannot be built with sanitizers here")
            return 1
        library = subprocess.run(
            ["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
        ).stdout.strip()
        environment = {
            **os.environ,
            "LD_PRELOAD": library,
            # CPython keeps what it allocated at its end; reads and writes are what is looked for here.
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
        }
        command = [
            sys.executable,
            __file__,
            "--twin",
            str(twin),
            f"--cases={asked.cases}",
            f"--seed={asked.seed}",
        ]
        return subprocess.run(command, env=environment, check=False).returncode


def load(path: Path) -> Any:
    """Put a twin in the place of the one that is installed, before anything else is imported."""
    spec = importlib.util.spec_from_file_location("counterfoil._native", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["counterfoil._native"] = module
    return module


def fuzz(native: Any, cases: int, seed: int) -> None:
    """Compare the twin with its reference on mutated events, on random hashes and on random columns."""
    import counterfoil.log.columns
    import counterfoil.record.references  # noqa: F401 - the functions of both are references too
    from counterfoil import twin
    from counterfoil.limits import EVENT_SIZE_BYTES_MAX, ID_LENGTH_MAX, TIME_US_MAX, TOKENS_MAX
    from counterfoil.packed import Packed, Spans
    from counterfoil.record.usage import Window, check_batch
    from counterfoil.tlog.hashing import hash_pairs
    from counterfoil.v1 import record_pb2

    if hash_pairs is not native.hash_pairs:
        raise SystemExit("the twin under test is not the one that is used")
    chance = random.Random(seed)  # noqa: S311 - a fuzzer has to repeat itself
    window = Window(1, TIME_US_MAX)
    accepted = 0
    recent: list[bytes] = []
    for case, body in zip(range(cases), bodies(chance), strict=False):
        packed = Packed.of([body])
        limits = (window.first_us, window.last_us, TOKENS_MAX, ID_LENGTH_MAX, EVENT_SIZE_BYTES_MAX)
        looked = native.accept_usage(packed.data, packed.ends, *limits)
        if looked is not None:
            accepted += 1
            event = record_pb2.UsageEvent.FromString(body)
            problems = check_batch([event], [body], window, lambda _references: ())[1]
            found = (list(Spans(body, looked[0])), looked[1])
            if problems or found != ([event.event_id], {event.receipt_ref} - {""}):
                raise SystemExit(
                    f"seed {seed}, case {case}: {body.hex()} is accepted: {looked}, {problems}"
                )
            recent = [*recent[-2:], body]
            compare_references(native, twin.references, recent, f"seed {seed}, case {case}")
        native.refer_usage(packed.data, packed.ends, {})
        if case % 8 == 0:
            compare(native, twin.references, chance, body, f"seed {seed}, case {case}")
            compare_columns(native, twin.references, chance, f"seed {seed}, case {case}")
    print(f"{cases} cases, {accepted} accepted, no difference, no finding (seed {seed})")


def compare_references(native: Any, references: Any, events: list[bytes], where: str) -> None:
    """Events in another order of fields may have numbers of their own; else the columns are the same, or not certain."""
    data, ends = b"".join(events), references["pack_ends"](events)
    made = native.refer_usage(data, ends, {})
    wanted = references["refer_usage"](data, ends, {})
    if made is None:
        return
    if made[1:] != wanted[1:]:
        raise SystemExit(f"{where}: other times or tokens: {made}, {wanted}")
    coarse: dict[Any, Any] = {}
    numbers = (struct.iter_unpack("<I", each[0]) for each in (made, wanted))
    for mine, theirs in zip(*numbers, strict=True):
        if coarse.setdefault(mine, theirs) != theirs:
            raise SystemExit(f"{where}: other references have one number: {made}, {wanted}")


def compare(native: Any, references: Any, chance: random.Random, body: bytes, where: str) -> None:
    """The hash functions on random input of random length, the others on that and on input that is damaged."""
    count = chance.randrange(5)
    items = [body * chance.randrange(24) for _ in range(count)]
    data, ends = b"".join(items), references["pack_ends"](items)
    head, previous, hashes = (
        chance.randbytes(11),
        chance.randbytes(32),
        chance.randbytes(32 * count),
    )
    native.choose_hardware(bool(chance.randrange(2)))
    for name, arguments in (
        ("pack_ends", (items,)),
        ("frame_packed", (head[: chance.randrange(3)], data, ends)),
        (
            "commit_packed",
            (chance.randbytes(16 * count), chance.randbytes(chance.randrange(90)), data, ends),
        ),
        ("chain_hashes", (head, previous, hashes)),
        ("hash_pairs", (hashes,)),
    ):
        if getattr(native, name)(*arguments) != references[name](*arguments):
            raise SystemExit(f"{where}: {name}{arguments} differs")
    check_split(native, data, where)
    # Columns that do not belong together are refused, and never read beyond their ends.
    for name, arguments in (
        ("frame_packed", (b"", data, chance.randbytes(len(ends)))),
        ("commit_packed", (bytes(16 * count), b"", data, chance.randbytes(len(ends)))),
        ("fingerprint_spans", (bytes(8 * chance.randrange(1, 9)), body, chance.randbytes(8))),
    ):
        with contextlib.suppress(ValueError):
            getattr(native, name)(*arguments)


def check_split(native: Any, message: bytes, where: str) -> None:
    """What is cut out of a message is what protobuf finds there, or nothing is."""
    from counterfoil.packed import Packed
    from counterfoil.wire import element_bytes, parse_fields

    split = native.split_elements(message, 0, 1)
    if split is not None:
        fields = list(parse_fields(message))
        found = [value for number, value, _ in fields if number == 1]
        rest, data, ends = split
        size = len(rest) + sum(len(element_bytes(1, bytes(value))) for value in found)
        if Packed(data, ends) != found or size != len(message):
            raise SystemExit(f"{where}: {message.hex()} is cut into {split}")


def compare_columns(native: Any, references: Any, chance: random.Random, where: str) -> None:
    """The catalog's functions on sound runs, and then on the same ones after some rot, which gives any answer."""
    chunk_count = chance.choice([1, 3, 8, 20])
    runs: list[tuple[int, int, bytes, tuple[memoryview, ...]]] = []
    for number in range(chance.randrange(4)):
        count = chance.randrange(1, 60)
        prints = sorted(chance.getrandbits(64) >> chance.choice([0, 0, 60]) for _ in range(count))
        starts = range(0, count, chunk_count)
        shares = [prints[at : at + chunk_count] for at in starts]
        fences = b"".join(share[0].to_bytes(8, "little") for share in shares)
        columns = [b"".join(p.to_bytes(8, "little") for p in share) for share in shares]
        runs.append((number, count, fences, tuple(memoryview(2 * column) for column in columns)))
    known = [fences[:8] for _, _, fences, _ in runs] + [chance.randbytes(8) for _ in range(9)]
    asked = b"".join(sorted(known, key=lambda print_: int.from_bytes(print_, "little")))
    parts = [(chunk, 0, len(chunk) // 16) for run in runs for chunk in run[3]]
    for name, arguments in (
        ("sort_entries", (b"".join(known), asked)),
        ("merge_entries", (parts,)),
        ("find_entries", (asked, runs, chunk_count)),
    ):
        if getattr(native, name)(*arguments) != references[name](*arguments):
            raise SystemExit(f"{where}: {name}{arguments} differs")
    for number, count, fences, chunks in runs:
        rotten = tuple(memoryview(chance.randbytes(len(chunk))) for chunk in chunks)
        rotten_fences = chance.randbytes(len(fences)) if chance.randrange(2) else fences
        native.merge_entries([(chunk, 0, len(chunk) // 16) for chunk in rotten])
        try:
            native.find_entries(asked, [(number, count, rotten_fences, rotten)], chunk_count)
            native.find_entries(
                asked, [(number, count + 1, rotten_fences[8:], rotten)], chunk_count
            )
        except ValueError:
            continue


def bodies(chance: random.Random) -> Iterator[bytes]:
    """Events, most of them with a few bytes changed, cut out, put in or repeated."""
    from counterfoil.v1 import record_pb2

    while True:
        event = record_pb2.UsageEvent(
            event_id="e" * chance.choice([0, 1, 1, 36, 128, 129]),
            event_time_us=chance.choice([0, 1, 2, 1_700_000_000_000_000, -1]),
            model_id=chance.choice(["", "m", "n", "org/model:1"]),
            input_tokens=chance.choice([0, 1, 7, 10**12, 10**12 + 1]),
            receipt_ref=chance.choice(["", "pt_1_00000000"]),
            action=chance.choice(["", "inference", "ä"]),
            attributions=[
                record_pb2.Attribution(asset_id=chance.choice("abcd"), parts_per_million=600_000)
                for _ in range(chance.choice([0, 0, 1, 2]))
            ],
            metadata=chance.choice([{}, {"region": "eu"}, {"k": "ä", "l": "\n"}]),
        )
        # One consent of a number that may be unknown.
        body = bytearray(event.SerializeToString() + bytes((0x6A, 1, chance.randrange(7))))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(body) + 1)
            match chance.randrange(4):
                case 0:
                    body[at:at] = chance.randbytes(chance.randrange(1, 12))
                case 1:
                    del body[at : at + chance.randrange(1, 8)]
                case 2:
                    body[at:at] = body[: chance.randrange(len(body) + 1)]
                case _ if at < len(body):
                    body[at] = chance.randrange(256)
        yield bytes(body)


if __name__ == "__main__":
    sys.exit(main())
