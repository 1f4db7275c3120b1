"""`counterfoil training record`: say which data went into which model."""

from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.arguments import (
    fingerprint_artifacts,
    parse_pairs,
    parse_portion,
    parse_when,
)
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

_EPILOG = example(
    "counterfoil training record --dataset ds_1 --creator creator_42 --model model_xyz \\",
    "    --artifact corpus-1.parquet --artifact corpus-2.parquet --license CC-BY-4.0 --portion 25%",
)


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

    from counterfoil.v1.record_pb2 import ProofOfTraining

    # Everything that can be wrong with the options comes before the long work on files.
    evidence_facts = parse_pairs("--evidence", evidence or [])
    other_facts = parse_pairs("--metadata", metadata or [])
    portion_ppm, time_us = parse_portion(portion), parse_when("--time", time)
    if not artifact and not artifact_hash:
        raise CommandError(
            "say what the content is: --artifact FILE, or --artifact-hash sha256:<64 hex digits>"
        )
    artifacts = fingerprint_artifacts(artifact or [])
    body = ProofOfTraining(
        dataset_id=dataset,
        creator_id=creator,
        model_id=model,
        artifact_hash=artifact_hash,
        artifacts=artifacts,
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
                        "name": each.name,
                        "size_bytes": each.size_bytes,
                        "sha256": each.sha256.hex(),
                        "blake3": each.blake3.hex(),
                    }
                    for each in artifacts
                ],
            }
        )
    else:
        verb = "was recorded before" if answer.duplicate else "is recorded"
        say(f"{answer.training_id} {verb}, entry {answer.index}; its receipt was verified.")
        say(
            f"Fetch a receipt to keep: counterfoil receipt {answer.training_id} -o training.tlog-proof"
        )
