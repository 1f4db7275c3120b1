"""What is asked about a use, what is known about it, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from counterfoil.record.history import History, Version
from counterfoil.v1 import registry_service_pb2 as service

NO_FAULT = service.COVERAGE_FAULT_UNSPECIFIED


class Question(NamedTuple):
    """All that a use says about itself but for when it was: what repeats among the events of a batch.

    Attributes:
        asset_id: what is used. buyer: the tenant who uses it.
        use: a number of the enum Use.
        model_id: with which model; empty when it is not known.
        territory: ISO 3166-1 alpha-2; empty when it is not known.
        commercial: whether somebody earns by it.
        license_id: the one licence to ask, or empty for any.
    """

    asset_id: str
    buyer: str
    use: int
    model_id: str = ""
    territory: str = ""
    commercial: bool = False
    license_id: str = ""

    @classmethod
    def of(cls, query: Any) -> "Question":
        """What a UseQuery asks about; its time is left to the caller, who knows what now is."""
        return cls(*(getattr(query, name) for name in cls._fields))


@dataclass(frozen=True)
class Known:
    """What the registry has about a question; about all questions that name the same asset, buyer and licence.

    Attributes:
        asset: the asset; None when nobody registered it. creator: whose it is.
        licenses: any licences, those for the asset and for its creator's catalogue among them.
        prices: by price id; at least those that the licences name.
    """

    asset: History | None = None
    creator: History | None = None
    licenses: Sequence[History] = ()
    prices: Mapping[str, History] = field(default_factory=dict)

    @cached_property
    def moments_us(self) -> Sequence[int]:
        """The moments at which a decision can become another one, in order."""
        moments: set[int] = set()
        for history in (self.asset, self.creator, *self.licenses, *self.prices.values()):
            if history is not None:
                moments.update(version.effective_time_us for version in history.versions)
                if history.end_time_us is not None:
                    moments.add(history.end_time_us)
        for history in self.licenses:
            for version in history.versions:
                moments.add(version.body.terms.start_time_us)
                moments.add(version.body.terms.end_time_us)
        return sorted(moments)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a use is covered, by what and at what price; or why it is not.

    Attributes:
        fault: a number of the enum CoverageFault; zero when the use is covered.
        message: the same in words.
        license: the licence that covers, or comes nearest, as it was then; None when there is none.
        price_id: what the licence costs, where it covers and costs something.
        price: the price as it was then; None when the use costs nothing or the price is not at hand.
    """

    fault: int
    message: str
    license: Version | None = None
    price_id: str = ""
    price: Version | None = None

    @property
    def covered(self) -> bool:
        """Whether the use is covered."""
        return self.fault == NO_FAULT

    def to_message(self, as_of_size: int) -> service.Coverage:
        """The Coverage that an API answers with; the size is that of the log it was read from."""
        return service.Coverage(
            covered=self.covered,
            license_id=self.license.body.license_id if self.license else "",
            license_etag=self.license.etag if self.license else "",
            price_id=self.price_id,
            price_etag=self.price.etag if self.price else "",
            price=self.price.body if self.price else None,
            fault=self.fault,  # type: ignore[arg-type]
            message=self.message,
            as_of_size=as_of_size,
        )
