"""What a client knows: the batches that it sends, and the answers that it wrote down before it took another step.

A journal is a file of frames. Each is appended with one write(2): what the writer had noted is there after it was killed,
but for the frame that it was writing. A batch is made from its number, so that a frame need not repeat it:

    number, event time in microseconds, events, size of the answer: 8, 8, 4 and 4 bytes
    the answer: an AppendUsageResponse as it came
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.wire import field_bytes, field_varint

_FRAME = struct.Struct(">QQII")
_REST = UsageEvent(model_id="model_xyz", input_tokens=120, output_tokens=34).SerializeToString()
_EVENT_ID = UsageEvent.DESCRIPTOR.fields_by_name["event_id"].number
_EVENT_TIME = UsageEvent.DESCRIPTOR.fields_by_name["event_time_us"].number


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch of usage: everything in it follows from these."""

    submitter: str
    number: int
    time_us: int
    count: int

    def bodies(self) -> list[bytes]:
        """The events; no two batches of a submitter share one."""
        time = field_varint(_EVENT_TIME, self.time_us) + _REST
        return [
            field_bytes(_EVENT_ID, b"%d-%d" % (self.number, at)) + time for at in range(self.count)
        ]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A batch with the answer that its sender got."""

    batch: SentBatch
    answer: bytes


class JournalWriter:
    """Appends to a journal; the file's name is the submitter's."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, batch: SentBatch, answer: bytes) -> None:
        """Write an answer down; on return no kill can take it back."""
        head = _FRAME.pack(batch.number, batch.time_us, batch.count, len(answer))
        frame = head + answer
        written = os.write(self._file, frame)
        assert written == len(frame)


class JournalReader:
    """Reads what was added since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def again(self) -> JournalReader:
        """A reader that begins anew."""
        return JournalReader(self.path)

    def read(self) -> Iterator[Acknowledged]:
        """The frames that are whole, from where the last call ended."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            while len(head := file.read(_FRAME.size)) == _FRAME.size:
                number, time_us, count, size = _FRAME.unpack(head)
                answer = file.read(size)
                if len(answer) < size:
                    return
                self._offset += len(head) + size
                yield Acknowledged(SentBatch(self.path.stem, number, time_us, count), answer)


def read_ids(path: Path) -> list[str]:
    """The ids that a host noted, one a line; a line without an end is none."""
    text = path.read_text("ascii") if path.exists() else ""
    return text[: text.rfind("\n") + 1].split()
