"""All forms of receipt: the good ones verify, and evidence about anything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import Policy
from counterfoil.receipt import (
    Receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
    parse_json,
    parse_receipt,
    parse_tlog_proof,
    verify_receipt,
)
from counterfoil.v1 import receipt_pb2

from .small_log import (
    FORM_NAMES,
    FORMS,
    HASHES,
    KINDS,
    LEAVES,
    ORIGIN,
    OTHER_KEY,
    OTHER_LOG,
    RECORDS,
    SALTS,
    SIGNER,
    THIRD_LOG,
    TIMES_US,
    VKEY,
    Form,
    changed,
    checkpoint,
    path,
    receipt,
)

SINGLE = {"receipt": format_receipt, "json": format_json, "tlog-proof": format_tlog_proof}


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_each_form_verifies(form: Form) -> None:
    """A good receipt of any form says which entries it proves, with their content and their tree."""
    note = checkpoint()
    verified = verify_receipt(form.make(note), VKEY)

    end = form.index + form.count
    assert verified.form == form.name
    assert (verified.first_index, verified.index, verified.count) == (
        form.index,
        form.index,
        form.count,
    )
    assert (verified.kind, verified.time_us) == (KINDS[form.index], TIMES_US[form.index])
    assert verified.leaf_hashes == HASHES[form.index : end]
    assert verified.records == RECORDS[form.index : end]
    assert (verified.origin, verified.size) == (ORIGIN, 7)
    assert verified.checkpoint.note == note
    assert verified.states == ("included",)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_a_receipt_given_as_text_is_the_same(form: Form) -> None:
    """Text forms may come as str as well as bytes, and a policy may come as a vkey."""
    data = form.make(checkpoint())
    wanted = verify_receipt(data, Policy.trust(VKEY))

    assert verify_receipt(data, VKEY) == wanted
    if form.name in {"json", "tlog-proof", "jwt"}:
        assert verify_receipt(data.decode(), VKEY) == wanted


@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("name", SINGLE)
def test_every_entry_has_a_good_receipt(name: str, index: int) -> None:
    """Receipts of all entries verify, at the first, the last and the lone leaf of the tree, too."""
    verified = verify_receipt(SINGLE[name](receipt(index)), VKEY)

    assert (verified.index, verified.leaf_hashes) == (index, (HASHES[index],))


def test_the_binary_form_is_the_protobuf_message() -> None:
    """The protobuf library writes the same bytes for the same receipt, and reads them."""
    evidence = receipt(5)
    message = receipt_pb2.Receipt(
        format="counterfoil/receipt@v1",
        index=5,
        leaf=evidence.leaf,
        salt=evidence.salt,
        record=evidence.record,
        proof=evidence.proof,
        checkpoint=evidence.checkpoint,
    )

    assert format_receipt(evidence) == message.SerializeToString(deterministic=True)
    assert parse_receipt(message.SerializeToString()) == evidence


def test_the_forms_hold_the_same_receipt() -> None:
    """Binary, JSON and tlog-proof are read back as the very receipt that was written."""
    for index in range(7):
        evidence = receipt(index)
        assert parse_receipt(format_receipt(evidence)) == evidence
        assert parse_json(format_json(evidence)) == evidence
        assert parse_tlog_proof(format_tlog_proof(evidence)) == evidence


def test_a_redacted_receipt_proves_the_leaf_alone() -> None:
    """Without record and salt a receipt still proves leaf and place, and shows no record."""
    verified = verify_receipt(format_receipt(changed(receipt(2), salt=b"", record=b"")), VKEY)

    assert (verified.leaf_hashes, verified.records) == ((HASHES[2],), (b"",))


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("record of another entry", {"record": RECORDS[3]}),
    ("salt of another entry", {"salt": SALTS[3]}),
    ("record and salt of another entry", {"record": RECORDS[3], "salt": SALTS[3]}),
    ("leaf of another entry", {"leaf": LEAVES[3]}),
    (
        "another entry at this index",
        {"leaf": LEAVES[3], "record": RECORDS[3], "salt": SALTS[3]},
    ),
    ("proof of another entry", {"proof": tuple(path(3, HASHES))}),
    ("index of another entry", {"index": 3}),
    ("index zero", {"index": 0}),
    ("index at the size", {"index": 7}),
    ("index beyond the size", {"index": 2 + 8}),
    ("index at 2^63", {"index": 2**63}),
    ("index at 2^64 - 1", {"index": 2**64 - 1}),
    ("no proof", {"proof": ()}),
    ("proof cut", {"proof": tuple(path(2, HASHES))[:-1]}),
    ("proof grown", {"proof": (*path(2, HASHES), HASHES[0])}),
    ("proof with a short hash", {"proof": (*path(2, HASHES)[:-1], HASHES[0][:31])}),
    ("proof reversed", {"proof": tuple(reversed(path(2, HASHES)))}),
    ("proof of a smaller tree", {"proof": tuple(path(2, HASHES[:6]))}),
    ("leaf cut", {"leaf": LEAVES[2][:-1]}),
    ("leaf grown", {"leaf": LEAVES[2] + b"\x00"}),
    ("leaf is the hash", {"leaf": HASHES[2]}),
    ("no leaf", {"leaf": b""}),
    ("salt missing, record there", {"salt": b""}),
    ("record missing, salt there", {"record": b""}),
    ("salt cut", {"salt": SALTS[2][:15]}),
    ("salt grown", {"salt": SALTS[2] + b"\x00"}),
    ("record grown", {"record": RECORDS[2] + b"\x00"}),
    ("no checkpoint", {"checkpoint": b"\n"}),
    ("checkpoint of a smaller tree", {"checkpoint": checkpoint(size=6)}),
    ("checkpoint of the tree before", {"checkpoint": checkpoint(size=2)}),
    ("checkpoint of another key", {"checkpoint": checkpoint(OTHER_KEY)}),
    ("checkpoint of another log", {"checkpoint": checkpoint(OTHER_LOG)}),
    ("origin of the log, key of another", {"checkpoint": checkpoint(OTHER_LOG, origin=ORIGIN)}),
    ("checkpoint not signed", {"checkpoint": checkpoint().split(b"\n\n")[0] + b"\n"}),
)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(("fault", "fields"), WRONG, ids=[fault for fault, _ in WRONG])
def test_evidence_that_does_not_fit_is_refused(
    name: str, fault: str, fields: dict[str, Any]
) -> None:
    """Any part of another entry, tree, key or log makes a receipt fail, in each form."""
    evidence: Receipt = changed(receipt(2), **fields)
    assert evidence != receipt(2), fault

    with pytest.raises(VerificationError):
        verify_receipt(SINGLE[name](evidence), VKEY)


@pytest.mark.parametrize("name", ["receipt", "json"])
@pytest.mark.parametrize("size", [0, 1, 15, 17, 32])
def test_salt_and_record_are_not_shifted_into_each_other(name: str, size: int) -> None:
    """The same bytes divided otherwise into salt and record are refused, though the hash would be the same."""
    both = SALTS[2] + RECORDS[2]
    evidence = changed(receipt(2), salt=both[:size], record=both[size:])

    with pytest.raises(VerificationError):
        verify_receipt(SINGLE[name](evidence), VKEY)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
@pytest.mark.parametrize("signer", [OTHER_KEY, OTHER_LOG], ids=["other key", "other origin"])
def test_receipts_of_another_log_are_refused(form: Form, signer: Any) -> None:
    """Whoever trusts one log alone believes no receipt of another, even one with the same name."""
    data = form.make(checkpoint(signer))
    if form.name != "jwt":
        assert verify_receipt(data, signer.verifier.vkey).states == ("included",)

    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_an_unknown_key_is_told_from_a_bad_receipt(form: Form) -> None:
    """A receipt of a log that the policy does not know cannot be judged, which is its own error."""
    with pytest.raises(UnverifiableError):
        verify_receipt(form.make(checkpoint()), OTHER_KEY.verifier.vkey)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_one_of_several_trusted_logs_is_enough(form: Form) -> None:
    """A policy of two logs accepts the receipts of either."""
    policy = Policy.trust(THIRD_LOG.verifier.vkey, SIGNER.verifier.vkey)

    assert verify_receipt(form.make(checkpoint()), policy).origin == ORIGIN


@pytest.mark.parametrize(
    "policy",
    ["", "x", VKEY[:-1], VKEY.replace("+", " "), VKEY + "\n", "example.com/ledger", "\ud800", None],
)
def test_a_malformed_policy_is_refused(policy: Any) -> None:
    """What is no verifier key trusts nobody, and is refused as such."""
    with pytest.raises(VerificationError):
        verify_receipt(format_receipt(receipt()), policy)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"hello",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v2\nextra AA==\nindex 0\n\n",
        b"C2SP.org/tlog-proof@v1\n",
        b"\x0a\x16counterfoil/receipt@v2",
        b"\x0a\x16COUNTERFOIL/receipt@v1",
        b"[]",
        b"\xef\xbb\xbf{}",
        b"-----BEGIN RECEIPT-----",
        checkpoint(),
        format_receipt(receipt())[1:],
        b"\x00" + format_receipt(receipt()),
        "\ud800",
        "{\ud800",
        "eyJ\udfff",
    ],
)
def test_other_data_cannot_be_judged_or_is_refused(data: bytes | str) -> None:
    """What is no receipt of a known form raises the one family of errors, whatever it is."""
    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)


def test_data_of_no_known_form_is_unverifiable() -> None:
    """A form that this version does not know is not called bad."""
    with pytest.raises(UnverifiableError, match="no form"):
        verify_receipt(b"cose-or-whatever", VKEY)


@pytest.mark.parametrize("name", SINGLE)
def test_a_receipt_is_for_the_record_that_is_given(name: str) -> None:
    """Who has the record at hand is told when the receipt is for another one, or for none of several."""
    data = SINGLE[name](receipt(2))

    assert verify_receipt(data, VKEY, [RECORDS[2]]).index == 2
    for records in ([RECORDS[3]], [], [RECORDS[2], RECORDS[2]], [RECORDS[2] + b"\0"]):
        with pytest.raises(VerificationError, match="another record"):
            verify_receipt(data, VKEY, records)
