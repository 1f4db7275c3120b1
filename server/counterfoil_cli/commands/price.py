"""`counterfoil price`: what use costs, declared once and named by licences."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    ObjectArgument,
    OutputOption,
    RequestIdOption,
    SubmitterOption,
)
from counterfoil_cli.registry.price_models import PriceModel
from counterfoil_cli.registry.writing import Write, set_fields

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient

_CurrencyOption = Annotated[str | None, typer.Option(help="Three capital letters, such as EUR.")]
_PerTokenOption = Annotated[
    str | None, typer.Option(metavar="INPUT,OUTPUT", help="Money for each token.")
]
_PerCallOption = Annotated[str | None, typer.Option(metavar="AMOUNT", help="Money for each call.")]
_PerExampleOption = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Money for each training example.")
]
_ShareOption = Annotated[
    str | None,
    typer.Option(
        metavar="CREATOR,PLATFORM,HOST",
        help="Parts of the host's revenue, such as 70%,10%,20%.",
    ),
]
_FlatOption = Annotated[
    str | None,
    typer.Option(
        metavar="AMOUNT/PERIOD",
        help="A fee for each day, month or year; with --per-token a floor.",
    ),
]
_PoolOption = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT/PERIOD", help="A sum that all assets under it share by use."),
]
_MonthlyCapOption = Annotated[
    str | None, typer.Option(help="The most that a creator is owed for a month.")
]
_MinimumPayoutOption = Annotated[str | None, typer.Option(help="Less than this is carried over.")]

_CREATE = example(
    "counterfoil price create standard --currency EUR --per-token 0.000002,0.000006",
    "counterfoil price create flat --currency EUR --flat 500/month --creator ada",
)
_UPDATE = example("counterfoil price update standard --per-token 0.000003,0.000009")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = make_group("price", "What use costs: declared here, computed in statements.")
    group.command("create", help="Declare a price.", epilog=_CREATE)(_change(new=True))
    group.command(
        "update", help="Change what is given, and leave the rest as it is.", epilog=_UPDATE
    )(_change(new=False))
    group.command("list", epilog=example("counterfoil price list --creator ada"))(list_prices)
    add_common(group, "price", "price", "standard")
    app.add_typer(group, name="price")


def _change(*, new: bool) -> Callable[..., None]:
    def change(
        price_id: ObjectArgument,
        currency: _CurrencyOption = None,
        creator: CreatorOption = None,
        per_token: _PerTokenOption = None,
        per_call: _PerCallOption = None,
        per_example: _PerExampleOption = None,
        share: _ShareOption = None,
        flat: _FlatOption = None,
        pool: _PoolOption = None,
        monthly_cap: _MonthlyCapOption = None,
        minimum_payout: _MinimumPayoutOption = None,
        etag: EtagOption = None,
        request_id: RequestIdOption = None,
        submitter: SubmitterOption = "local",
        output: OutputOption = None,
        server: ServerOption = DEFAULT_ADDRESS,
        key: KeyOption = None,
        api_key: ApiKeyOption = None,
        json: JsonOption = False,
    ) -> None:
        model = PriceModel(per_token, per_call, per_example, share, flat, pool).parse()
        if new and (model is None or not currency):
            raise CommandError(
                "say what it costs: --currency EUR, and one of --per-token, --per-call, "
                "--per-example, --share, --flat, --pool"
            )

        def fill(_client: "LedgerClient", body: Any) -> None:
            set_fields(
                body,
                currency=currency,
                creator_id=creator,
                monthly_cap=monthly_cap,
                minimum_payout=minimum_payout,
            )
            if model is not None:
                name, message = model
                getattr(body, name).CopyFrom(message)

        write = Write("price", "price", submitter, request_id, output, server, key, api_key, json)
        write.put(price_id, fill, etag, new=new)

    return change


def list_prices(
    creator: CreatorOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Prices, of one creator or of all, in the order of registration."""
    with connect(server, key, api_key) as client:
        show_list(client.registry.prices.list(creator_id=creator or ""), "prices", json=json)
