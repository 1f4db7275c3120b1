"""Options that mean the same in every command about the registry."""

from pathlib import Path
from typing import Annotated

import typer

ObjectArgument = Annotated[str, typer.Argument(metavar="ID", help="Which one.")]
SubmitterOption = Annotated[str, typer.Option(help="Who says so.")]
RequestIdOption = Annotated[
    str | None,
    typer.Option(
        help="The name of this write. By default it follows from the content: repeating it adds nothing."
    ),
]
EtagOption = Annotated[
    str | None,
    typer.Option(
        help="The version that you looked at; refused if there is a newer one. By default the newest."
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Keep the verified receipt."),
]
MetadataOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="Any other fact; repeatable.")
]
CreatorOption = Annotated[str | None, typer.Option(metavar="ID", help="Whose it is.")]
