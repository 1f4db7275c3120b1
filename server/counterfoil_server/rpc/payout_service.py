"""PayoutService: payouts to creators."""

from counterfoil.entry import parse_record
from counterfoil.log import Entry
from counterfoil.record import PAYOUT
from counterfoil.v1 import payout_service_pb2, record_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger
from counterfoil_server.rpc.assemble import Servicer
from counterfoil_server.rpc.records import fill_page, get_one, record_one


class PayoutService(Servicer):
    """Money owed or sent to a creator for a period."""

    DESCRIPTOR = payout_service_pb2.DESCRIPTOR.services_by_name["PayoutService"]
    WRITES = frozenset({"RecordPayout"})

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self._ledger = ledger

    async def record_payout(
        self, data: bytes, caller: Caller
    ) -> payout_service_pb2.RecordPayoutResponse:
        """Record one; the answer with its receipt leaves after it is durable."""
        request = payout_service_pb2.RecordPayoutRequest
        recorded = await record_one(self._ledger, caller, PAYOUT, request, data, "payout")
        return recorded.fill(payout_service_pb2.RecordPayoutResponse(), "payout_id")

    async def get_payout(
        self, request: payout_service_pb2.GetPayoutRequest, caller: Caller
    ) -> payout_service_pb2.GetPayoutResponse:
        """One by its payout_id."""
        entry = get_one(self._ledger, caller, PAYOUT, request.payout_id)
        return payout_service_pb2.GetPayoutResponse(payout=_convert(entry))

    async def list_payouts(
        self, request: payout_service_pb2.ListPayoutsRequest, caller: Caller
    ) -> payout_service_pb2.ListPayoutsResponse:
        """By creator and period."""
        response = payout_service_pb2.ListPayoutsResponse()
        filters = ("creator_id", "period")
        return fill_page(
            self._ledger, caller, PAYOUT, request, response, response.payouts, _convert, *filters
        )


def _convert(entry: Entry) -> payout_service_pb2.RecordedPayout:
    fields = parse_record(entry.record)
    return payout_service_pb2.RecordedPayout(
        payout_id=entry.id,
        index=entry.index,
        time_us=entry.leaf.time_us,
        submitter=fields.submitter,
        request_id=fields.request_id,
        payout=record_pb2.Payout.FromString(entry.body),
    )
