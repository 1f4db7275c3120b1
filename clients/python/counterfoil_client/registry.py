"""The registry as a client sees it: creators, assets, licences and prices, all by the same few methods.

::

    with LedgerClient("127.0.0.1:7070", trust=vkey, submitter="platform") as client:
        ada = client.registry.creators.create(Creator(creator_id="ada", display_name="Ada"))
        client.registry.creators.update(
            Creator(creator_id="ada", display_name="Ada L.", replaces=ada.version.etag)
        )

Writes are checked as all writes are: what they return has a receipt that verifies for the bytes that were sent. Reads are as
the ledger tells them; ``LedgerClient.receipt(version.etag)`` has the evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from google.protobuf.message import Message

from counterfoil.errors import VerificationError
from counterfoil.limits import PAGE_SIZE_MAX
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, REVOCATION, Kind, format_id
from counterfoil.v1 import registry_service_pb2 as service
from counterfoil.v1.registry_pb2 import Asset, Creator, License, Price, Revocation
from counterfoil_client.chance import new_id
from counterfoil_client.reading import pages
from counterfoil_client.requests import format_write
from counterfoil_client.session import Session

_SERVICE: Final = "/counterfoil.v1.RegistryService/"

Body = TypeVar("Body", Creator, Asset, License, Price)
State = TypeVar(
    "State",
    service.CreatorState,
    service.AssetState,
    service.LicenseState,
    service.PriceState,
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A version that is in the log.

    Attributes:
        version: where it stands; ``version.etag`` is what the next version replaces.
        receipt: in its binary form, verified.
        duplicate: the request_id was known; this is the original's receipt.
        contested_by: assets of other creators with the same content, where it is an asset.
    """

    version: service.Version
    receipt: bytes
    duplicate: bool
    contested_by: tuple[str, ...] = ()


class Objects(Generic[Body, State]):
    """The objects of one kind. May be used from many threads."""

    def __init__(self, session: Session, kind: Kind) -> None:
        """Made by :class:`Registry`."""
        self._session = session
        self._kind = kind
        self._name = str(kind.message.DESCRIPTOR.name)
        self._field = self._name.lower()

    def create(self, body: Body | bytes, request_id: str | None = None) -> Registered:
        """Register an object: its first version. The receipt is verified before this returns.

        Args:
            body: the message, or its bytes.
            request_id: the name of this write, the same in each try; None makes a new one.

        Raises:
            LedgerError: the call failed or was refused; reason ``EXISTS`` when there is such an object.
            VerificationError: the receipt is not good for this record.
        """
        return self._write("Create", body, request_id)

    def update(self, body: Body | bytes, request_id: str | None = None) -> Registered:
        """Register a later version, whose ``replaces`` is the etag of the newest. Arguments as for :meth:`create`.

        Raises:
            LedgerError: the call failed or was refused; reason ``ETAG_MISMATCH`` when another version came between.
            VerificationError: the receipt is not good for this record.
        """
        return self._write("Update", body, request_id)

    def revoke(
        self,
        object_id: str,
        etag: str,
        *,
        reason: str = "",
        effective_time_us: int = 0,
        request_id: str | None = None,
    ) -> Registered:
        """End an object. The receipt is verified before this returns.

        Args:
            etag: its newest version. reason: in words.
            effective_time_us: when it ends, microseconds since 1970; 0 for now. A licence's notice can make it later.
            request_id: the name of this write, the same in each try; None makes a new one.

        Raises:
            LedgerError: the call failed or was refused.
            VerificationError: the receipt is not good for this record.
        """
        body = Revocation(
            kind=self._kind.number,
            object_id=object_id,
            replaces=etag,
            reason=reason,
            effective_time_us=effective_time_us,
        )
        return write(self._session, "Revoke", REVOCATION, body, request_id)

    def get(self, object_id: str) -> State:
        """An object as it is now.

        Raises:
            LedgerError: there is no such object, or the call failed.
        """
        request = self._message("Get{}Request")(**{f"{self._field}_id": object_id})
        answer = self._call(f"Get{self._name}", request, self._message("Get{}Response"))
        state: State = getattr(answer, self._field)
        return state

    def list(self, *, page_size: int = PAGE_SIZE_MAX, **filters: str) -> Iterator[State]:
        """Objects in the order of registration. Filters are fields of the list's request, and combine.

        Raises:
            LedgerError: a call failed.
            ValueError: there is no such filter.
        """
        request = self._message("List{}sRequest")(page_size=page_size, **filters)
        answer = self._message("List{}sResponse")
        return _pages(self._session, f"List{self._name}s", request, answer, f"{self._field}s")

    def history(
        self, object_id: str, *, page_size: int = PAGE_SIZE_MAX
    ) -> Iterator[service.ObjectVersion]:
        """Everything that an object ever said, oldest first, its end included.

        Raises:
            LedgerError: there is no such object, or a call failed.
        """
        request = service.ListVersionsRequest(
            kind=self._kind.number, object_id=object_id, page_size=page_size
        )
        answer = service.ListVersionsResponse
        return _pages(self._session, "ListVersions", request, answer, "versions")

    def _write(self, verb: str, body: Any, request_id: str | None) -> Registered:
        return write(self._session, verb + self._name, self._kind, body, request_id)

    def _call(self, method: str, request: Message, answer: type[Message]) -> Any:
        return self._session.transport.unary(_SERVICE + method, request, answer)

    def _message(self, form: str) -> type[Message]:
        found: type[Message] = getattr(service, form.format(self._name))
        return found


