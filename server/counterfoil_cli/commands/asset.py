"""`counterfoil asset`: works, known by the fingerprints of their files."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli.arguments import fingerprint_artifacts, parse_pairs
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    CommandError,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    example,
)
from counterfoil_cli.registry.common import add_common, make_group, show_list
from counterfoil_cli.registry.options import (
    CreatorOption,
    EtagOption,
    MetadataOption,
    ObjectArgument,
    OutputOption,
    RequestIdOption,
    SubmitterOption,
)
from counterfoil_cli.registry.writing import Write, set_fields, word_to_number

if TYPE_CHECKING:
    from counterfoil.v1.record_pb2 import Artifact
    from counterfoil_client import LedgerClient

TitleOption = Annotated[str | None, typer.Option(help="What people call it.")]
MimeTypeOption = Annotated[str | None, typer.Option(help='Such as "text/plain".')]
TagOption = Annotated[list[str] | None, typer.Option(help="A word to find it by; repeatable.")]
RightsOption = Annotated[str | None, typer.Option(help="Who holds which rights, in words.")]
VisibilityOption = Annotated[str | None, typer.Option(help="private or listed.")]
PriceOption = Annotated[
    str | None, typer.Option("--price", metavar="ID", help="What licences for it cost by default.")
]
TemplateOption = Annotated[
    str | None,
    typer.Option(metavar="NAME@VERSION", help="The template that licences for it have by default."),
]
_REGISTER = example(
    "counterfoil asset register novel.epub cover.jpg --creator ada --title 'A novel' --tag fiction"
)
_UPDATE = example("counterfoil asset update novel --file novel-2nd-edition.epub --tag fiction")
_CREATE = example("counterfoil asset create novel --creator ada --title 'A novel'")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = make_group("asset", "Works: texts, pictures, sounds, code, datasets.")
    group.command("register", epilog=_REGISTER)(register_files)
    group.command("create", help="Register an asset, with or without files.", epilog=_CREATE)(
        _change(new=True)
    )
    group.command(
        "update", help="Change what is given, and leave the rest as it is.", epilog=_UPDATE
    )(_change(new=False))
    group.command("list", epilog=example("counterfoil asset list --creator ada"))(list_assets)
    add_common(group, "asset", "asset", "novel")
    app.add_typer(group, name="asset")


def register_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="The files of the work; only their fingerprints leave here."
        ),
    ],
    creator: Annotated[str, typer.Option(metavar="ID", help="Whose work it is.")],
    asset_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="By default it follows from the content."),
    ] = None,
    title: TitleOption = None,
    mime_type: MimeTypeOption = None,
    tag: TagOption = None,
    rights: RightsOption = None,
    visibility: VisibilityOption = "private",
    price: PriceOption = None,
    template: TemplateOption = None,
    metadata: MetadataOption = None,
    request_id: RequestIdOption = None,
    submitter: SubmitterOption = "local",
    output: OutputOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Register a work by the fingerprints of its files.

    Files are fingerprinted here with SHA-256 and BLAKE3, with all cores; their content and their paths stay here.
    """
    values = _values(creator, title or files[0].name, mime_type, tag, rights, visibility, metadata)
    values["contents"] = contents = fingerprint_artifacts(files)
    name = asset_id or _name_of(contents)
    write = Write("asset", "asset", submitter, request_id, output, server, key, api_key, json)
    write.create(name, _filler(values, price, template))


def _change(*, new: bool) -> Callable[..., None]:
    def change(
        asset_id: ObjectArgument,
        creator: CreatorOption = None,
        title: TitleOption = None,
        file: Annotated[
            list[Path] | None,
            typer.Option(metavar="FILE", help="A file of this version; repeatable."),
        ] = None,
        mime_type: MimeTypeOption = None,
        tag: TagOption = None,
        rights: RightsOption = None,
        visibility: VisibilityOption = None,
        price: PriceOption = None,
        template: TemplateOption = None,
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
        if new and not creator:
            raise CommandError("say whose work it is: --creator ID")
        shown = visibility or ("private" if new else None)
        values = _values(creator, title, mime_type, tag, rights, shown, metadata)
        values["contents"] = fingerprint_artifacts(file) if file else None
        write = Write("asset", "asset", submitter, request_id, output, server, key, api_key, json)
        fill = _filler(values, price, template)
        write.put(asset_id, fill, etag, new=new)

    return change


def list_assets(
    creator: CreatorOption = None,
    contested: Annotated[
        bool,
        typer.Option(
            "--contested", help="Only those with content that another creator registered too."
        ),
    ] = False,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Assets, of one creator or of all, in the order of registration."""
    with connect(server, key, api_key) as client:
        registry, wanted = client.registry, creator or ""
        states = (
            registry.contested_assets(creator_id=wanted)
            if contested
            else registry.assets.list(creator_id=wanted)
        )
        show_list(states, "assets", json=json)


def _values(
    creator: str | None,
    title: str | None,
    mime_type: str | None,
    tag: list[str] | None,
    rights: str | None,
    visibility: str | None,
    metadata: list[str] | None,
) -> dict[str, Any]:
    from counterfoil.v1.registry_pb2 import Visibility

    seen = None
    if visibility is not None:
        seen = word_to_number("--visibility", "VISIBILITY_", Visibility, visibility)
    return {
        "creator_id": creator,
        "title": title,
        "mime_type": mime_type,
        "tags": tag,
        "rights_statement": rights,
        "visibility": seen,
        "metadata": None if metadata is None else parse_pairs("--metadata", metadata),
    }


def _filler(
    values: dict[str, Any], price: str | None, template: str | None
) -> Callable[["LedgerClient", Any], None]:
    def fill(_client: "LedgerClient", body: Any) -> None:
        set_fields(body, **values)
        if price is not None or template is not None:
            set_fields(body.license_defaults, price_id=price, template=template)

    return fill


def _name_of(contents: "list[Artifact]") -> str:
    """An id that follows from the content, so that the same files get the same one."""
    digests = sorted(artifact.sha256 for artifact in contents)
    return f"content-{sha256(b''.join(digests)).hexdigest()[:32]}"
