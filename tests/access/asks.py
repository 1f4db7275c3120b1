"""For each method a request about what belongs to one side, ``a`` or ``b``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message

from counterfoil.v1 import (
    access_service_pb2,
    log_service_pb2,
    payout_service_pb2,
    training_service_pb2,
    usage_service_pb2,
)

from ..server.edge import event, payout, training
from .asks_registry import REGISTRY_ASKS
from .world import World, fresh

Ask = Callable[[World, str, str], Sequence[Message]]
"""Given the world, whose person asks, and whose things it is about (a side); the requests."""


def _one(make: Callable[[World, str, str], Message]) -> Ask:
    return lambda world, name, side: [make(world, name, side)]


def _stream(_world: World, _name: str, side: str) -> Sequence[Message]:
    hello = usage_service_pb2.StreamHello(submitter=f"host_{side}", stream_id=fresh("stream"))
    batch = usage_service_pb2.StreamBatch(sequence=1, events=[event()])
    return [
        usage_service_pb2.StreamUsageRequest(hello=hello),
        usage_service_pb2.StreamUsageRequest(batch=batch),
    ]


def _key_of(world: World, name: str, side: str) -> str:
    """A fresh key of the person that asks for side a, and of somebody else for side b."""
    owner = name if side == "a" else "host_b"
    request = access_service_pb2.CreateApiKeyRequest(principal_id=owner)
    made: Any = world.lines["operator"].call("AccessService.CreateApiKey", request)
    return str(made.answers[0].key.key_id)


def _certificate_name(_world: World, _name: str, _side: str) -> access_service_pb2.CertificateName:
    return access_service_pb2.CertificateName(
        name=f"dns:{fresh('machine')}.example", principal_id="host_b"
    )


def _added_name(world: World, name: str, side: str) -> str:
    """A name of a certificate that stands for somebody."""
    wanted = _certificate_name(world, name, side)
    request = access_service_pb2.AddCertificateNameRequest(certificate_name=wanted)
    world.lines["operator"].call("AccessService.AddCertificateName", request)
    return wanted.name


def _new_principal(_world: World, _name: str, _side: str) -> Message:
    principal = access_service_pb2.Principal(
        principal_id=fresh("person"), role=access_service_pb2.ROLE_AUDITOR
    )
    return access_service_pb2.CreatePrincipalRequest(principal=principal)


ASKS: dict[str, Ask] = {
    **REGISTRY_ASKS,
    "LogService.GetLogInfo": _one(lambda *_: log_service_pb2.GetLogInfoRequest()),
    "LogService.GetCheckpoint": _one(lambda *_: log_service_pb2.GetCheckpointRequest()),
    "LogService.GetInclusionProof": _one(
        lambda world, _, side: log_service_pb2.GetInclusionProofRequest(index=world.events[side])
    ),
    "LogService.GetConsistencyProof": _one(
        lambda *_: log_service_pb2.GetConsistencyProofRequest(old_size=1)
    ),
    "LogService.ListEntries": _one(lambda *_: log_service_pb2.ListEntriesRequest(page_size=1)),
    "LogService.TailEntries": _one(lambda *_: log_service_pb2.TailEntriesRequest(stop_at_end=True)),
    "LogService.GetEntry": _one(
        lambda world, _, side: log_service_pb2.GetEntryRequest(index=world.events[side])
    ),
    "LogService.GetReceipt": _one(
        lambda world, _, side: log_service_pb2.GetReceiptRequest(
            id=world.trainings[side].training_id
        )
    ),
    "TrainingService.RecordTraining": _one(
        lambda _world, _, side: training_service_pb2.RecordTrainingRequest(
            submitter=f"host_{side}", training=training(notes=fresh("note"))
        )
    ),
    "TrainingService.GetTraining": _one(
        lambda world, _, side: training_service_pb2.GetTrainingRequest(
            training_id=world.trainings[side].training_id
        )
    ),
    "TrainingService.ListTrainings": _one(
        lambda _world, _, side: training_service_pb2.ListTrainingsRequest(
            creator_id=f"creator_{side}"
        )
    ),
    "UsageService.AppendUsage": _one(
        lambda _world, _, side: usage_service_pb2.AppendUsageRequest(
            submitter=f"host_{side}", events=[event()]
        )
    ),
    "UsageService.StreamUsage": _stream,
    "UsageService.GetUsageEvent": _one(
        lambda _world, _, side: usage_service_pb2.GetUsageEventRequest(
            submitter=f"host_{side}", event_id=f"e_{side}"
        )
    ),
    "PayoutService.RecordPayout": _one(
        lambda _world, _, side: payout_service_pb2.RecordPayoutRequest(
            submitter="bank",
            payout=payout(creator_id=f"creator_{side}", tx_ref=fresh("tx")),
        )
    ),
    "PayoutService.GetPayout": _one(
        lambda world, _, side: payout_service_pb2.GetPayoutRequest(
            payout_id=world.payouts[side].payout_id
        )
    ),
    "PayoutService.ListPayouts": _one(
        lambda _world, _, side: payout_service_pb2.ListPayoutsRequest(creator_id=f"creator_{side}")
    ),
    "AccessService.WhoAmI": _one(lambda *_: access_service_pb2.WhoAmIRequest()),
    "AccessService.CreatePrincipal": _one(_new_principal),
    "AccessService.UpdatePrincipal": _one(
        lambda *_: access_service_pb2.UpdatePrincipalRequest(
            principal_id="host_b", display_name="B"
        )
    ),
    "AccessService.GetPrincipal": _one(
        lambda *_: access_service_pb2.GetPrincipalRequest(principal_id="host_b")
    ),
    "AccessService.ListPrincipals": _one(lambda *_: access_service_pb2.ListPrincipalsRequest()),
    "AccessService.CreateApiKey": _one(
        lambda *_: access_service_pb2.CreateApiKeyRequest(principal_id="host_b")
    ),
    "AccessService.RotateApiKey": _one(
        lambda *given: access_service_pb2.RotateApiKeyRequest(key_id=_key_of(*given))
    ),
    "AccessService.RevokeApiKey": _one(
        lambda *given: access_service_pb2.RevokeApiKeyRequest(key_id=_key_of(*given))
    ),
    "AccessService.ListApiKeys": _one(
        lambda _world, name, side: access_service_pb2.ListApiKeysRequest(
            principal_id=name if side == "a" else "host_b"
        )
    ),
    "AccessService.ListAuditEvents": _one(lambda *_: access_service_pb2.ListAuditEventsRequest()),
    "AccessService.IssueToken": _one(lambda *_: access_service_pb2.IssueTokenRequest()),
    "AccessService.AddCertificateName": _one(
        lambda *given: access_service_pb2.AddCertificateNameRequest(
            certificate_name=_certificate_name(*given)
        )
    ),
    "AccessService.RemoveCertificateName": _one(
        lambda *given: access_service_pb2.RemoveCertificateNameRequest(name=_added_name(*given))
    ),
    "AccessService.ListCertificateNames": _one(
        lambda *_: access_service_pb2.ListCertificateNamesRequest()
    ),
}
