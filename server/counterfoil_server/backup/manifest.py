"""What a backup says of itself: which tree of which log it holds, and the digest of each of its files.

A backup is a folder:

    manifest.json       this
    counterfoil.toml    the settings
    store/data.mdb      the store as it was at one commit, without unused pages
    ops/data.mdb        principals, keys (as hashes) and the audit trail, if the ledger has any
    signing.key         the private key, only when it was asked for
    signing_keys.toml   where the keys lie, when the ledger has changed one; its keys are then called signing-<id>.key

There is no anchor in it: an anchor that was copied protects nothing.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import StartupError, VerificationError
from counterfoil.note import Checkpoint, Policy, parse_checkpoint
from counterfoil_server.directory import SETTINGS_NAME
from counterfoil_server.files import FileFacts
from counterfoil_server.signing_keys import TABLE_NAME

FORMAT: Final = "counterfoil/backup@v1"
MANIFEST_NAME: Final = "manifest.json"
STORE_NAME: Final = "store/data.mdb"
OPS_NAME: Final = "ops/data.mdb"
KEY_NAME: Final = "signing.key"
MANIFEST_SIZE_BYTES_MAX: Final = 1 << 20
_ALWAYS: Final = frozenset({SETTINGS_NAME, STORE_NAME})
_AT_TIMES: Final = frozenset({OPS_NAME, TABLE_NAME})
_KEY_FILE: Final = re.compile(r"signing(-[0-9a-f]{8})?\.key")
# All keys of a log that has changed one, with the sizes that each is good for.
_POLICY: Final = "policy"
_FIELDS: Final = {
    "format": str,
    "time": str,
    "origin": str,
    "vkey": str,
    "size": int,
    "root_hash": str,
    "checkpoint": str,
    "anchor": str,
    "files": dict,
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup's facts.

    Attributes:
        time: when it was taken, RFC 3339. vkey: the log's verifier key; of several, the one that is not retired.
        checkpoint: the signed tree that the store holds.
        anchor: where the log's anchor lay, an absolute path: a restore looks there first.
        files: what each file must hold, by its path in the backup.
        policy: all keys of the log, for whoever believes it.
    """

    time: str
    vkey: str
    checkpoint: Checkpoint
    anchor: str
    files: Mapping[str, FileFacts]
    policy: Policy

    @property
    def has_key(self) -> bool:
        """Whether the private key is in the backup."""
        return any(map(_KEY_FILE.fullmatch, self.files))


def format_manifest(manifest: Manifest) -> bytes:
    """The file ``manifest.json``."""
    tree = manifest.checkpoint
    document: dict[str, Any] = {
        "format": FORMAT,
        "time": manifest.time,
        "origin": tree.origin,
        "vkey": manifest.vkey,
        "size": tree.size,
        "root_hash": base64.b64encode(tree.root_hash).decode(),
        "checkpoint": tree.note.decode(),
        "anchor": manifest.anchor,
        "files": {
            name: {"size_bytes": facts.size_bytes, "sha256": facts.sha256}
            for name, facts in manifest.files.items()
        },
    }
    if len(manifest.policy.logs) > 1:
        document[_POLICY] = manifest.policy.text
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """Read ``manifest.json``; its checkpoint must be signed by the key that it names.

    Raises:
        StartupError: it is no manifest, or contradicts itself.
    """
    try:
        document = json.loads(data)
        _check_fields(document)
        files = {name: _parse_facts(name, facts) for name, facts in document["files"].items()}
        others = set(files) - _ALWAYS - _AT_TIMES
        if not set(files) >= _ALWAYS or not all(map(_KEY_FILE.fullmatch, others)):
            raise VerificationError("it does not list the files of a backup")
        tree = parse_checkpoint(document["checkpoint"], [document["vkey"]])
        policy = Policy.trust(document["vkey"])
        if _POLICY in document:
            policy = Policy.parse(document[_POLICY])
            policy.check(tree.note)
        stated = document["origin"], document["size"], _parse_hash(document["root_hash"])
        if stated != (tree.origin, tree.size, tree.root_hash):
            raise VerificationError("its facts are not those of its signed checkpoint")
    except (ValueError, RecursionError, VerificationError) as error:
        raise StartupError(f"this is no sound {MANIFEST_NAME}: {error}") from error
    return Manifest(document["time"], document["vkey"], tree, document["anchor"], files, policy)


def _check_fields(document: Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise VerificationError(f"it does not say {FORMAT}")
    if set(document) - {_POLICY} != set(_FIELDS):
        raise VerificationError(f"it must have {', '.join(_FIELDS)}, and nothing else")
    if type(document.get(_POLICY, "")) is not str:
        raise VerificationError("policy is of another type")
    for name, kind in _FIELDS.items():
        if type(document[name]) is not kind:
            raise VerificationError(f"{name} is of another type")


def _parse_facts(name: str, facts: Any) -> FileFacts:
    sound = (
        isinstance(facts, dict)
        and set(facts) == {"size_bytes", "sha256"}
        and type(facts["size_bytes"]) is int
        and type(facts["sha256"]) is str
    )
    if not sound:
        raise VerificationError(f"size and digest of {name} are missing")
    return FileFacts(facts["size_bytes"], facts["sha256"])


def _parse_hash(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise VerificationError("root_hash is not base64") from error
