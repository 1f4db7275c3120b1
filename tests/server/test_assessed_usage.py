"""Usage and training that come in are judged by what was agreed, and the verdict is logged right behind them."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.receipt import verify_receipt
from counterfoil.v1 import assessment_pb2, record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected, event, now_us, training, verify_accepted
from .registry import RegistryEdge, asset, creator, licence


@pytest.fixture(scope="module")
def agreed(own: Edge) -> Agreed:
    """A creator, an asset and a licence for everybody."""
    return Agreed(own)


class Agreed:
    """A ledger with one work that everybody may use for inference, in any way but in the United States."""

    def __init__(self, edge: Edge) -> None:
        self.edge, self.registry = edge, RegistryEdge(edge)
        self.creator = creator(
            consents=[record_pb2.CONSENT_INFERENCE, record_pb2.CONSENT_COMMERCIAL]
        )
        self.registry.create(self.creator)
        self.asset = asset(self.creator.creator_id)
        self.registry.create(self.asset)
        terms = registry_pb2.LicenseTerms(
            allowed_uses=[registry_pb2.USE_INFERENCE], commercial_use=True, territories=["FR"]
        )
        self.license = licence(self.creator.creator_id, terms=terms)
        self.licensed = self.registry.create(self.license).recorded

    def use(self, **fields: Any) -> record_pb2.UsageEvent:
        """A use that is covered, with other values in some fields."""
        given = {"asset_id": self.asset.asset_id, "territory": "FR"}
        return event(**(given | fields))

    def verdicts(self, answer: Any) -> list[Any]:
        """The verdict on each accepted event of an answer."""
        said = answer.assessment
        numbers = said.verdict_numbers or bytes(2 * said.count)
        return [
            said.verdicts[int.from_bytes(numbers[at : at + 2], "little")]
            for at in range(0, len(numbers), 2)
        ]


def test_covered_and_uncovered_use_is_told_apart(agreed: Agreed) -> None:
    """Each event of a batch has its verdict; what is not covered is logged all the same, and says why."""
    events = [agreed.use(), agreed.use(territory="US"), agreed.use(asset_id="nobody's"[:6])]
    answer = agreed.edge.append(events)

    assert (answer.accepted, answer.rejected) == (3, 0)
    first, second, third = agreed.verdicts(answer)
    assert first.assets[0].covered
    assert first.assets[0].license_id == agreed.license.license_id
    assert first.assets[0].license_etag == agreed.licensed.version.etag
    assert second.assets[0].fault == service.COVERAGE_FAULT_TERRITORY
    assert third.assets[0].fault == service.COVERAGE_FAULT_ASSET_UNKNOWN
    verify_accepted(agreed.edge, answer, events)


def test_the_verdict_is_an_entry_of_the_log(agreed: Agreed) -> None:
    """It stands right behind the batch, in the same commit, with a receipt of its own; and the event says where."""
    one = agreed.use()
    answer = agreed.edge.append([one])
    entry = agreed.edge.entry(answer.assessment_index)

    assert answer.assessment_index == answer.first_index + 1
    assert (entry.kind, entry.time_us) == (10, agreed.edge.entry(answer.first_index).time_us)
    found = agreed.edge.find_event(one.event_id)
    assert found.assessment_index == answer.assessment_index
    assert found.verdict == agreed.verdicts(answer)[0]


def test_a_repeated_event_is_not_judged_again(agreed: Agreed) -> None:
    """A duplicate adds nothing to the log; what was said about the original stays."""
    one = agreed.use()
    agreed.edge.append([one])
    size = agreed.edge.size()
    answer = agreed.edge.append([one])

    assert (answer.duplicates, agreed.edge.size()) == (1, size)
    assert not answer.HasField("assessment")


def test_a_refused_event_is_not_judged(agreed: Agreed) -> None:
    """Verdicts are about what was accepted, in its order."""
    answer = agreed.edge.append([agreed.use(), event(model_id=""), agreed.use(territory="US")])

    assert (answer.accepted, answer.rejected) == (2, 1)
    assert [each.assets[0].covered for each in agreed.verdicts(answer)] == [True, False]


def test_a_revocation_counts_from_its_time_on(agreed: Agreed) -> None:
    """Use from before the end of a licence stays covered, whenever it is told; use after it is not."""
    terms = registry_pb2.LicenseTerms(
        allowed_uses=[registry_pb2.USE_INFERENCE], commercial_use=True
    )
    other = licence(agreed.creator.creator_id, terms=terms)
    etag = agreed.registry.create(other).recorded.version.etag
    early_us = now_us()
    revocation = registry_pb2.Revocation(kind=7, object_id=other.license_id, replaces=etag)
    ended = agreed.registry.call("Revoke", submitter="platform", revocation=revocation)
    late_us = ended.recorded.version.effective_time_us

    answer = agreed.edge.append(
        [
            agreed.use(license_id=other.license_id, event_time_us=early_us),
            agreed.use(license_id=other.license_id, event_time_us=late_us - 1),
            agreed.use(license_id=other.license_id, event_time_us=late_us),
        ]
    )

    before, just_before, after = agreed.verdicts(answer)
    assert before.assets[0].covered
    assert just_before.assets[0].covered
    assert after.assets[0].fault == service.COVERAGE_FAULT_REVOKED
    assert [flag.kind for flag in after.flags] == [assessment_pb2.FLAG_KIND_AFTER_REVOCATION]


def test_a_training_is_judged_too(agreed: Agreed) -> None:
    """Nobody licensed training: the proof is logged, and its verdict says that the creator does not agree."""
    body = training(dataset_id=agreed.asset.asset_id, creator_id=agreed.creator.creator_id)
    answer = agreed.edge.train(body)

    assert answer.verdict.assets[0].fault == service.COVERAGE_FAULT_CONSENT
    assert answer.assessment_index == answer.index + 1
    verify_receipt(answer.receipt, agreed.edge.vkey)
    again = agreed.edge.train(body)
    assert (again.duplicate, again.verdict) == (True, answer.verdict)


def test_use_through_a_training_is_about_its_dataset(agreed: Agreed) -> None:
    """An event that names only the training is judged for the asset that was trained on."""
    body = training(dataset_id=agreed.asset.asset_id, creator_id=agreed.creator.creator_id)
    name = agreed.edge.train(body).training_id
    answer = agreed.edge.append([event(receipt_ref=name, territory="FR")])

    (verdict,) = agreed.verdicts(answer)
    assert (verdict.assets[0].asset_id, verdict.assets[0].covered) == (
        agreed.asset.asset_id,
        True,
    )


def test_many_tokens_are_flagged_and_kept(agreed: Agreed) -> None:
    """An event beyond the cap is evidence: it is logged with a flag."""
    answer = agreed.edge.append([agreed.use(tokens=5_000_000)])

    assert answer.accepted == 1
    (flag,) = agreed.verdicts(answer)[0].flags
    assert (flag.kind, flag.limit) == (assessment_pb2.FLAG_KIND_EVENT_TOKENS, 4_000_000)


def test_a_ledger_without_a_registry_says_nothing(ledger: LedgerProcess) -> None:
    """While nothing is registered, the log has the events alone."""
    with connected(ledger) as edge:
        answer = edge.append([event(), event()])

        assert not answer.HasField("assessment")
        assert edge.size() == answer.first_index + 2
