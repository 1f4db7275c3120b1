"""Trust policies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer, key_id
from counterfoil.note import (
    NO_QUORUM,
    Checkpoint,
    Group,
    Policy,
    cosign_checkpoint,
    format_checkpoint,
    sign_checkpoint,
    sign_note,
)

ORIGIN = "example.com/log"
ROOT = b"\x05" * 32
TEXT = format_checkpoint(ORIGIN, 5, ROOT)
LOG = Signer.from_seed(ORIGIN, b"log" + bytes(29))
OTHER_LOG = Signer.from_seed("example.com/other", b"other" + bytes(27))
WITNESSES = {
    name: Signer.from_seed(f"example.com/{name}", name.encode() * 16, KEY_TYPE_COSIGNATURE)
    for name in ("w1", "w2", "w3", "w4", "w5")
}
L = f"log {LOG.verifier.vkey}\n"
W = {name: f"witness {name} {signer.verifier.vkey}\n" for name, signer in WITNESSES.items()}
V1 = WITNESSES["w1"].verifier.vkey
ALL = L + "".join(W.values())


def cosigned(*names: str) -> bytes:
    """The log's checkpoint with cosignatures of these witnesses."""
    lines = [cosign_checkpoint(TEXT, WITNESSES[name], 1000 + i) for i, name in enumerate(names)]
    return sign_checkpoint(ORIGIN, 5, ROOT, LOG) + b"".join(lines)


def accepted(policy: Policy, *names: str) -> bool:
    """Whether the policy accepts the checkpoint with these cosignatures."""
    try:
        checkpoint = policy.check(cosigned(*names))
    except UnverifiableError:
        raise
    except VerificationError:
        return False
    assert checkpoint.witnessed == (policy.quorum != NO_QUORUM)
    return True


def accepting_sets(policy: Policy) -> set[frozenset[str]]:
    """The sets of witnesses, of all there are, with which the policy accepts."""
    names = list(WITNESSES)
    sets = [set_ for n in range(len(names) + 1) for set_ in combinations(names, n)]
    return {frozenset(set_) for set_ in sets if accepted(policy, *set_)}


def expected_sets(rule: Callable[[frozenset[str]], bool]) -> set[frozenset[str]]:
    """The sets of witnesses for which a rule over the set holds."""
    names = list(WITNESSES)
    sets = [frozenset(s) for n in range(len(names) + 1) for s in combinations(names, n)]
    return {set_ for set_ in sets if rule(set_)}


def test_quorum_none() -> None:
    """Without a quorum the log's signature is enough, and nothing counts as witnessed."""
    checkpoint = Policy.parse(ALL + "quorum none\n").check(cosigned("w1"))

    assert isinstance(checkpoint, Checkpoint)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root_hash) == (ORIGIN, 5, ROOT)
    assert checkpoint.cosignatures == (("example.com/w1", 1000),)
    assert not checkpoint.witnessed
    assert expected_sets(lambda _: True) == accepting_sets(Policy.parse(ALL + "quorum none\n"))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_k_of_n(k: int) -> None:
    """A group with a number is met by that many of its members, whichever they are."""
    policy = Policy.parse(ALL + f"group g {k} w1 w2 w3\nquorum g\n")

    assert (Group("g", k, ("w1", "w2", "w3")),) == policy.groups
    assert expected_sets(lambda s: len(s & {"w1", "w2", "w3"}) >= k) == accepting_sets(policy)


def test_any_and_all() -> None:
    """Any is one member, and all is every member."""
    any_of = Policy.parse(ALL + "group g any w1 w2\nquorum g\n")
    all_of = Policy.parse(ALL + "group g all w1 w2\nquorum g\n")

    assert expected_sets(lambda s: bool(s & {"w1", "w2"})) == accepting_sets(any_of)
    assert expected_sets(lambda s: s >= {"w1", "w2"}) == accepting_sets(all_of)


def test_single_witness_as_quorum() -> None:
    """A quorum may be one witness."""
    policy = Policy.parse(ALL + "quorum w4\n")

    assert expected_sets(lambda s: "w4" in s) == accepting_sets(policy)


