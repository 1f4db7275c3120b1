"""``python -m counterfoil verify FILE... --key VKEY``: check receipts and exports offline.

Needs the base install only: the pure core and the standard library. It reads the named files and nothing else; there is
no network, no server code and no protobuf in this process. A folder is taken for an export (``counterfoil.export``).

Exit codes: 0 all are good, 1 one of them is bad, 2 it cannot be told.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from counterfoil.entry import (
    KIND_ASSESSMENT,
    KIND_ASSET,
    KIND_CREATOR,
    KIND_GENESIS,
    KIND_KEY_CHANGE,
    KIND_LICENSE,
    KIND_PAYOUT,
    KIND_PRICE,
    KIND_REVOCATION,
    KIND_TRAINING,
    KIND_USAGE,
)
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.export import CHECKPOINT_NAME, VerifiedExport, verify_export
from counterfoil.limits import MIB
from counterfoil.note import Policy
from counterfoil.receipt import VerifiedReceipt, learn_keys, verify_receipt

GOOD: Final = "good"
BAD: Final = "bad"
CANNOT_TELL: Final = "cannot tell"

# A batch receipt that carries its records is about as large as a batch; JSON and text forms are a third larger.
RECEIPT_SIZE_BYTES_MAX: Final = 64 * MIB
_POLICY_SIZE_BYTES_MAX: Final = MIB
# 256 records of the largest kind.
_EXPORT_FILE_SIZE_BYTES_MAX: Final = 128 * MIB

_KINDS: Final = {
    KIND_GENESIS: "genesis",
    KIND_TRAINING: "training",
    KIND_USAGE: "usage",
    KIND_PAYOUT: "payout",
    KIND_CREATOR: "creator",
    KIND_ASSET: "asset",
    KIND_LICENSE: "license",
    KIND_REVOCATION: "revocation",
    KIND_PRICE: "price",
    KIND_ASSESSMENT: "assessment",
    KIND_KEY_CHANGE: "key_change",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about one file.

    Attributes:
        file: as it was named.
        verdict: GOOD, BAD or CANNOT_TELL.
        message: why, when it is not good.
        receipt, export: what was verified, when it is good; one of them.
    """

    file: str
    verdict: str
    message: str = ""
    receipt: VerifiedReceipt | None = None
    export: VerifiedExport | None = None

    def describe(self) -> str:
        """The verdict in plain words, on one to three lines."""
        if self.export is not None:
            return _describe_export(self.file, self.export)
        if self.receipt is None:
            return f"{self.file}: {self.verdict}: {self.message}"
        receipt, last = self.receipt, self.receipt.first_index + self.receipt.count - 1
        kind = _kind(receipt)
        what = (
            f"the {kind} record at index {receipt.first_index}"
            if receipt.count == 1
            else f"{receipt.count} {kind} records, from index {receipt.first_index} to {last},"
        )
        witnessed = (
            ", and its witnesses cosigned that tree" if "witnessed" in receipt.states else ""
        )
        return (
            f"{self.file}: {self.verdict} ({', '.join(receipt.states)})\n"
            f"  {receipt.origin} logged {what} at {format_time(receipt.time_us)}.\n"
            f"  The log signed a tree of {receipt.size} entries that holds it{witnessed}."
        )

    def as_json(self) -> dict[str, Any]:
        """The verdict for programs."""
        if self.export is not None:
            return _export_as_json(self.file, self.export)
        if self.receipt is None:
            return {"file": self.file, "verdict": self.verdict, "message": self.message}
        receipt = self.receipt
        return {
            "file": self.file,
            "verdict": self.verdict,
            "form": receipt.form,
            "origin": receipt.origin,
            "index": receipt.first_index,
            "count": receipt.count,
            "kind": _kind(receipt),
            "time": format_time(receipt.time_us),
            "time_us": receipt.time_us,
            "size": receipt.size,
            "states": list(receipt.states),
        }


def _describe_export(file: str, export: VerifiedExport) -> str:
    tree, kinds = export.checkpoint, _export_kinds(export)
    redacted = f", {export.redacted} of them redacted" if export.redacted else ""
    return (
        f"{file}: {GOOD} (export)\n"
        f"  {tree.origin} signed this tree of {tree.size} entries{redacted}: "
        f"{', '.join(f'{count} {kind}' for kind, count in kinds.items())}.\n"
        f"  They were logged from {format_time(export.first_time_us)} to {format_time(export.last_time_us)}."
    )


def _export_as_json(file: str, export: VerifiedExport) -> dict[str, Any]:
    tree = export.checkpoint
    return {
        "file": file,
        "verdict": GOOD,
        "form": "export",
        "origin": tree.origin,
        "size": tree.size,
        "root_hash": base64.b64encode(tree.root_hash).decode(),
        "kinds": _export_kinds(export),
        "redacted": export.redacted,
        "first_time": format_time(export.first_time_us),
        "last_time": format_time(export.last_time_us),
        "states": ["witnessed"] if tree.witnessed else [],
    }


def _export_kinds(export: VerifiedExport) -> dict[str, int]:
    kinds = sorted(export.kinds.items())
    return {_KINDS.get(kind, f"kind {kind}"): count for kind, count in kinds}


