"""Creating, changing and ending objects: what is written, under which name, and what is said about it."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil_cli.console import CommandError, connect, emit, note, say, write_file

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient, Registered

Change = Callable[["LedgerClient", Any], None]
"""Puts what was typed into a body."""


@dataclass(frozen=True)
class Write:
    """How one write is done, as the options say; see ``options.py``.

    Attributes:
        word: what people call such an object. field: what messages call it, and plural what the client calls many.
    """

    word: str
    field: str
    submitter: str
    request_id: str | None
    output: Path | None
    server: str
    key: str | None
    api_key: str | None
    json: bool

    def put(self, object_id: str, change: Change, etag: str | None, *, new: bool) -> None:
        """Register an object, or another version of one."""
        if new:
            self.create(object_id, change)
        else:
            self.update(object_id, change, etag)

    def create(self, object_id: str, change: Change) -> None:
        """Register an object."""
        with connect(self.server, self.key, self.api_key, self.submitter) as client:
            body = self._body(object_id)
            change(client, body)
            raw, name = self._name(body)
            self._finish(object_id, "registered", self._objects(client).create(raw, name), name)

    def update(self, object_id: str, change: Change, etag: str | None) -> None:
        """Change an object: read its newest version, change that, and register what comes out."""
        with connect(self.server, self.key, self.api_key, self.submitter) as client:
            state = self._objects(client).get(object_id)
            before = getattr(state, self.field)
            body = type(before)()
            body.CopyFrom(before)
            change(client, body)
            if body == before and etag in (None, state.version.etag):
                self._say_unchanged(object_id, state.version.etag)
                return
            body.replaces = etag or state.version.etag
            raw, name = self._name(body)
            self._finish(object_id, "updated", self._objects(client).update(raw, name), name)

    def revoke(self, object_id: str, etag: str | None, reason: str, effective_time_us: int) -> None:
        """End an object."""
        with connect(self.server, self.key, self.api_key, self.submitter) as client:
            objects = self._objects(client)
            replaces = etag or objects.get(object_id).version.etag
            told = f"revoke\n{object_id}\n{replaces}\n{reason}\n{effective_time_us}"
            name = self.request_id or f"content-{sha256(told.encode()).hexdigest()[:32]}"
            registered = objects.revoke(
                object_id,
                replaces,
                reason=reason,
                effective_time_us=effective_time_us,
                request_id=name,
            )
            self._finish(object_id, "revoked", registered, name)

    def _objects(self, client: "LedgerClient") -> Any:
        return getattr(client.registry, f"{self.field}s")

    def _body(self, object_id: str) -> Any:
        from counterfoil.v1 import registry_pb2

        message = getattr(registry_pb2, self.field.capitalize())
        return message(**{f"{self.field}_id": object_id})

    def _name(self, body: Any) -> tuple[bytes, str]:
        raw: bytes = body.SerializeToString(deterministic=True)
        return raw, self.request_id or f"content-{sha256(raw).hexdigest()[:32]}"

    def _say_unchanged(self, object_id: str, etag: str) -> None:
        if self.json:
            emit({f"{self.field}_id": object_id, "etag": etag, "changed": False})
        else:
            say(f"{self.word} {object_id} says so already; nothing was written.")

    def _finish(self, object_id: str, done: str, registered: "Registered", name: str) -> None:
        version = registered.version
        if self.output is not None:
            write_file(self.output, registered.receipt)
        if self.json:
            emit(
                {
                    f"{self.field}_id": object_id,
                    "changed": True,
                    "etag": version.etag,
                    "version": version.version,
                    "index": version.index,
                    "time_us": version.time_us,
                    "effective_time_us": version.effective_time_us,
                    "duplicate": registered.duplicate,
                    "contested_by": list(registered.contested_by),
                    "request_id": name,
                    "receipt_file": str(self.output) if self.output else None,
                }
            )
            return
        was = "was" if registered.duplicate else "is"
        before = " before" if registered.duplicate else ""
        place = f"version {version.version}, entry {version.index}"
        say(f"{self.word} {object_id} {was} {done}{before} ({place}); its receipt was verified.")
        if registered.contested_by:
            others = ", ".join(registered.contested_by)
            note(f"other creators have registered the same content: {others}")


def set_fields(body: Any, **values: Any) -> None:
    """Put what was given into a body; None leaves a field as it is, and lists and maps replace what was there."""
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, list):
            body.ClearField(name)
            getattr(body, name).extend(each for each in value if each)
        elif isinstance(value, dict):
            body.ClearField(name)
            getattr(body, name).update(value)
        else:
            setattr(body, name, value)


def word_to_number(option: str, prefix: str, words: Any, text: str) -> int:
    """The number of an enum's value as people type it: "fine-tuning" for USE_FINE_TUNING.

    Args:
        words: the enum. prefix: what its names begin with.

    Raises:
        CommandError: there is no such word.
    """
    name = prefix + text.strip().upper().replace("-", "_")
    known = {each: number for each, number in words.items() if number}
    if name not in known:
        choices = ", ".join(each.removeprefix(prefix).lower().replace("_", "-") for each in known)
        raise CommandError(f"{option} {text}: choose {choices}")
    return int(known[name])


def words_to_numbers(
    option: str, prefix: str, words: Any, texts: list[str] | None
) -> list[int] | None:
    """The numbers of several words; None for None. An empty word alone empties the list."""
    if texts is None:
        return None
    return [word_to_number(option, prefix, words, text) for text in texts if text]
