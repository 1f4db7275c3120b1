"""Every single bit of a receipt counts: changed, the receipt is refused."""

from __future__ import annotations

import json

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import Policy
from counterfoil.receipt import VerifiedReceipt, parse_json, verify_receipt

from .small_log import FORM_NAMES, FORMS, VKEY, WITNESSES, Form, checkpoint, flips, receipt

QUORUM = Policy.parse(
    f"log {VKEY}\n"
    + "".join(f"witness w{n} {w.verifier.vkey}\n" for n, w in enumerate(WITNESSES))
    + "group both 2 w0 w1\nquorum both\n"
)


def survivors(data: bytes, policy: Policy | str) -> list[tuple[int, bytes, VerifiedReceipt]]:
    """The changed receipts that verify nevertheless; only VerificationError counts as a refusal."""
    found = []
    for bit, bad in flips(data):
        try:
            found.append((bit, bad, verify_receipt(bad, policy)))
        except VerificationError:
            continue
    return found


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_every_flipped_bit_is_refused(form: Form) -> None:
    """No receipt with one bit changed verifies; of JSON, none that says anything else."""
    data = form.make(checkpoint())
    good = verify_receipt(data, VKEY)

    left = survivors(data, VKEY)

    if form.name == "json":
        # White space could turn into other white space; the parsed receipt would be equal then.
        left = [item for item in left if parse_json(item[1]) != receipt() or item[2] != good]
    assert left == []


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_every_flipped_bit_of_a_cosigned_receipt_is_refused(form: Form) -> None:
    """Under a policy that asks for witnesses, their signatures count as much as the log's."""
    data = form.make(checkpoint(witnesses=WITNESSES[:2]))
    assert verify_receipt(data, QUORUM).states == ("included", "witnessed")

    assert survivors(data, QUORUM) == []


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form.name != "jwt"], ids=lambda f: f.name
)
def test_the_line_of_an_unknown_witness_changes_nothing(form: Form) -> None:
    """The one part that may be changed is a signature nobody asked for: what is verified stays the same."""
    note = checkpoint(witnesses=WITNESSES[:1])
    data = form.make(note)
    good = verify_receipt(data, VKEY)
    # Binary and text forms hold the note as it is; where JSON escapes it, the lines are the same again.
    line = note.splitlines()[-1] + b"\n"
    held = (
        json.dumps(line.decode(), ensure_ascii=False)[1:-1].encode()
        if form.name == "json"
        else line
    )
    begin = data.index(held)
    inside = range(8 * begin, 8 * (begin + len(held)))

    left = survivors(data, VKEY)

    assert left, "the control: some of these changes are of no account"
    for bit, _, verified in left:
        assert bit in inside
        assert (verified.leaf_hashes, verified.records) == (good.leaf_hashes, good.records)
        assert (verified.size, verified.checkpoint.root_hash) == (7, good.checkpoint.root_hash)
        assert verified.states == ("included",)


def test_flips_that_hide_the_form_or_the_key_are_unverifiable() -> None:
    """A receipt whose form or key was changed beyond recognition cannot be judged; no other flip says so."""
    data = FORMS[0].make(checkpoint())
    note_at = data.index(checkpoint())
    head = len(b"\x0a\x16counterfoil/receipt@v1")

    for bit, bad in flips(data):
        try:
            verify_receipt(bad, VKEY)
        except UnverifiableError:
            assert bit // 8 < head or bit // 8 >= note_at, bit
        except VerificationError:
            assert bit // 8 >= head, bit