def verify_folder(folder: str, policy: Policy) -> Verdict:
    """Verify the export in a folder. Never raises for what is in it, or for what cannot be read."""

    def read(path: str) -> bytes:
        with (Path(folder) / path).open("rb") as opened:
            return opened.read(_EXPORT_FILE_SIZE_BYTES_MAX)

    try:
        return Verdict(folder, GOOD, export=verify_export(read, policy))
    except OSError as error:
        told = f"cannot read {error.filename}: {error.strerror or error}"
        return Verdict(folder, CANNOT_TELL, told)
    except UnverifiableError as error:
        return Verdict(folder, CANNOT_TELL, str(error))
    except VerificationError as error:
        return Verdict(folder, BAD, str(error))


def verify_file(file: str, policy: Policy) -> Verdict:
    """Verify the receipt in one file, or the export in a folder.

    Never raises for what is in the file, or for a file that cannot be read.
    """
    if (Path(file) / CHECKPOINT_NAME).is_file():
        return verify_folder(file, policy)
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(RECEIPT_SIZE_BYTES_MAX + 1)
    except OSError as error:
        return Verdict(file, CANNOT_TELL, f"cannot read it: {error.strerror or error}")
    if len(data) > RECEIPT_SIZE_BYTES_MAX:
        told = f"larger than {RECEIPT_SIZE_BYTES_MAX // MIB} MiB, which no receipt is"
        return Verdict(file, CANNOT_TELL, told)
    try:
        return Verdict(file, GOOD, receipt=verify_receipt(data, policy))
    except UnverifiableError as error:
        return Verdict(file, CANNOT_TELL, str(error))
    except VerificationError as error:
        return Verdict(file, BAD, str(error))


def read_policy(keys: Sequence[str], policy_file: str | None) -> Policy:
    """Whom to trust, from verifier keys or from a policy file (C2SP tlog-policy); one of the two.

    Raises:
        UnverifiableError: neither or both were given, or the file cannot be read.
        VerificationError: a key or the policy is malformed.
    """
    if bool(keys) == bool(policy_file):
        raise UnverifiableError("say whom to trust: --key VKEY, or --policy FILE")
    if policy_file is None:
        return Policy.trust(*keys)
    try:
        with Path(policy_file).open("rb") as opened:
            text = opened.read(_POLICY_SIZE_BYTES_MAX).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnverifiableError(f"cannot read the policy {policy_file}: {error}") from error
    return Policy.parse(text)


def read_key_changes(policy: Policy, files: Sequence[str]) -> Policy:
    """The policy with the keys that the log has changed to, by receipts of these changes in files.

    Raises:
        UnverifiableError: a file cannot be read, or no key that signed it is known.
        VerificationError: a receipt is bad, or is none of a change of keys.
    """
    receipts = []
    for file in files:
        try:
            with Path(file).open("rb") as opened:
                receipts.append(opened.read(RECEIPT_SIZE_BYTES_MAX))
        except OSError as error:
            told = f"cannot read the change of keys {file}: {error.strerror or error}"
            raise UnverifiableError(told) from error
    policy, unreached = learn_keys(policy, receipts)
    if unreached:
        file = files[receipts.index(unreached[0])]
        raise UnverifiableError(f"the change of keys {file} is not signed by a key that is known")
    return policy


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 when all are good, 1 when one is bad, else 2."""
    found = {verdict.verdict for verdict in verdicts}
    if BAD in found:
        return 1
    return 2 if CANNOT_TELL in found else 0


def format_time(time_us: int) -> str:
    """RFC 3339 in UTC with microseconds."""
    seconds, fraction_us = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction_us:06d}Z"


def _kind(receipt: VerifiedReceipt) -> str:
    return _KINDS.get(receipt.kind, f"kind {receipt.kind}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m counterfoil", description="Check receipts and exports offline."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser(
        "verify",
        help="check receipts and exports offline",
        description="Check receipts in any form, and exports, offline. Exit codes: 0 good, 1 bad, 2 cannot tell.",
        epilog="Example: python -m counterfoil verify receipt.tlog-proof --key "
        "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    )
    verify.add_argument(
        "files", nargs="+", metavar="FILE", help="a receipt, or the folder of an export"
    )
    verify.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="VKEY",
        help="the log's verifier key; repeatable",
    )
    verify.add_argument(
        "--policy", metavar="FILE", help="a policy with logs, witnesses and a quorum"
    )
    verify.add_argument(
        "--key-change",
        action="append",
        default=[],
        metavar="FILE",
        help="the receipt of a change of the log's key, which leads from a trusted key to another; repeatable",
    )
    verify.add_argument(
        "--json", action="store_true", help="a JSON list with one object for each file"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        policy = read_policy(options.key, options.policy)
        policy = read_key_changes(policy, options.key_change)
    except VerificationError as error:
        sys.stderr.write(f"counterfoil: {error}\n")
        return 2
    verdicts = [verify_file(file, policy) for file in options.files]
    if options.json:
        sys.stdout.write(json.dumps([verdict.as_json() for verdict in verdicts], indent=2) + "\n")
    else:
        sys.stdout.writelines(verdict.describe() + "\n" for verdict in verdicts)
    return exit_code(verdicts)


if __name__ == "__main__":
    sys.exit(main())