def test_groups_of_groups() -> None:
    """Groups of groups and witnesses are met as they are nested."""
    policy = Policy.parse(
        ALL + "group x 2 w1 w2 w3\ngroup y any w4\ngroup both all x y\nquorum both\n"
    )

    def rule(s: frozenset[str]) -> bool:
        return len(s & {"w1", "w2", "w3"}) >= 2 and "w4" in s

    assert expected_sets(rule) == accepting_sets(policy)


def test_deep_nesting() -> None:
    """A thousand groups, each within the next, are read and decided."""
    groups = "".join(f"group g{i} any g{i - 1}\n" for i in range(1, 1000))
    policy = Policy.parse(f"{L}{W['w1']}group g0 all w1\n{groups}quorum g999\n")

    assert accepted(policy, "w1")
    assert not accepted(policy)


def test_one_witness_cannot_count_twice() -> None:
    """Repeated cosignatures of one witness, at one time or several, are one."""
    policy = Policy.parse(ALL + "group g 2 w1 w2 w3\nquorum g\n")

    assert not accepted(policy, "w1", "w1", "w1")
    assert accepted(policy, "w1", "w1", "w2")


def test_quorum_of_witnesses_that_are_not_in_it() -> None:
    """Witnesses that the policy lists but the quorum leaves out do not help."""
    policy = Policy.parse(ALL + "group g 2 w1 w2\nquorum g\n")

    assert not accepted(policy, "w1", "w3", "w4", "w5")


def test_log_must_sign() -> None:
    """All witnesses together do not replace the log, and neither does another log."""
    policy = Policy.parse(ALL + "quorum w1\n")
    lines = b"".join(cosign_checkpoint(TEXT, signer, 1) for signer in WITNESSES.values())
    with pytest.raises(UnverifiableError):
        policy.check(f"{TEXT}\n".encode() + lines)
    with pytest.raises(UnverifiableError):
        policy.check(sign_note(TEXT, [OTHER_LOG]) + lines)
    with pytest.raises(UnverifiableError):
        Policy.parse("quorum none\n").check(cosigned())


def test_any_listed_log_will_do() -> None:
    """A checkpoint of each listed log is accepted under its own origin only."""
    policy = Policy.trust(LOG.verifier.vkey, OTHER_LOG.verifier.vkey)
    other = sign_checkpoint(OTHER_LOG.name, 7, ROOT, OTHER_LOG)

    assert policy.check(cosigned()).origin == ORIGIN
    assert OTHER_LOG.name == policy.check(other.decode()).origin
    with pytest.raises(VerificationError):
        policy.check(sign_note(TEXT, [OTHER_LOG]))


def test_bad_line_of_a_listed_witness_spoils_the_note() -> None:
    """A bad cosignature of a listed witness refuses the note, although the quorum is met."""
    policy = Policy.parse(ALL + "quorum w1\n")
    other_text = format_checkpoint(ORIGIN, 6, ROOT)
    bad = cosigned("w1") + cosign_checkpoint(other_text, WITNESSES["w2"], 1)
    with pytest.raises(VerificationError):
        policy.check(bad)

    assert Policy.parse(L + W["w1"] + "quorum w1\n").check(bad).witnessed


def test_cosignature_of_another_checkpoint_does_not_count() -> None:
    """A cosignature taken from another tree refuses the note."""
    policy = Policy.parse(ALL + "quorum w1\n")
    line = cosign_checkpoint(format_checkpoint(ORIGIN, 6, ROOT), WITNESSES["w1"], 1)
    with pytest.raises(VerificationError):
        policy.check(cosigned() + line)


def test_extension_lines_only_on_request() -> None:
    """Extension lines are refused unless asked for."""
    policy = Policy.trust(LOG.verifier.vkey)
    note = sign_note(TEXT + "extension\n", [LOG])
    with pytest.raises(VerificationError):
        policy.check(note)

    assert policy.check(note, allow_extensions=True).size == 5


def test_trust_is_a_policy_of_logs() -> None:
    """Trusting some keys is the policy that lists them and asks for no quorum."""
    assert Policy.parse(L + "quorum none\n") == Policy.trust(LOG.verifier.vkey)
    for bad in ([LOG.verifier.vkey] * 2, [V1], [""], ["a b"]):
        with pytest.raises(VerificationError):
            Policy.trust(*bad)


