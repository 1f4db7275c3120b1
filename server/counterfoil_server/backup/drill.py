"""The restore drill: a backup that was never restored is a hope.

Takes a backup of a ledger that may be running, restores it elsewhere, and compares the copy with the original: root,
size, entries drawn at random, and their receipts, verified offline. It also shows that the copy does not start. Nothing
of the original is changed, and nothing is left behind.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from counterfoil.errors import CounterfoilError, IntegrityError, StartupError, VerificationError
from counterfoil.log.fsck.report import Progress
from counterfoil.log.nodes import Nodes
from counterfoil.log.read import read_entry, read_receipt
from counterfoil.note import Checkpoint, Policy
from counterfoil.receipt import format_receipt, verify_receipt
from counterfoil.store import Snapshot
from counterfoil.tlog import tree_root
from counterfoil_server.access.door import open_ops, ops_path
from counterfoil_server.access.ops import read_all
from counterfoil_server.backup.restore import Restored, restore
from counterfoil_server.backup.take import take_backup
from counterfoil_server.clock import stopwatch_s
from counterfoil_server.directory import Settings, load, open_log, open_store
from counterfoil_server.entropy import draw

ENTRIES: Final = 100


@dataclass(slots=True)
class DrillReport:
    """What a drill found: it succeeded when there are no problems.

    Attributes:
        seconds: how long each step took, by its name, in their order; "fsck" is a part of "restore".
        size_bytes: the backup, without the key.
    """

    tree: Checkpoint | None = None
    size_bytes: int = 0
    entries_checked: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the copy can be relied upon."""
        return not self.problems


def run_drill(
    directory: Path, progress: Progress, *, scratch: Path | None = None, entries: int = ENTRIES
) -> DrillReport:
    """Back up, restore and compare a ledger.

    Args:
        scratch: where backup and copy may lie meanwhile, about twice the size of the store; else beside the ledger.
        entries: how many entries are drawn.

    Raises:
        StartupError: the ledger itself cannot be read, or there is no such folder.
    """
    settings = load(directory)
    report = DrillReport()
    parent = scratch or settings.directory.parent
    try:
        folder = TemporaryDirectory(dir=parent, prefix=".drill-")
    except OSError as error:
        raise StartupError(f"no folder can be made in {parent}: {error.strerror}") from error
    with folder as name:
        try:
            _run(report, settings, Path(name), progress, entries)
        except CounterfoilError as error:
            report.problems.append(str(error))
    return report


def _run(
    report: DrillReport, settings: Settings, folder: Path, progress: Progress, entries: int
) -> None:
    with _timed(report, "backup"):
        manifest = take_backup(settings.directory, folder / "backup")
    report.tree = manifest.checkpoint
    report.size_bytes = sum(facts.size_bytes for facts in manifest.files.values())
    with _timed(report, "restore"):
        # The key is used where it lies; a drill makes no copy of it.
        restored = restore(
            folder / "backup",
            folder / "ledger",
            progress,
            keys_from=settings.directory,
            for_reading=True,
        )
    report.seconds["fsck"] = restored.fsck_s
    with _timed(report, "compare"):
        _compare(report, settings, restored, entries)
        _compare_ops(report, settings, restored)
    with _timed(report, "start"):
        _expect_no_start(report, restored)


@contextmanager
def _timed(report: DrillReport, step: str) -> Iterator[None]:
    started_s = stopwatch_s()
    try:
        yield
    finally:
        report.seconds[step] = stopwatch_s() - started_s


def _compare(report: DrillReport, settings: Settings, restored: Restored, entries: int) -> None:
    """The copy must hold the original's tree of that size, and give the same entries and receipts."""
    tree = restored.manifest.checkpoint
    with (
        closing(open_store(settings, read_only=True)) as original,
        closing(open_store(restored.settings, read_only=True)) as copy,
        original.snapshot() as ours,
        copy.snapshot() as theirs,
    ):
        for name, snapshot in (("original", ours), ("restored copy", theirs)):
            if _root(snapshot, tree.size) != tree.root_hash:
                told = f"the {name} has another tree of size {tree.size} than was signed"
                report.problems.append(told)
        for index in draw(min(entries, tree.size), tree.size):
            problem = _compare_entry(ours, theirs, index, restored.manifest.policy)
            report.problems += [problem] if problem else []
            report.entries_checked += 1


def _compare_ops(report: DrillReport, settings: Settings, restored: Restored) -> None:
    """The copy must know the principals and keys that the original has, unless somebody changes them just now."""
    if not ops_path(settings).is_dir():
        return
    with (
        closing(open_ops(settings, read_only=True)) as original,
        closing(open_ops(restored.settings, read_only=True)) as copy,
    ):
        unchanged = original.generation == copy.generation
        if unchanged and original.read(read_all) != copy.read(read_all):
            report.problems.append("the restored copy has other principals or keys")


def _compare_entry(ours: Snapshot, theirs: Snapshot, index: int, policy: Policy) -> str:
    """What is wrong with an entry of the copy; empty when nothing is."""
    try:
        mine, copied = read_entry(ours, index), read_entry(theirs, index)
        receipt = format_receipt(read_receipt(theirs, copied))
        verified = verify_receipt(receipt, policy)
    except (IntegrityError, VerificationError) as error:
        return f"entry {index}: {error}"
    if mine != copied or receipt != format_receipt(read_receipt(ours, mine)):
        return f"entry {index} is another one in the restored copy"
    if (verified.index, verified.records) != (index, (mine.record,)):
        return f"the receipt of entry {index} is for another record"
    return ""


def _root(snapshot: Snapshot, size: int) -> bytes:
    return tree_root(size, Nodes(snapshot).read)


def _expect_no_start(report: DrillReport, restored: Restored) -> None:
    """A copy without the anchor must not open for writing: what guards against a second history is tried too."""
    try:
        log = open_log(restored.settings)
    except StartupError:
        return
    log.close()
    report.problems.append("the restored copy opened for writing, without an anchor")
