"""Power cuts, enumerated: ``python -m tests.fault.power_cuts`` (``make power-cuts``).

A server under load is recorded, every state that the disk may be in after a cut is made from the record, as far as
they are drawn, and each is opened and judged. The same is done with records in which the server did not do what it
has to (``BROKEN``): the judge must find losses there, or it would find none anywhere.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from counterfoil.log.nodes import read_leaf_hashes
from counterfoil.log.state import read_state
from counterfoil_server.directory import load, open_log

from .children import in_child
from .power_disk import (
    Change,
    Fate,
    Image,
    Moment,
    fates,
    fingerprint_of,
    is_lock,
    moments,
    nothing_more,
    write_out,
)
from .power_judge import REFUSED, SOUND, judge, promised, the_disk_itself
from .power_trace import Event, Flushed, Said, UnmodelledError, Write, parse_trace, record
from .reporting import ROOT, LongRun, memory_folder

SEED: Final = 20261102
_DATA: Final = "ledger/store/data.mdb"
_ANCHOR: Final = "ledger/anchor"
Choose = Callable[[Sequence[Change], random.Random, int], Iterator[list[Fate]]]


def record_load(area: Path, size: int) -> list[Event]:
    """Record the load, with a large part of so many events, in an empty folder."""
    (area / "disk").mkdir()
    directory, journal, trace = area / "disk" / "ledger", area / "journal", area / "trace"
    command = [sys.executable, "-m", "tests.fault.power_load", directory, journal, size]
    record([str(part) for part in command], trace, cwd=ROOT)
    with trace.open() as lines:
        events = parse_trace(lines, directory, journal)
    _check_record(events, directory.parent)
    return events


def _check_record(events: Sequence[Event], disk: Path) -> None:
    """Replayed without a loss the record must give the very files that the load left, or a write went unseen."""
    for path, data in last_image(events).visible().items():
        # What is mapped is written without a call.
        mapped = path.endswith("/lock.mdb")
        if data is not None and not mapped and data != (disk / path).read_bytes():
            raise UnmodelledError(f"the record does not lead to what is in {path}")


def last_image(events: Sequence[Event]) -> Image:
    """The files as the trace left them, nothing lost."""
    *_, last = moments(events)
    image = last.image.copy()
    for change in last.pending:
        image.apply(change, True)
    return image


def without_flush(events: Sequence[Event]) -> list[Event]:
    """As if every other time the store's pages were not flushed before the meta page that refers to them."""
    flushes = [e for e in events if isinstance(e, Flushed) and e.path == _DATA]
    dropped = {id(event) for event in flushes[1::2]}
    return [event for event in events if id(event) not in dropped]


def without_durable_meta(events: Sequence[Event]) -> list[Event]:
    """As if the meta page were written like any other."""
    return [replace(e, durable=False) if isinstance(e, Write) else e for e in events]


def without_name(events: Sequence[Event]) -> list[Event]:
    """As if `counterfoil init` did not flush the folder that the new directory is in."""
    return [e for e in events if not (isinstance(e, Flushed) and e.path == ".")]


def with_early_answers(events: Sequence[Event]) -> list[Event]:
    """As if each answer left before the commit that it speaks of."""
    return _before_the_commit(events, lambda event: isinstance(event, Said))


def with_early_anchor(events: Sequence[Event]) -> list[Event]:
    """As if the anchor were advanced before the commit."""
    return _before_the_commit(events, lambda event: event.path == _ANCHOR)


def _before_the_commit(events: Sequence[Event], early: Callable[[Event], bool]) -> list[Event]:
    """Move some events to just before the last meta page that was written before them."""
    moved, commit = [], 0.0
    for number, event in enumerate(events):
        if isinstance(event, Write) and event.durable:
            commit = event.start
        at = commit - 0.5 + number / (2 * len(events))
        moved.append(replace(event, start=at, end=at) if early(event) and commit else event)
    return sorted(moved, key=lambda event: event.start)


BROKEN: Final[dict[str, Callable[[Sequence[Event]], list[Event]]]] = {
    "pages not flushed": without_flush,
    "meta page not durable": without_durable_meta,
    "directory's name not flushed": without_name,
    "answered before the commit": with_early_answers,
    "anchored before the commit": with_early_anchor,
}


@dataclass
class Found:
    """What became of the states."""

    states: int = 0
    moments: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    deep: int = 0