class Registry:
    """What was agreed upon: objects of four kinds, and what follows from them."""

    def __init__(self, session: Session) -> None:
        """Made by ``LedgerClient``."""
        self._session = session
        self.creators: Objects[Creator, service.CreatorState] = Objects(session, CREATOR)
        self.assets: Objects[Asset, service.AssetState] = Objects(session, ASSET)
        self.licenses: Objects[License, service.LicenseState] = Objects(session, LICENSE)
        self.prices: Objects[Price, service.PriceState] = Objects(session, PRICE)

    def contested_assets(
        self, *, creator_id: str = "", page_size: int = PAGE_SIZE_MAX
    ) -> Iterator[service.AssetState]:
        """Assets, of one creator or of all, that have content in common with another creator's.

        Raises:
            LedgerError: a call failed.
        """
        request = service.ListContestedAssetsRequest(creator_id=creator_id, page_size=page_size)
        answer = service.ListContestedAssetsResponse
        return _pages(self._session, "ListContestedAssets", request, answer, "assets")

    def check_coverage(self, query: service.UseQuery) -> service.Coverage:
        """Is this use covered, by which licence and at what price; if not, which term fails.

        Raises:
            LedgerError: the call failed or was refused.
        """
        request = service.CheckCoverageRequest(query=query)
        path = _SERVICE + "CheckCoverage"
        return self._session.transport.unary(path, request, service.CheckCoverageResponse).coverage

    def check_coverages(self, queries: Sequence[service.UseQuery]) -> Sequence[service.Coverage]:
        """The same for up to 1,000 uses, all as of one size of the log.

        Raises:
            LedgerError: the call failed or was refused.
            VerificationError: the ledger answers another number of questions.
        """
        request = service.CheckCoveragesRequest(queries=queries)
        path = _SERVICE + "CheckCoverages"
        answer = self._session.transport.unary(path, request, service.CheckCoveragesResponse)
        if len(answer.coverages) != len(queries):
            told = (
                f"{len(queries)} uses were asked about, the answer is about {len(answer.coverages)}"
            )
            raise VerificationError(told)
        return answer.coverages

    def license_templates(self) -> Sequence[service.LicenseTemplate]:
        """The standard clauses that licences can name.

        Raises:
            LedgerError: the call failed.
        """
        request = service.ListLicenseTemplatesRequest()
        path = _SERVICE + "ListLicenseTemplates"
        answer = service.ListLicenseTemplatesResponse
        return self._session.transport.unary(path, request, answer).templates

    def export_license(
        self,
        license_id: str,
        format: service.LicenseFormat | str,  # noqa: A002
    ) -> service.ExportLicenseResponse:
        """A licence for other programs.

        Raises:
            LedgerError: there is no such licence, or the call failed.
        """
        request = service.ExportLicenseRequest(license_id=license_id, format=format)
        path = _SERVICE + "ExportLicense"
        return self._session.transport.unary(path, request, service.ExportLicenseResponse)


def write(
    session: Session, method: str, kind: Kind, body: Any, request_id: str | None
) -> Registered:
    """Write one version, and verify what comes back.

    Raises:
        LedgerError: the call failed or was refused.
        VerificationError: the receipt is not good for this record, or the answer names another entry.
    """
    request_id = new_id() if request_id is None else request_id
    raw = body if isinstance(body, bytes) else body.SerializeToString(deterministic=True)
    request = format_write(session.log.writer.submitter, request_id, raw)
    answer_type = getattr(service, f"{method}Response")
    answer: Any = session.transport.unary(_SERVICE + method, request, answer_type)
    recorded = answer.recorded
    verified = session.check_written(recorded.receipt, kind.number, kind.message, request_id, raw)
    etag = format_id(kind.id_prefix, verified.index, verified.leaf_hashes[0])
    told = (recorded.version.etag, recorded.version.index, recorded.version.time_us)
    if told != (etag, verified.index, verified.time_us):
        raise VerificationError("the answer names another version than its receipt")
    contested = tuple(getattr(answer, "contested_by", ()))
    return Registered(recorded.version, recorded.receipt, recorded.duplicate, contested)


def _pages(
    session: Session, method: str, request: Any, answer: type[Message], items: str
) -> Iterator[Any]:
    return pages(session.transport, _SERVICE + method, request, answer, items)
