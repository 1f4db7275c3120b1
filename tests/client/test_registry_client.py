"""The registry through the client: writes are verified before they return, whatever the ledger answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from counterfoil.errors import VerificationError
from counterfoil.receipt import verify_receipt
from counterfoil.v1 import registry_pb2
from counterfoil.v1.registry_pb2 import Asset, Creator, License, Price
from counterfoil.v1.registry_service_pb2 import UseQuery
from counterfoil_client import LedgerClient, LedgerError

from ..support.ledger_process import LedgerProcess

LISTED = registry_pb2.VISIBILITY_LISTED
TRAINING = registry_pb2.USE_TRAINING


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture
def owner(client: LedgerClient, submitter: str) -> Creator:
    """A creator with the submitter's name, registered."""
    body = Creator(creator_id=submitter, display_name="Ada", consents=["CONSENT_TRAINING"])
    client.registry.creators.create(body)
    return body


def test_an_object_goes_through_its_life(client: LedgerClient, submitter: str) -> None:
    """Created, updated, listed and ended, each version with a receipt that anybody can verify."""
    creators = client.registry.creators
    first = creators.create(Creator(creator_id=submitter, display_name="A"))
    body = Creator(creator_id=submitter, display_name="B", replaces=first.version.etag)
    second = creators.update(body)
    third = creators.revoke(submitter, second.version.etag, reason="left")

    state = creators.get(submitter)
    history = list(creators.history(submitter, page_size=2))

    assert (state.creator, state.version) == (body, second.version)
    assert state.revocation_version == third.version
    assert [each.version for each in history] == [first.version, second.version, third.version]
    for written in (first, second, third):
        verified = verify_receipt(written.receipt, client.vkey)
        assert verified.index == written.version.index
        assert client.receipt(written.version.etag) == written.receipt
    assert submitter in [each.creator.creator_id for each in creators.list(page_size=3)]


def test_the_other_kinds_are_alike(client: LedgerClient, owner: Creator) -> None:
    """Assets, licences and prices have the same methods, and lists with filters."""
    registry, name = client.registry, owner.creator_id
    price = Price(
        price_id=name, creator_id=name, currency="EUR", per_call=registry_pb2.PerCall(rate="1")
    )
    asset = Asset(asset_id=name, creator_id=name, visibility=LISTED)
    terms = registry_pb2.LicenseTerms(allowed_uses=[TRAINING])
    licence = License(
        license_id=name, creator_id=name, asset_id=name, buyer="acme", price_id=name, terms=terms
    )
    registry.prices.create(price)
    registry.assets.create(asset)
    registry.licenses.create(licence)

    assert [each.asset for each in registry.assets.list(creator_id=name)] == [asset]
    assert [each.price for each in registry.prices.list(creator_id=name)] == [price]
    found = registry.licenses.list(creator_id=name, asset_id=name, buyer="acme")
    assert [each.license for each in found] == [licence]
    assert not list(registry.licenses.list(creator_id=name, buyer="umbrella"))
    assert not list(registry.contested_assets(creator_id=name))
    query = UseQuery(asset_id=name, buyer="acme", use=TRAINING)
    coverage = registry.check_coverage(query)
    assert (coverage.covered, coverage.price) == (True, price)
    assert list(registry.check_coverages([query] * 3)) == [coverage] * 3
    assert registry.license_templates()
    assert registry.export_license(name, "LICENSE_FORMAT_RSL").document


def test_a_repeat_is_the_original(client: LedgerClient, submitter: str) -> None:
    """The same write in the same name is a duplicate with the same receipt."""
    body = Creator(creator_id=submitter)
    first = client.registry.creators.create(body, request_id="r")
    again = client.registry.creators.create(body, request_id="r")

    assert (first.duplicate, again.duplicate) == (False, True)
    assert (again.version, again.receipt) == (first.version, first.receipt)


def test_refusals_say_why(client: LedgerClient, owner: Creator) -> None:
    """A lost race and a second first version carry reason and newest etag; what is not there is not found."""
    creators = client.registry.creators
    etag = creators.get(owner.creator_id).version.etag
    late = Creator(creator_id=owner.creator_id, replaces="cr_1_00000000")

    for write, reason in ((creators.update, "ETAG_MISMATCH"), (creators.create, "EXISTS")):
        with pytest.raises(LedgerError) as caught:
            write(late if reason == "ETAG_MISMATCH" else Creator(creator_id=owner.creator_id))
        assert (caught.value.reason, caught.value.metadata["etag"]) == (reason, etag)
    with pytest.raises(LedgerError) as caught:
        client.registry.assets.get("nothing")
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "NOT_FOUND")
    with pytest.raises(ValueError, match="no_such"):
        list(creators.list(no_such="x"))


def _other_etag(recorded: Any) -> None:
    recorded.version.etag = "cr_0_00000000"


def _other_index(recorded: Any) -> None:
    recorded.version.index += 1


def _other_time(recorded: Any) -> None:
    recorded.version.time_us += 1


def _no_receipt(recorded: Any) -> None:
    recorded.receipt = b""


def _broken_receipt(recorded: Any) -> None:
    recorded.receipt = recorded.receipt[:-1] + bytes((recorded.receipt[-1] ^ 1,))


SPOILT = (_other_etag, _other_index, _other_time, _no_receipt, _broken_receipt)


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("ends", [False, True])
def test_an_answer_that_is_not_the_receipts_is_refused(
    client: LedgerClient,
    submitter: str,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Any], None],
    ends: bool,
) -> None:
    """Whatever is said beside the receipt must be what the receipt proves."""
    creators = client.registry.creators
    etag = creators.create(Creator(creator_id=submitter)).version.etag if ends else ""
    lie(client, monkeypatch, lambda answer: spoil(answer.recorded))

    def write() -> object:
        if ends:
            return creators.revoke(submitter, etag)
        return creators.create(Creator(creator_id=submitter))

    with pytest.raises(VerificationError):
        write()


def test_a_receipt_of_another_write_is_refused(
    client: LedgerClient, submitter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good receipt, with its own index and etag, but for another object."""
    creators = client.registry.creators
    other = creators.create(Creator(creator_id=f"{submitter}-other"))

    def swap(answer: Any) -> None:
        answer.recorded.receipt = other.receipt
        answer.recorded.version.CopyFrom(other.version)

    lie(client, monkeypatch, swap)
    with pytest.raises(VerificationError):
        creators.create(Creator(creator_id=submitter))


def test_answers_to_other_questions_are_refused(
    client: LedgerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many uses must be judged as were asked about."""
    query = UseQuery(asset_id="a", buyer="b", use=TRAINING)
    lie(client, monkeypatch, lambda answer: answer.coverages.add())

    with pytest.raises(VerificationError, match="2 uses were asked about, the answer is about 3"):
        client.registry.check_coverages([query] * 2)


def lie(
    client: LedgerClient, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], None]
) -> None:
    """Change every answer of RegistryService on its way."""
    honest = client._transport.unary

    def unary(path: str, request: Any, answer: type[Message]) -> Any:
        made = honest(path, request, answer)
        if "RegistryService" in path:
            spoil(made)
        return made

    monkeypatch.setattr(client._transport, "unary", unary)
