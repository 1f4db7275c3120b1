"""The options of a licence, and the body that comes of them."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli.arguments import parse_duration_s, parse_pairs, parse_when
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    CommandError,
    JsonOption,
    KeyOption,
    ServerOption,
)
from counterfoil_cli.registry.options import (
    CreatorOption,
    EtagOption,
    MetadataOption,
    ObjectArgument,
    OutputOption,
    RequestIdOption,
    SubmitterOption,
)
from counterfoil_cli.registry.writing import Write, set_fields, words_to_numbers

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient


_AssetOption = Annotated[
    str | None,
    typer.Option(metavar="ID", help="For this asset; by default the whole catalogue."),
]
_BuyerOption = Annotated[
    str | None, typer.Option(metavar="ID", help="For this buyer; by default anybody.")
]
_TemplateOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME@VERSION", help="Standard clauses; terms not given are the template's."
    ),
]
_UseOption = Annotated[
    list[str] | None,
    typer.Option(help="training, fine-tuning, inference, display or retrieval; repeatable."),
]
_CommercialOption = Annotated[
    bool | None,
    typer.Option("--commercial/--non-commercial", help="Whether one may earn by it."),
]
_TerritoryOption = Annotated[
    list[str] | None,
    typer.Option(help="Where: two letters (ISO 3166); repeatable; by default everywhere."),
]
_StartOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="The first moment that is covered.")
]
_EndOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="The first moment that no longer is.")
]
_ModelOption = Annotated[
    list[str] | None,
    typer.Option(help="A model's id, or a prefix that ends in *; repeatable."),
]
_ExcludeModelOption = Annotated[
    list[str] | None, typer.Option(help="A model that is not covered; repeatable.")
]
_IrrevocableOption = Annotated[
    bool | None, typer.Option("--irrevocable", help="It can never be withdrawn.")
]
_NoticeOption = Annotated[
    str | None,
    typer.Option(help="How long it goes on after it is withdrawn, such as 30d."),
]
_PriceOption = Annotated[str | None, typer.Option(metavar="ID", help="What it costs.")]
_TermsUriOption = Annotated[str | None, typer.Option(help="Where the agreement can be read.")]
_TermsFileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The agreement; only its SHA-256 leaves here."),
]


def change_command(*, new: bool) -> Callable[..., None]:
    """`licence create` or `licence update`, which have the same options."""

    def change(
        licence_id: ObjectArgument,
        creator: CreatorOption = None,
        asset: _AssetOption = None,
        buyer: _BuyerOption = None,
        template: _TemplateOption = None,
        use: _UseOption = None,
        commercial: _CommercialOption = None,
        territory: _TerritoryOption = None,
        start: _StartOption = None,
        end: _EndOption = None,
        model: _ModelOption = None,
        exclude_model: _ExcludeModelOption = None,
        irrevocable: _IrrevocableOption = None,
        notice: _NoticeOption = None,
        price: _PriceOption = None,
        terms_uri: _TermsUriOption = None,
        terms_file: _TermsFileOption = None,
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
        from counterfoil.v1.registry_pb2 import Use

        if new and not creator:
            raise CommandError("say whose works it is for: --creator ID")
        values = {
            "creator_id": creator,
            "asset_id": asset,
            "buyer": buyer,
            "template": template,
            "price_id": price,
            "terms_uri": terms_uri,
            "terms_sha256": _sha256(terms_file),
            "metadata": None if metadata is None else parse_pairs("--metadata", metadata),
        }
        terms = {
            "allowed_uses": words_to_numbers("--use", "USE_", Use, use),
            "commercial_use": commercial,
            "territories": territory,
            "start_time_us": None if start is None else parse_when("--start", start),
            "end_time_us": None if end is None else parse_when("--end", end),
            "models_allowed": model,
            "models_excluded": exclude_model,
        }
        notice_s = None if notice is None else parse_duration_s("--notice", notice)

        def fill(client: "LedgerClient", body: Any) -> None:
            if template:
                _fill_from_template(client, body, template)
            set_fields(body, **values)
            set_fields(body.terms, **terms)
            if irrevocable is not None or notice_s is not None:
                set_fields(body.terms.revocation, irrevocable=irrevocable, notice_s=notice_s)

        write = Write(
            "licence", "license", submitter, request_id, output, server, key, api_key, json
        )
        write.put(licence_id, fill, etag, new=new)

    return change


def _fill_from_template(client: "LedgerClient", body: Any, name: str) -> None:
    """Give a licence the terms of a template, and its text where the parties have none of their own."""
    known = {f"{each.name}@{each.version}": each for each in client.registry.license_templates()}
    if name not in known:
        raise CommandError(f"--template {name}: choose {', '.join(known)}")
    body.terms.CopyFrom(known[name].terms)
    if not body.terms_uri:
        body.terms_sha256 = known[name].text_sha256


def _sha256(path: Path | None) -> bytes | None:
    return None if path is None else sha256(path.read_bytes()).digest()
