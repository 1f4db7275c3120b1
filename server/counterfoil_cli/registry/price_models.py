"""Price models as people type them. What a number may be is for the ledger to say; here only the form is read."""

from dataclasses import dataclass, fields
from typing import Any, Final

from counterfoil_cli.arguments import parse_portion
from counterfoil_cli.console import CommandError

_PERIODS: Final = ("day", "month", "year")


@dataclass(frozen=True)
class PriceModel:
    """The options of a price's model, each None when it is not given."""

    per_token: str | None
    per_call: str | None
    per_example: str | None
    share: str | None
    flat: str | None
    pool: str | None

    def parse(self) -> tuple[str, Any] | None:
        """The field of a Price and its message; None when no model is given.

        Raises:
            CommandError: several models that do not go together, or a value of another form.
        """
        from counterfoil.v1 import registry_pb2

        given = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        match given:
            case []:
                return None
            case ["per_token"]:
                return "per_token", _per_token(self.per_token)
            case ["per_call"]:
                return "per_call", registry_pb2.PerCall(rate=self.per_call or "")
            case ["per_example"]:
                example = registry_pb2.PerTrainingExample(rate=self.per_example or "")
                return "per_training_example", example
            case ["share"]:
                return "revenue_share", _shares(self.share)
            case ["flat"]:
                return "flat_fee", registry_pb2.FlatFee(**_fee("--flat", self.flat))
            case ["pool"]:
                pool = registry_pb2.SubscriptionPool(**_fee("--pool", self.pool))
                return "subscription_pool", pool
            case ["per_token", "flat"]:
                floor = registry_pb2.FlatFee(**_fee("--flat", self.flat))
                both = registry_pb2.FloorPlusUsage(floor=floor, usage=_per_token(self.per_token))
                return "floor_plus_usage", both
        options = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CommandError(f"{options} are different models; only --per-token with --flat is one")


def _per_token(text: str | None) -> Any:
    from counterfoil.v1 import registry_pb2

    read, comma, written = (text or "").partition(",")
    if not comma:
        raise CommandError(f"--per-token {text}: say INPUT,OUTPUT, such as 0.000002,0.000006")
    return registry_pb2.PerToken(input_rate=read.strip(), output_rate=written.strip())


def _shares(text: str | None) -> Any:
    from counterfoil.v1 import registry_pb2

    parts = (text or "").split(",")
    if len(parts) != 3:
        raise CommandError(f"--share {text}: say CREATOR,PLATFORM,HOST, such as 70%,10%,20%")
    creator, platform, host = (parse_portion(part, "--share") for part in parts)
    return registry_pb2.RevenueShare(creator_ppm=creator, platform_ppm=platform, host_ppm=host)


def _fee(option: str, text: str | None) -> dict[str, Any]:
    from counterfoil.v1 import registry_pb2

    amount, slash, period = (text or "").partition("/")
    if not slash or period not in _PERIODS:
        raise CommandError(f"{option} {text}: say AMOUNT/day, AMOUNT/month or AMOUNT/year")
    number = registry_pb2.BillingPeriod.Value(f"BILLING_PERIOD_{period.upper()}")
    return {"amount": amount.strip(), "period": number}
