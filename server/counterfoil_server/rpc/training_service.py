"""TrainingService: proofs of training."""

from typing import TypeVar

from counterfoil.entry import parse_record
from counterfoil.log import Entry
from counterfoil.log.assessments import Said, read_said
from counterfoil.record import TRAINING
from counterfoil.v1 import record_pb2, training_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger
from counterfoil_server.rpc.assemble import Servicer
from counterfoil_server.rpc.records import fill_page, get_one, record_one

T = TypeVar("T", training_service_pb2.RecordTrainingResponse, training_service_pb2.Training)


class TrainingService(Servicer):
    """Who said that which data went into which model."""

    DESCRIPTOR = training_service_pb2.DESCRIPTOR.services_by_name["TrainingService"]
    WRITES = frozenset({"RecordTraining"})

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self._ledger = ledger

    async def record_training(
        self, data: bytes, caller: Caller
    ) -> training_service_pb2.RecordTrainingResponse:
        """Record one; the answer with its receipt leaves after it is durable."""
        request = training_service_pb2.RecordTrainingRequest
        recorded = await record_one(
            self._ledger,
            caller,
            TRAINING,
            request,
            data,
            "training",
            assess=self._ledger.assessor.assess_training,
        )
        response = recorded.fill(training_service_pb2.RecordTrainingResponse(), "training_id")
        return _with_said(response, recorded.said)

    async def get_training(
        self, request: training_service_pb2.GetTrainingRequest, caller: Caller
    ) -> training_service_pb2.GetTrainingResponse:
        """One by its training_id."""
        entry = get_one(self._ledger, caller, TRAINING, request.training_id)
        training = _convert(entry)
        with self._ledger.log.store.snapshot() as snapshot:
            said = read_said(snapshot, entry.index)
        return training_service_pb2.GetTrainingResponse(training=_with_said(training, said))

    async def list_trainings(
        self, request: training_service_pb2.ListTrainingsRequest, caller: Caller
    ) -> training_service_pb2.ListTrainingsResponse:
        """By creator, model and dataset."""
        response = training_service_pb2.ListTrainingsResponse()
        filters = ("creator_id", "model_id", "dataset_id")
        return fill_page(
            self._ledger,
            caller,
            TRAINING,
            request,
            response,
            response.trainings,
            _convert,
            *filters,
        )


def _with_said(message: T, said: Said | None) -> T:
    """A message that has room for a verdict, with what was said, if anything was."""
    if said is not None:
        message.assessment_index, verdict = said
        message.verdict.CopyFrom(verdict)
    return message


def _convert(entry: Entry) -> training_service_pb2.Training:
    fields = parse_record(entry.record)
    return training_service_pb2.Training(
        training_id=entry.id,
        index=entry.index,
        time_us=entry.leaf.time_us,
        submitter=fields.submitter,
        request_id=fields.request_id,
        training=record_pb2.ProofOfTraining.FromString(entry.body),
    )
