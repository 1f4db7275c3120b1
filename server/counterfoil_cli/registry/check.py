"""`counterfoil licence check`: is a use covered, by which licence and at what price."""

from typing import Annotated

import typer

from counterfoil_cli.arguments import parse_when
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    emit,
    say,
)
from counterfoil_cli.registry.common import to_json
from counterfoil_cli.registry.writing import word_to_number


def check(
    asset: Annotated[str, typer.Option(metavar="ID", help="What is used.")],
    buyer: Annotated[str, typer.Option(metavar="ID", help="Who uses it.")],
    use: Annotated[
        str,
        typer.Option(help="training, fine-tuning, inference, display or retrieval."),
    ],
    model: Annotated[str, typer.Option(metavar="ID", help="With which model.")] = "",
    territory: Annotated[str, typer.Option(help="Where: two letters (ISO 3166).")] = "",
    time: Annotated[
        str | None, typer.Option(help="When: an RFC 3339 time. By default now.")
    ] = None,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Whether somebody earns by it.")
    ] = False,
    licence: Annotated[str, typer.Option(metavar="ID", help="Ask about this one alone.")] = "",
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> int:
    """Is this use covered, and at what price; if not, which term fails. Exits with 1 when it is not."""
    from counterfoil.v1.registry_pb2 import Use
    from counterfoil.v1.registry_service_pb2 import CoverageFault, UseQuery

    query = UseQuery(
        asset_id=asset,
        buyer=buyer,
        use=word_to_number("--use", "USE_", Use, use),  # type: ignore[arg-type]
        model_id=model,
        territory=territory,
        time_us=parse_when("--time", time),
        commercial=commercial,
        license_id=licence,
    )
    with connect(server, key, api_key) as client:
        coverage = client.registry.check_coverage(query)
    fault = CoverageFault.Name(coverage.fault).removeprefix("COVERAGE_FAULT_")
    if json:
        emit(
            {
                "covered": coverage.covered,
                "license_id": coverage.license_id,
                "license_etag": coverage.license_etag,
                "price_id": coverage.price_id,
                "price_etag": coverage.price_etag,
                "price": to_json(coverage.price) if coverage.HasField("price") else None,
                "fault": None if coverage.covered else fault,
                "message": coverage.message,
                "as_of_size": coverage.as_of_size,
            }
        )
    elif coverage.covered:
        cost = f" at price {coverage.price_id}" if coverage.price_id else ""
        say(f"{coverage.message}{cost} (as of {coverage.as_of_size} entries)")
    else:
        say(f"not covered, {fault}: {coverage.message} (as of {coverage.as_of_size} entries)")
    return 0 if coverage.covered else 1
