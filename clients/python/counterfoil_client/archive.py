"""What a reporter keeps for good: receipts, refused events, and evidence against the ledger.

    log.vkey                                  the key of the log that this folder belongs to
    receipts/000012/00000012345678-1000.receipt   a batch receipt with its records: first index and count
    rejected.jsonl                            one line for each event that the ledger refused, with the reason
    evidence/...                              an acknowledgement that did not verify, and what it was for

A receipt file verifies by itself, offline: ``counterfoil verify FILE --key VKEY``. The name says which entries it is for, so
that the same receipt that comes twice is one file.
"""

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from counterfoil.receipt import VerifiedReceipt
from counterfoil_client.files import replace_file, sync_folder
from counterfoil_client.stream import Refusal

_FOLDER_ENTRIES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """An event that the ledger refused, or knows with another content.

    Attributes:
        event_id: its identity, beside the submitter.
        outcome: ``CONFLICT`` or ``REJECTED``.
        reason: a fixed word such as ``TIME_OUTSIDE_WINDOW``.
        field, message: what is wrong with it.
        original_index: the entry that has the same identity, after a conflict.
        event: its bytes, as they were reported.
    """

    event_id: str
    outcome: str
    reason: str
    field: str
    message: str
    original_index: int
    event: bytes


class Archive:
    """Files in one folder; belongs to one thread.

    ``keep_*`` write, and ``sync`` brings what was written to the disk.

    Raises:
        OSError: from every method, when a file cannot be written or read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fresh: list[Path] = []
        self._folders: set[Path] = set()
        self._rejected = folder / "rejected.jsonl"

    @property
    def fresh(self) -> bool:
        """Whether something was written that ``sync`` has to bring to the disk."""
        return bool(self._fresh)

    def read_vkey(self) -> str | None:
        """The key of the log that this folder belongs to; None while it belongs to none."""
        path = self._folder / "log.vkey"
        return path.read_text("utf-8").strip() if path.exists() else None

    def keep_vkey(self, vkey: str) -> None:
        """Bind this folder to a log."""
        replace_file(self._folder / "log.vkey", f"{vkey}\n".encode())

    def keep_receipt(self, data: bytes, verified: VerifiedReceipt) -> Path:
        """Keep a batch receipt that holds its records; the path of the file."""
        folder = self._folder / "receipts" / f"{verified.first_index // _FOLDER_ENTRIES:06d}"
        if folder not in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        path = folder / f"{verified.first_index:014d}-{verified.count}.receipt"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)
        # A crash before the next sync may leave an empty file under this name. The cursor of the spool moves only
        # after that sync, so that the events are sent again and the file is written again.
        self._fresh.append(path)
        return path

    def keep_rejected(self, events: Iterable[RejectedEvent]) -> None:
        """Add refused events to the list of them."""
        lines = [
            json.dumps({**asdict(event), "event": base64.b64encode(event.event).decode()}) + "\n"
            for event in events
        ]
        with self._rejected.open("a", encoding="utf-8") as file:
            file.write("".join(lines))
        self._fresh.append(self._rejected)

    def keep_refusal(self, refusal: Refusal | None, error: Exception, position: int) -> Path:
        """Keep what shows that the ledger misbehaved; the path of the folder, which is on the disk."""
        folder = self._folder / "evidence" / f"{position:020d}"
        folder.mkdir(parents=True, exist_ok=True)
        told = {"error": str(error), "kind": type(error).__name__, "spool_position": position}
        notes = {"first": getattr(error, "first", None), "second": getattr(error, "second", None)}
        for name, note in notes.items():
            if isinstance(note, bytes):
                replace_file(folder / f"checkpoint-{name}", note)
        if refusal is not None:
            batch = refusal.batch
            events = [base64.b64encode(body).decode() for body in batch.bodies]
            told |= {"sequence": batch.sequence, "backfill": batch.backfill, "events": events}
            replace_file(folder / "answer.bin", refusal.answer)
        replace_file(folder / "evidence.json", json.dumps(told, indent=1).encode() + b"\n")
        return folder

    def sync(self) -> None:
        """Bring everything that was kept to the disk.

        When that fails, what was kept since the last sync may be gone although a later fsync succeeds: it has to be kept
        again, and this forgets about it.
        """
        fresh, self._fresh = self._fresh, []
        for path in dict.fromkeys(fresh):
            _sync_file(path)
        for folder in {path.parent for path in fresh}:
            sync_folder(folder)
            sync_folder(folder.parent)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
