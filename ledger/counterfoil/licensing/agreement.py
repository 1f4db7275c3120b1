"""A licence with what belongs to it, for export to formats of others, and what they have no place for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from counterfoil.licensing.terms import format_time, name_some
from counterfoil.record.license import is_address


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an export is made from: parsed bodies.

    Attributes:
        license: the License. price: its Price; None exactly when the licence names none.
        creator: whose works. asset: the one it is for; None for the whole catalogue.
    """

    license: Any
    price: Any | None = None
    creator: Any | None = None
    asset: Any | None = None

    def __post_init__(self) -> None:
        """Refuse a licence whose price is not at hand: without it a document would offer for nothing.

        Raises:
            ValueError: the licence names a price and none is given, or the other way around.
        """
        if bool(self.license.price_id) != (self.price is not None):
            raise ValueError("a licence is exported with its price, where it names one")

    @property
    def work(self) -> str:
        """Where the works are, as their metadata say under ``url``; else a name that no address is mistaken for."""
        registered = self.asset if self.license.asset_id else self.creator
        found = registered.metadata.get("url", "") if registered is not None else ""
        return found if is_address(found) else self.urn

    @property
    def urn(self) -> str:
        """A name for the works in the form of RFC 8141."""
        if self.license.asset_id:
            return f"urn:counterfoil:asset:{self.license.asset_id}"
        return f"urn:counterfoil:creator:{self.license.creator_id}"


class LeftOut(NamedTuple):
    """What a format has no place for, in words, and whether the document allows more than the licence without it."""

    told: str
    limits: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """A licence in another format.

    Attributes:
        media_type: of the document. document: its text.
        left_out: what the licence says and the document does not, what limits it first.
        widens: whether the document by itself allows something that the licence does not. Such a document is for those who
            know the licence too; published, it would be an offer to everybody.
    """

    media_type: str
    document: str
    left_out: Sequence[str]
    widens: bool


def exported(
    media_type: str, document: str, left_out: Iterable[LeftOut], *, widens: bool
) -> Exported:
    """Put the parts of an export together."""
    ordered = sorted(left_out, key=lambda each: not each.limits)
    return Exported(media_type, document, [each.told for each in ordered], widens)


def unplaced_limits(license_: Any) -> Iterator[LeftOut]:
    """The limits of a licence that neither format can state."""
    terms = license_.terms
    if license_.buyer:
        yield LeftOut(f"buyer: for {license_.buyer} alone", limits=True)
    if terms.start_time_us:
        yield LeftOut(f"start_time_us: from {format_time(terms.start_time_us)}", limits=True)
    if terms.end_time_us:
        yield LeftOut(f"end_time_us: until {format_time(terms.end_time_us)}", limits=True)
    if terms.models_allowed:
        yield LeftOut(f"models_allowed: {name_some(terms.models_allowed)}", limits=True)
    if terms.models_excluded:
        yield LeftOut(f"models_excluded: {name_some(terms.models_excluded)}", limits=True)


def unplaced_facts(agreement: Agreement) -> Iterator[LeftOut]:
    """What else a licence says and neither format has a place for."""
    license_ = agreement.license
    policy = license_.terms.revocation
    if policy.irrevocable:
        yield LeftOut("revocation: irrevocable")
    elif policy.notice_s:
        yield LeftOut(f"revocation: with a notice of {policy.notice_s} seconds")
    if license_.template:
        yield LeftOut(f"template: {license_.template}")
    if license_.terms_sha256:
        yield LeftOut(f"terms_sha256: {license_.terms_sha256.hex()}")
    if license_.metadata:
        yield LeftOut(f"metadata: {name_some(sorted(license_.metadata))}")
    if agreement.work == agreement.urn:
        told = "where the works are: the metadata of asset or creator name no url, so that the document has a name for them"
        yield LeftOut(told)