@pytest.mark.parametrize(
    "text",
    [
        L + "quorum none",
        "\n\n" + L + "\n \t \nquorum none\n\n",
        "# comment\n" + L + "  # comment, too\nquorum none\n#",
        "#\u00e9\n" + L + "quorum none\n",
        f"\tlog \t{LOG.verifier.vkey}  \n  quorum\tnone\t\n",
        f"log {LOG.verifier.vkey} https://log.example.com/#fragment\nquorum none\n",
        "quorum none\n" + L,
    ],
    ids=ascii,
)
def test_same_policy_in_other_spellings(text: str) -> None:
    """White space, comments, URLs and the order of lines do not change a policy."""
    assert Policy.trust(LOG.verifier.vkey) == Policy.parse(text) == Policy.parse(text.encode())


def test_names_are_octets() -> None:
    """Names may be any octets, and are compared as such."""
    raw = L.encode() + b"witness \xff\xfe " + V1.encode() + b" https://w\nquorum \xff\xfe\n"
    policy = Policy.parse(raw)

    assert accepted(policy, "w1")
    assert not accepted(policy)
    with pytest.raises(VerificationError):
        Policy.parse(raw.replace(b"quorum \xff\xfe", b"quorum \xff\xff"))


def test_names_may_be_words_of_the_format() -> None:
    """Any, all, numbers and the words that begin lines are names like others."""
    names = dict(zip(["any", "all", "2", "log", "quorum"], WITNESSES, strict=True))
    lines = "".join(
        f"witness {name} {WITNESSES[key].verifier.vkey}\n" for name, key in names.items()
    )
    policy = Policy.parse(f"{L}{lines}group group 2 any all 2 log quorum\nquorum group\n")

    assert expected_sets(lambda s: len(s) >= 2) == accepting_sets(policy)


UNKNOWN_TYPE = f"a+{key_id('a', 6, LOG.verifier.public_key).hex()}+Bg=="

BAD_POLICIES = [
    ("nothing", "", "no quorum"),
    ("comments only", "# quorum none\n", "no quorum"),
    ("no quorum", ALL, "no quorum"),
    ("two quorums", L + "quorum none\nquorum none\n", "already"),
    ("quorum without a name", L + "quorum\n", "with its words"),
    ("quorum with two names", ALL + "quorum w1 w2\n", "with its words"),
    ("quorum not defined", ALL + "quorum w9\n", "not defined"),
    ("quorum defined later", L + "quorum w1\n" + W["w1"], "not defined"),
    ("quorum in upper case", L + "quorum NONE\n", "not defined"),
    ("unknown word", ALL + "weight w1 2\nquorum none\n", "with its words"),
    ("word in upper case", "LOG" + L[3:] + "quorum none\n", "with its words"),
    ("log without a key", "log\nquorum none\n", "with its words"),
    ("log with too many words", L[:-1] + " a b\nquorum none\n", "with its words"),
    ("log with a bad key", L[:-2] + "\nquorum none\n", "base64"),
    ("log twice", L + L + "quorum none\n", "already"),
    ("cosigner as a log", f"log {V1}\nquorum none\n", "cosigner's key"),
    ("log as a witness", f"witness w {LOG.verifier.vkey}\nquorum none\n", "not a cosigner's"),
    ("witness without a name", f"witness {V1}\nquorum none\n", "with its words"),
    ("witness with too many words", W["w1"][:-1] + " a b\nquorum none\n", "with its words"),
    ("witness key twice", W["w1"] + f"witness other {V1}\nquorum none\n", "already"),
    ("witness name twice", W["w1"] + W["w2"].replace("w2 ", "w1 ", 1) + "quorum none\n", "taken"),
    ("witness called none", f"witness none {V1}\nquorum none\n", "taken"),
    ("group called none", W["w1"] + "group none any w1\nquorum none\n", "taken"),
    ("group called like a witness", W["w1"] + "group w1 any w1\nquorum w1\n", "taken"),
    ("group twice", ALL + "group g any w1\ngroup g any w2\nquorum g\n", "taken"),
    ("group without members", ALL + "group g any\nquorum g\n", "no members"),
    ("group without a number", ALL + "group g\nquorum g\n", "with its words"),
    ("group with an unknown member", ALL + "group g any w9\nquorum g\n", "not defined"),
    ("group with a later member", "group g any w1\n" + W["w1"] + "quorum g\n", "not defined"),
    ("group of itself", ALL + "group g any g\nquorum g\n", "not defined"),
    ("group with none", ALL + "group g any none\nquorum g\n", "not defined"),
    ("member twice in a group", ALL + "group g 2 w1 w1\nquorum g\n", "in a group already"),
    ("member of two groups", ALL + "group g any w1\ngroup h any w1\nquorum g\n", "in a group"),
    ("0 of 2", ALL + "group g 0 w1 w2\nquorum g\n", "0 of 2"),
    ("3 of 2", ALL + "group g 3 w1 w2\nquorum g\n", "3 of 2"),
    ("number with a plus sign", ALL + "group g +1 w1 w2\nquorum g\n", "decimal"),
    ("number with a minus sign", ALL + "group g -1 w1 w2\nquorum g\n", "decimal"),
    ("number with a leading zero", ALL + "group g 01 w1 w2\nquorum g\n", "decimal"),
    ("number in words", ALL + "group g one w1 w2\nquorum g\n", "decimal"),
    ("number in other digits", ALL + "group g \u0661 w1 w2\nquorum g\n", "decimal"),
    ("any in upper case", ALL + "group g ANY w1 w2\nquorum g\n", "decimal"),
    ("CR LF line ends", (L + "quorum none\n").replace("\n", "\r\n"), "control"),
    ("NUL", L + "quorum none\n\x00", "control"),
    ("DEL", L + "# \x7f\nquorum none\n", "control"),
    ("form feed", L + "\x0cquorum none\n", "control"),
    ("comment after words", L + "quorum none # none\n", "with its words"),
    ("no-break space", L + "quorum\u00a0none\n", "with its words"),
    ("too large", L + "quorum none\n" + "#" * 65536, "larger"),
]


