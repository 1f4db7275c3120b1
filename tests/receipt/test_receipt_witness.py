"""Policies with a quorum of witnesses: a receipt is witnessed, or it is refused."""

from __future__ import annotations

from itertools import combinations

import pytest

from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer
from counterfoil.note import Policy, cosign_checkpoint
from counterfoil.receipt import verify_receipt

from .small_log import FORM_NAMES, FORMS, VKEY, WITNESSES, Form, checkpoint

LINES = f"log {VKEY}\n" + "".join(
    f"witness w{n} {witness.verifier.vkey}\n" for n, witness in enumerate(WITNESSES)
)
TWO_OF_THREE = Policy.parse(LINES + "group g 2 w0 w1 w2\nquorum g\n")
NO_QUORUM = Policy.parse(LINES + "quorum none\n")
STRANGER = Signer.from_seed("stranger.example", b"9" * 32, KEY_TYPE_COSIGNATURE)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
@pytest.mark.parametrize("pair", list(combinations(range(3), 2)))
def test_a_quorum_makes_a_receipt_witnessed(form: Form, pair: tuple[int, int]) -> None:
    """Any two of three witnesses make a receipt of any form witnessed."""
    data = form.make(checkpoint(witnesses=[WITNESSES[at] for at in pair]))
    verified = verify_receipt(data, TWO_OF_THREE)

    assert verified.states == ("included", "witnessed")
    assert len(verified.checkpoint.cosignatures) == 2


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
@pytest.mark.parametrize("witnesses", [(), (0,), (1,), (2,)])
def test_less_than_a_quorum_is_refused(form: Form, witnesses: tuple[int, ...]) -> None:
    """A receipt without enough cosignatures is refused under a policy that asks for them."""
    data = form.make(checkpoint(witnesses=[WITNESSES[at] for at in witnesses]))
    assert verify_receipt(data, VKEY).states == ("included",)

    with pytest.raises(VerificationError, match="quorum"):
        verify_receipt(data, TWO_OF_THREE)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_without_a_quorum_nothing_counts_as_witnessed(form: Form) -> None:
    """Cosignatures that nobody asked for do not make a receipt witnessed."""
    data = form.make(checkpoint(witnesses=WITNESSES))

    assert verify_receipt(data, NO_QUORUM).states == ("included",)
    assert verify_receipt(data, VKEY).states == ("included",)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_cosignatures_that_do_not_count(form: Form) -> None:
    """The same witness twice, a stranger, and cosignatures of another tree are no quorum."""
    note = checkpoint(witnesses=WITNESSES[:1])
    text = note.decode().split("\n\n")[0] + "\n"
    twice = note + cosign_checkpoint(text, WITNESSES[0], 1_700_000_999)
    strange = note + cosign_checkpoint(text, STRANGER, 1_700_000_100)
    other = checkpoint(size=6, witnesses=WITNESSES[1:2]).splitlines(keepends=True)[-1]

    for bad in (twice, strange, note + other):
        with pytest.raises(VerificationError):
            verify_receipt(form.make(bad), TWO_OF_THREE)


@pytest.mark.parametrize("form", FORMS, ids=FORM_NAMES)
def test_witnesses_do_not_replace_the_log(form: Form) -> None:
    """All witnesses together vouch for no tree that the log did not sign."""
    note = checkpoint(witnesses=WITNESSES)
    lines = note.splitlines(keepends=True)
    without_log = b"".join([*lines[:4], *lines[5:]])

    with pytest.raises(VerificationError):
        verify_receipt(form.make(without_log), TWO_OF_THREE)


def test_a_policy_that_was_met_is_not_remembered_for_another() -> None:
    """The checkpoint that one policy accepted is judged anew under a stricter one, and the other way round."""
    data = FORMS[0].make(checkpoint())

    for _ in range(3):
        assert verify_receipt(data, VKEY).states == ("included",)
        with pytest.raises(VerificationError):
            verify_receipt(data, TWO_OF_THREE)
