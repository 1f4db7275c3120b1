"""`counterfoil training record`: say which data went into which model."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.limits import PARTS_PER_MILLION
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    CommandError,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    emit,
    example,
    say,
    write_file,
)
from counterfoil_cli.progress import progress

if TYPE_CHECKING:
    from counterfoil_cli.fingerprint import Fingerprint

_EPILOG = example(
    "counterfoil training record --dataset ds_1 --creator creator_42 --model model_xyz \\",
    "    --artifact corpus-1.parquet --artifact corpus-2.parquet --license CC-BY-4.0 --portion 25%",
)
_PORTION = re.compile(r"(\d{1,7}(?:\.\d{1,18})?)(%|ppm)?", re.ASCII)


def register(app: typer.Typer) -> None:
    """Add the command."""
    training = typer.Typer(
        help="Proofs of training.",
        epilog=example("counterfoil training record --help"),
        no_args_is_help=True,
    )
    training.command("record", epilog=_EPILOG)(record)

    @training.callback()
    def group() -> None:
        """Proofs of training."""

    app.add_typer(training, name="training")


def record(
    dataset: Annotated[str, typer.Option(help="The dataset's id.")],
    creator: Annotated[str, typer.Option(help="Whose work it is.")],
    model: Annotated[str, typer.Option(help="The model that it went into.")],
    artifact: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A file of the dataset; only its fingerprint leaves this machine. Repeatable.",
        ),
    ] = None,
    artifact_hash: Annotated[
        str,
        typer.Option(
            metavar="ALGORITHM:HEX", help="sha256: or blake3: of content that is not at hand."
        ),
    ] = "",
    licence: Annotated[str, typer.Option("--license", help="The terms it was used under.")] = "",
    portion: Annotated[
        str | None, typer.Option(help="How much of the dataset was used: 25%, 0.25 or 250000ppm.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="When the training was: an RFC 3339 time.")
    ] = None,
    notes: Annotated[str, typer.Option(help="Anything else, in words.")] = "",
    evidence: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A small fact that supports the claim; repeatable."),
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Any other fact; repeatable.")
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            help="The name of this write. By default it follows from the content: repeating it adds nothing."
        ),
    ] = None,
    submitter: Annotated[str, typer.Option(help="Who says so.")] = "local",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Keep the verified receipt."),
    ] = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Record that data went into a model: who says so, about which content, and when.

    Files are fingerprinted here with SHA-256 and BLAKE3; their content and their paths stay here.
    """
    from hashlib import sha256

    from counterfoil.v1.record_pb2 import Artifact, ProofOfTraining

    # Everything that can be wrong with the options comes before the long work on files.
    evidence_facts = _pairs("--evidence", evidence or [])
    other_facts = _pairs("--metadata", metadata or [])
    portion_ppm, time_us = parse_portion(portion), _time_us(time)
    if not artifact and not artifact_hash:
        raise CommandError(
            "say what the content is: --artifact FILE, or --artifact-hash sha256:<64 hex digits>"
        )
    prints = _fingerprints(artifact or [])
    body = ProofOfTraining(
        dataset_id=dataset,
        creator_id=creator,
        model_id=model,
        artifact_hash=artifact_hash,
        artifacts=[
            Artifact(
                name=each.path.name,
                size_bytes=each.size_bytes,
                sha256=each.sha256,
                blake3=each.blake3,
            )
            for each in prints
        ],
        license=licence,
        notes=notes,
        evidence=evidence_facts,
        metadata=other_facts,
        portion_used_ppm=portion_ppm,
        training_time_us=time_us,
    ).SerializeToString(deterministic=True)
    name = request_id or f"content-{sha256(body).hexdigest()[:32]}"
    with connect(server, key, api_key, submitter) as client:
        answer = client.record_training(body, name)
    if output is not None:
        write_file(output, answer.receipt)
    if json:
        emit(
            {
                "training_id": answer.training_id,
                "index": answer.index,
                "time_us": answer.time_us,
                "duplicate": answer.duplicate,
                "request_id": name,
                "receipt_file": str(output) if output else None,
                "artifacts": [
                    {
                        "name": each.path.name,
                        "size_bytes": each.size_bytes,
                        "sha256": each.sha256.hex(),
                        "blake3": each.blake3.hex(),
                    }
                    for each in prints
                ],
            }
        )
    else:
        verb = "was recorded before" if answer.duplicate else "is recorded"
        say(f"{answer.training_id} {verb}, entry {answer.index}; its receipt was verified.")
        say(
            f"Fetch a receipt to keep: counterfoil receipt {answer.training_id} -o training.tlog-proof"
        )


def parse_portion(text: str | None) -> int:
    """Parts per million from "25%", "0.25" or "250000ppm"; 0, which means not stated, for None.

    Raises:
        CommandError: it is none of these, more than everything, or finer than a millionth.
    """
    if text is None:
        return 0
    match = _PORTION.fullmatch(text.strip())
    if match:
        number = Decimal(match[1])
        parts = number * {"%": 10_000, "ppm": 1, None: PARTS_PER_MILLION}[match[2]]
        if parts == int(parts) and parts <= PARTS_PER_MILLION:
            return int(parts)
    raise CommandError(
        f"--portion {text}: say 25%, 0.25 or 250000ppm, at most all of it and no finer than a millionth"
    )


def _fingerprints(paths: list[Path]) -> "list[Fingerprint]":
    from counterfoil_cli.fingerprint import fingerprint_files, total_size_bytes

    if not paths:
        return []
    with progress("Fingerprinting", total_size_bytes(paths), in_bytes=True) as advance:
        return fingerprint_files(paths, advance)


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CommandError(f"{option} {text} is not KEY=VALUE")
        if key in pairs:
            raise CommandError(f"{option} {key} is given twice; keep one of them")
        pairs[key] = value
    return pairs


def _time_us(text: str | None) -> int:
    from counterfoil_cli.importing.rows import RowError
    from counterfoil_cli.importing.values import parse_time_us

    if text is None:
        return 0
    try:
        return parse_time_us("--time", text)
    except RowError as error:
        raise CommandError(f"--time: {error.message}") from error
