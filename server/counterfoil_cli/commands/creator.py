"""`counterfoil creator`: people and companies whose works are used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli.arguments import parse_pairs
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    example,
)
from counterfoil_cli.registry.common import add_common, make_group, show_list
from counterfoil_cli.registry.options import (
    EtagOption,
    MetadataOption,
    ObjectArgument,
    OutputOption,
    RequestIdOption,
    SubmitterOption,
)
from counterfoil_cli.registry.writing import Write, set_fields, word_to_number, words_to_numbers

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient

_CREATE = example(
    'counterfoil creator create ada --name "Ada Lovelace" --consent training --consent inference',
)
_UPDATE = example("counterfoil creator update ada --kyc verified")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = make_group("creator", "People and companies whose works are used.")
    group.command("create", help="Register a creator.", epilog=_CREATE)(_change(new=True))
    group.command(
        "update", help="Change what is given, and leave the rest as it is.", epilog=_UPDATE
    )(_change(new=False))
    group.command("list", epilog=example("counterfoil creator list"))(list_creators)
    add_common(group, "creator", "creator", "ada")
    app.add_typer(group, name="creator")


def _change(*, new: bool) -> Callable[..., None]:
    def change(
        creator_id: ObjectArgument,
        name: Annotated[str | None, typer.Option(help="The name that people see.")] = None,
        payout_account: Annotated[
            str | None,
            typer.Option(
                help="The payment provider's name for the account; never an account number."
            ),
        ] = None,
        kyc: Annotated[
            str | None, typer.Option(help="As the platform tells it: pending, verified, rejected.")
        ] = None,
        consent: Annotated[
            list[str] | None,
            typer.Option(
                help="What the creator agrees to: training, inference, commercial, display. Repeatable."
            ),
        ] = None,
        coarse_reports: Annotated[
            bool | None,
            typer.Option(
                "--coarse-reports/--full-reports",
                help="Whether reports to others name single events.",
            ),
        ] = None,
        metadata: MetadataOption = None,
        etag: EtagOption = None,
        request_id: RequestIdOption = None,
        submitter: SubmitterOption = "local",
        output: OutputOption = None,
        server: ServerOption = DEFAULT_ADDRESS,
        key: KeyOption = None,
        api_key: ApiKeyOption = None,
        json: JsonOption = False,
    ) -> None:
        from counterfoil.v1 import record_pb2, registry_pb2

        statuses, kinds = registry_pb2.KycStatus, record_pb2.Consent
        values: dict[str, Any] = {
            "display_name": name,
            "payout_account_ref": payout_account,
            "kyc_status": word_to_number("--kyc", "KYC_STATUS_", statuses, kyc) if kyc else None,
            "consents": words_to_numbers("--consent", "CONSENT_", kinds, consent),
            "coarse_reports_only": coarse_reports,
            "metadata": None if metadata is None else parse_pairs("--metadata", metadata),
        }

        def fill(_client: "LedgerClient", body: Any) -> None:
            set_fields(body, **values)

        write = Write(
            "creator", "creator", submitter, request_id, output, server, key, api_key, json
        )
        write.put(creator_id, fill, etag, new=new)

    return change


def list_creators(
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """All creators, in the order of registration."""
    with connect(server, key, api_key) as client:
        show_list(client.registry.creators.list(), "creators", json=json)