def enumerate_states(
    events: Sequence[Event], chance: random.Random, wanted: int, choose: Choose = fates
) -> Iterator[tuple[Image, Moment]]:
    """Different states of the disk, about as many as are wanted or all there are, each with the moment of its cut.

    All simple cases and some random ones are listed first; of these as many are drawn as are wanted.
    """
    listed: list[tuple[int, list[Fate]]] = []
    count = sum(1 for _ in moments(events))
    drawn = max(4, 3 * wanted // count)
    for number, moment in enumerate(moments(events)):
        changes = [change for change in moment.pending if not is_lock(change)]
        listed += [(number, choice) for choice in choose(changes, chance, drawn)]
    # A few more than wanted: some cases turn out to be the same state.
    taken = sorted(chance.sample(range(len(listed)), min(len(listed), wanted * 3 // 2)))
    by_moment: dict[int, list[list[Fate]]] = {}
    for place in taken:
        by_moment.setdefault(listed[place][0], []).append(listed[place][1])
    seen: set[Any] = set()
    for number, moment in enumerate(moments(events)):
        changes = [change for change in moment.pending if not is_lock(change)]
        locks = [change for change in moment.pending if is_lock(change)]
        for choice in by_moment.get(number, ()):
            image = moment.image.copy()
            for change, fate in zip(changes, choice, strict=True):
                image.apply(change, fate)
            for change in locks:
                image.apply(change, bool(chance.randrange(2)))
            key = (fingerprint_of(image), len(moment.said))
            if key not in seen:
                seen.add(key)
                yield image, moment


def check(
    events: Sequence[Event],
    leaves: bytes,
    area: Path,
    *,
    seed: int,
    wanted: int,
    deep_every: int = 10,
    choose: Choose = fates,
) -> Found:
    """Judge so many states of a log that ended with these leaf hashes; of one in ``deep_every`` fsck is asked as well.

    Each is opened in a process of its own: a damaged file may kill the one that maps it.
    """
    chance = random.Random(seed)
    found = Found(moments=sum(1 for _ in moments(events)))
    for image, moment in enumerate_states(events, chance, wanted, choose):
        if found.states == wanted:
            break
        target = Path(tempfile.mkdtemp(dir=area))
        write_out(image, target, chance)
        promise = replace(promised(moment.said), leaves=leaves)
        deep = found.states % deep_every == 0
        verdict = in_child(partial(judge, target / "ledger", promise, deep=deep))
        shutil.rmtree(target)
        found.states += 1
        found.deep += deep
        found.verdicts[verdict.split(":")[0]] += 1
        if verdict != SOUND and not verdict.startswith(REFUSED + ":"):
            found.bad.append(verdict)
    return found


def whole_history(events: Sequence[Event], area: Path) -> bytes:
    """The leaf hashes of the log at the end of the load."""
    target = Path(tempfile.mkdtemp(dir=area))
    write_out(last_image(events), target, random.Random(0))
    with the_disk_itself():
        log = open_log(load(target / "ledger"))
    with log.store.snapshot() as snapshot:
        leaves = read_leaf_hashes(snapshot, 0, read_state(snapshot).size).data
    log.store.close()
    shutil.rmtree(target)
    return leaves


def check_broken(
    events: Sequence[Event], leaves: bytes, area: Path, *, seed: int, wanted: int
) -> dict[str, Found]:
    """The same for each broken server: of each moment the hardest case."""
    return {
        name: check(
            broken(events),
            leaves,
            area,
            seed=seed,
            wanted=wanted,
            deep_every=wanted + 1,
            choose=nothing_more,
        )
        for name, broken in BROKEN.items()
    }


def main() -> int:
    """Record, enumerate, judge; print what was found, and write it to a file. 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=600)
    parser.add_argument("--events", type=int, default=800, help="the size of the load's large part")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--result", type=Path, help="a JSON file")
    options = parser.parse_args()
    run = LongRun()
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        area = Path(name)
        events = record_load(area, options.events)
        leaves = whole_history(events, area)
        found = check(events, leaves, area, seed=options.seed, wanted=options.states)
        broken = check_broken(events, leaves, area, seed=options.seed, wanted=options.states // 20)
    result = {
        "states": found.states,
        "cut_moments": found.moments,
        "verdicts": dict(found.verdicts),
        "bad": found.bad[:20],
        "states_with_fsck_and_another_append": found.deep,
        "negative_controls": {
            name: {"states": each.states, "caught": len(each.bad)} for name, each in broken.items()
        },
        "recorded_events": len(events),
        "store_size_bytes": len(last_image(events).files[_DATA]),
        "seed": options.seed,
        "not_covered": "one load; states that the model allows, of which a certain file system may allow fewer",
    }
    run.report(result, options.result)
    return 0 if not found.bad and all(each.bad for each in broken.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