@pytest.mark.parametrize(
    ("text", "words"),
    [(text, words) for _, text, words in BAD_POLICIES],
    ids=[fault for fault, _, _ in BAD_POLICIES],
)
def test_bad_policies(text: str, words: str) -> None:
    """A policy that breaks a rule is refused, and for that rule."""
    with pytest.raises(VerificationError) as caught:
        Policy.parse(text)

    assert words in str(caught.value)


def test_fault_is_told_with_its_line() -> None:
    """The message says which line is wrong."""
    with pytest.raises(VerificationError, match="line 3"):
        Policy.parse("# one\n" + L + "weight\nquorum none\n")


@pytest.mark.parametrize("text", [None, 7, [L], "\ud800"])
def test_policy_of_another_type_is_refused(text: Any) -> None:
    """What is neither bytes nor text fails as a verification."""
    with pytest.raises(VerificationError):
        Policy.parse(text)


def test_key_of_unknown_type_cannot_be_judged() -> None:
    """A witness whose kind of key is not known here makes the policy unverifiable."""
    with pytest.raises(UnverifiableError):
        Policy.parse(f"{L}witness w {UNKNOWN_TYPE}\nquorum none\n")


def test_many_logs_witnesses_and_groups() -> None:
    """32 logs, witnesses and groups, which C2SP asks to support, are supported."""
    lines = []
    for i in range(32):
        log = Signer.from_seed(f"log{i}", b"%032d" % i)
        witness = Signer.from_seed(f"w{i}", b"w%031d" % i, KEY_TYPE_COSIGNATURE)
        lines += [f"log {log.verifier.vkey} https://log{i}.example.com/"]
        lines += [f"witness w{i} {witness.verifier.vkey}", f"group g{i} all w{i}"]
    groups = " ".join(f"g{i}" for i in range(31))
    policy = Policy.parse("\n".join([*lines, f"group top 16 {groups}", "quorum top"]))

    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 33)


def test_a_policy_made_by_hand_fails_closed() -> None:
    """A quorum that names nothing is never met."""
    policy = Policy(logs=(LOG.verifier,), quorum="nobody")

    assert not accepted(policy, "w1", "w2", "w3", "w4", "w5")
