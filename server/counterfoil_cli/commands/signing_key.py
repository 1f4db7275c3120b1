"""`counterfoil signing-key`: the keys that a ledger signs with."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli.console import CommandError, JsonOption, emit, example, note, say

if TYPE_CHECKING:
    from counterfoil_server.rotate import KeyState
    from counterfoil_server.token_keys import TokenKeys

_ROTATE_EPILOG = example(
    "counterfoil signing-key rotate ledger --overlap 10000 --reason 'yearly rotation'",
    "counterfoil signing-key rotate ledger --purpose token --overlap 300",
    "counterfoil signing-key rotate ledger --new-key "
    "'pkcs11:token=ledger;object=log2?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=env:PIN'",
)
# Receipts in the form of a JWT are signed by the key of the checkpoints.
_SAME = ("checkpoint", "receipt")
_OTHER = "token"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="The keys that a ledger signs with.",
        epilog=example("counterfoil signing-key list ledger"),
        no_args_is_help=True,
    )
    group.command("list", epilog=example("counterfoil signing-key list ledger"))(list_)
    group.command("rotate", epilog=_ROTATE_EPILOG)(rotate)
    app.add_typer(group, name="signing-key")


def list_(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    json: JsonOption = False,
) -> None:
    """All keys that ever signed checkpoints, oldest first: for which sizes, and where the private halves lie. Then those of tokens.

    With --json also a policy, which tells auditors the same of checkpoints.
    """
    from counterfoil.__main__ import format_time
    from counterfoil.note import KeyHistory
    from counterfoil_server.rotate import list_keys
    from counterfoil_server.token_keys import list_token_keys

    keys, tokens = list_keys(directory), list_token_keys(directory)
    if json:
        policy = KeyHistory(tuple(key.sizes for key in keys)).policy
        told = [*map(_as_json, keys), *_tokens_as_json(tokens)]
        emit({"keys": told, "policy": policy.text})
        return
    for key in keys:
        does = "signs" if key.signs else "retired" if key.sizes.is_retired else "waits"
        say(f"{key.sizes.verifier.vkey}  sizes {key.sizes.text}  {does}  {key.uri or '-'}")
    for verifier, until_us in reversed(tokens.retired):
        say(f"{verifier.vkey}  tokens  counts until {format_time(until_us)}  -")
    say(f"{tokens.signer.verifier.vkey}  tokens  signs  {tokens.uri}")


def _as_json(key: "KeyState") -> dict[str, Any]:
    return {
        "purpose": "checkpoint",
        "vkey": key.sizes.verifier.vkey,
        "first_size": key.sizes.first,
        "last_size": key.sizes.last if key.sizes.is_retired else None,
        "signs": key.signs,
        "uri": key.uri or None,
    }


def _tokens_as_json(keys: "TokenKeys") -> Iterator[dict[str, Any]]:
    from counterfoil.__main__ import format_time

    for verifier, until_us in reversed(keys.retired):
        yield {
            "purpose": _OTHER,
            "vkey": verifier.vkey,
            "counts_until": format_time(until_us),
            "signs": False,
            "uri": None,
        }
    yield {
        "purpose": _OTHER,
        "vkey": keys.signer.verifier.vkey,
        "counts_until": None,
        "signs": True,
        "uri": keys.uri,
    }


def rotate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    purpose: Annotated[
        str,
        typer.Option(help="What the key is for: checkpoint, which is receipt too, or token."),
    ] = "checkpoint",
    new_key: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where the new private key lies: file:, env: or pkcs11:. Without this one is made in DIR.",
        ),
    ] = None,
    overlap: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="How many entries behind the change both keys sign; for tokens, for how many seconds old ones count.",
        ),
    ] = 0,
    reason: Annotated[str, typer.Option(help="Why; it is logged, and everybody can read it.")] = "",
    json: JsonOption = False,
) -> None:
    """Let another key sign from now on. The server must be stopped; the change is an entry of the log.

    The retired key stays good for what it signed up to its cut-off, and for nothing beyond. It is needed until the end of
    the overlap. Receipts that exist stay as they are. Publish the new verifier key, and keep the old ones published.
    """
    if purpose in _SAME:
        _rotate_checkpoints(directory, new_key, overlap, reason, json)
    elif purpose != _OTHER:
        raise CommandError(
            f"there is no key for {purpose} here; --purpose is checkpoint, receipt or token"
        )
    elif new_key is not None:
        raise CommandError("the key of tokens is made in DIR; leave --new-key out")
    else:
        _rotate_tokens(directory, overlap, reason, json)


def _rotate_checkpoints(
    directory: Path, new_key: str | None, overlap: int, reason: str, json: bool
) -> None:
    from counterfoil_server.rotate import rotate_key

    done = rotate_key(directory, new_key, overlap, reason)
    if json:
        emit(
            {
                "entry": done.entry_id,
                "purpose": "checkpoint",
                "retired_vkey": done.retired.verifier.vkey,
                "last_size": done.retired.last,
                "new_vkey": done.new.verifier.vkey,
                "first_size": done.new.first,
                "uri": done.uri,
            }
        )
        return
    say(f"Changed the signing key; the change is entry {done.entry_id}.")
    say(f"Its new verifier key, for everybody: {done.new.verifier.vkey}")
    say(f"The old one is good for checkpoints of up to {done.retired.last:,} entries.")
    note("copy the new private key to a safe place, as you did with the old one")


def _rotate_tokens(directory: Path, overlap_s: int, reason: str, json: bool) -> None:
    from counterfoil.__main__ import format_time
    from counterfoil_server.token_keys import rotate_token_key

    done = rotate_token_key(directory, overlap_s, reason)
    until = format_time(done.until_us)
    if json:
        emit(
            {
                "entry": done.entry_id,
                "purpose": _OTHER,
                "retired_vkey": done.retired.vkey,
                "counts_until": until,
                "new_vkey": done.new.vkey,
            }
        )
        return
    say(f"Changed the key of access tokens; the change is entry {done.entry_id}.")
    say(f"Its new verifier key: {done.new.vkey}")
    say(f"Tokens of the old one count until {until}.")
