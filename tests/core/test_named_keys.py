"""Keys: ids, verifier keys, private keys, refused points, JWKs."""

from __future__ import annotations

import base64
import traceback
from typing import Any

import pytest

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import (
    KEY_TYPE_COSIGNATURE,
    KEY_TYPE_ED25519,
    Signer,
    Verifier,
    check_key_name,
    check_public_key,
    jwk,
    jwk_thumbprint,
    key_id,
    parse_base64,
)

from .damage import flipped
from .vectors import load

PUBLISHED = load("note/published.json")
REFUSED_KEYS = load("ed25519/refused.json")
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
SEED = bytes(range(32))
ORDER = 2**252 + 27742317777372353535851937790883648493

BAD_NAMES = [
    "",
    "a b",
    "a+b",
    "+",
    " ",
    " a",
    "a ",
    "a\n",
    "a\tb",
    "a\x00b",
    "a\x1fb",
    "a\u0085b",
    "a\u00a0b",
    "a\u2003b",
    "a\u2028b",
    "a\u3000b",
    "\ud800",
    "a" * 256,
    "\u00e9" * 128,
]


def rejects(vkey: Any) -> bool:
    """Whether a verifier key is refused; any error but VerificationError is let through."""
    try:
        Verifier.parse(vkey)
    except VerificationError:
        return True
    return False


@pytest.mark.parametrize("entry", PUBLISHED["vkeys"], ids=lambda entry: entry["vkey"])
def test_published_verifier_keys(entry: dict[str, str]) -> None:
    """Verifier keys of other implementations are read, with the ids they give, and come back."""
    verifier = Verifier.parse(entry["vkey"])
    name, hex_id, _ = entry["vkey"].split("+", 2)

    assert (name, hex_id) == (verifier.name, verifier.key_id.hex())
    assert entry["vkey"] == verifier.vkey
    assert verifier.key_id == key_id(name, verifier.key_type, verifier.public_key)


@pytest.mark.parametrize("entry", PUBLISHED["private_keys"], ids=lambda entry: entry["vkey"])
def test_published_private_keys(entry: dict[str, str]) -> None:
    """Private keys of other implementations are read, belong to their vkeys, and come back."""
    signer = Signer.parse(entry["private_key"])

    assert entry["vkey"] == signer.verifier.vkey
    assert entry["private_key"] == signer.format()


@pytest.mark.parametrize("entry", PUBLISHED["refused_vkeys"], ids=lambda entry: entry["fault"])
def test_published_bad_verifier_keys(entry: dict[str, str]) -> None:
    """Keys that others refuse although their id fits are refused here too."""
    assert rejects(entry["vkey"])


def test_every_part_of_a_verifier_key_is_refused() -> None:
    """No proper substring of a verifier key is one."""
    for begin in range(len(VKEY)):
        for end in range(begin + 1, len(VKEY) + 1):
            assert (begin, end) == (0, len(VKEY)) or rejects(VKEY[begin:end])


@pytest.mark.parametrize("shift", [1, -1, 0x20, 0x80])
def test_every_character_of_a_verifier_key_counts(shift: int) -> None:
    """Changing any character of a verifier key makes it fail: the id covers name and key."""
    for position, character in enumerate(VKEY):
        changed = chr(ord(character) + shift)

        assert rejects(VKEY[:position] + changed + VKEY[position + 1 :]), position


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        "a+b",
        "++",
        "+c74f20a3+",
        "a+00000000+",
        "a+00000000+AQ==",
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("c74f20a3", "0c74f20a3"),
        VKEY.replace("c74f20a3", "c74f20a"),
        VKEY.replace("c74f20a3", "00000000"),
        VKEY.replace("c74f20a3", ""),
        VKEY + "\n",
        VKEY + " ",
        " " + VKEY,
        VKEY + "+",
        VKEY + "=",
        VKEY + "A",
        VKEY + "AAAA",
        VKEY.encode(),
        None,
        7,
        [VKEY],
    ],
    ids=repr,
)
def test_malformed_verifier_keys(vkey: object) -> None:
    """What is not spelled as a verifier key is refused as a failed verification."""
    assert rejects(vkey)


@pytest.mark.parametrize("key_type", [0x00, 0x02, 0x03, 0x05, 0x06, 0xFA, 0xFF])
def test_unknown_key_types_cannot_be_judged(key_type: int) -> None:
    """A well-formed key of a type that is not known here is unverifiable, not bad."""
    public_key = Verifier.parse(VKEY).public_key
    material = base64.b64encode(bytes([key_type]) + public_key).decode()
    with pytest.raises(UnverifiableError):
        Verifier.parse(f"a+{key_id('a', key_type, public_key).hex()}+{material}")


@pytest.mark.parametrize("key_type", [True, None, "1", 1.0, -1, 256])
def test_key_type_is_a_byte(key_type: Any) -> None:
    """A type that is no byte makes neither a key id nor a verifier."""
    public_key = Verifier.parse(VKEY).public_key
    with pytest.raises(VerificationError):
        key_id("a", key_type, public_key)
    with pytest.raises(VerificationError):
        Verifier("a", key_type, public_key)


def test_key_id_tells_types_and_names_apart() -> None:
    """One public key has another id under another type or name."""
    public_key = Verifier.parse(VKEY).public_key
    ids = {key_id(name, kind, public_key) for name in ("a", "b") for kind in (1, 4)}

    assert len(ids) == 4
    assert all(len(one) == 4 for one in ids)


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_bad_key_names(name: str) -> None:
    """A name with a space, plus sign or control character, none at all, or a long one is refused."""
    with pytest.raises(VerificationError):
        check_key_name(name)
    with pytest.raises(VerificationError):
        Verifier(name, KEY_TYPE_ED25519, Verifier.parse(VKEY).public_key)
    with pytest.raises(InvalidInput):
        Signer.from_seed(name, SEED)


@pytest.mark.parametrize(
    "name", ["a", "example.com/log", "-", "\u00e9" * 127, "a" * 255, "日本.example"]
)
def test_good_key_names(name: str) -> None:
    """Anything else of 1 to 255 bytes names a key, and survives being written and read."""
    signer = Signer.from_seed(name, SEED)

    assert signer.verifier == Verifier.parse(signer.verifier.vkey)
    assert signer.format() == Signer.parse(signer.format()).format()


@pytest.mark.parametrize("entry", REFUSED_KEYS, ids=lambda e: f"{e['fault']}: {e['key'][:8]}")
def test_points_that_prove_nothing_are_refused(entry: dict[str, str]) -> None:
    """Points of small order or with a part of it, second encodings and no points are refused."""
    public_key = bytes.fromhex(entry["key"])
    material = base64.b64encode(b"\x01" + public_key).decode()
    with pytest.raises(VerificationError):
        check_public_key(public_key)
    with pytest.raises(VerificationError):
        Verifier("a", KEY_TYPE_ED25519, public_key)
    assert rejects(f"a+{key_id('a', 1, public_key).hex()}+{material}")
    with pytest.raises(VerificationError):
        jwk(public_key)


def test_all_small_order_encodings_are_there() -> None:
    """The list holds the 14 encodings of the eight points of small order."""
    assert sum(entry["fault"].startswith("small order") for entry in REFUSED_KEYS) == 14


@pytest.mark.parametrize("key", [b"", b"\x05" * 31, b"\x05" * 33, None, "a" * 32, bytearray(32)])
def test_public_key_of_other_type_or_length(key: Any) -> None:
    """What is not 32 bytes is no public key."""
    with pytest.raises(VerificationError):
        check_public_key(key)


@pytest.mark.parametrize("key_type", [KEY_TYPE_ED25519, KEY_TYPE_COSIGNATURE])
def test_signature_verifies(key_type: int) -> None:
    """A signature verifies, and is the same each time it is made."""
    signer = Signer.from_seed("a", SEED, key_type)
    signature = signer.sign(b"message")
    signer.verifier.verify(b"message", signature)

    assert signature == Signer.from_seed("a", SEED, key_type).sign(b"message")
    assert (signer.name, signer.key_type) == ("a", key_type)


def test_rfc_8032_signature() -> None:
    """The second test vector of RFC 8032 section 7.1 comes out."""
    seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    signer = Signer.from_seed("a", bytes.fromhex(seed))

    assert public == signer.verifier.public_key.hex()
    assert signature == signer.sign(b"\x72").hex()


def test_every_bit_of_a_signature_counts() -> None:
    """Changing any bit of signature or message, or the key, makes the signature fail."""
    signer, other = Signer.from_seed("a", SEED), Signer.from_seed("a", SEED[::-1])
    signature = signer.sign(b"message")
    for bad in flipped(signature):
        with pytest.raises(VerificationError):
            signer.verifier.verify(b"message", bad)
    for bad in flipped(b"message"):
        with pytest.raises(VerificationError):
            signer.verifier.verify(bad, signature)
    with pytest.raises(VerificationError):
        other.verifier.verify(b"message", signature)


def test_second_form_of_a_signature_is_refused() -> None:
    """S + L is the same number to the curve, and refused as RFC 8032 demands."""
    signer = Signer.from_seed("a", SEED)
    signature = signer.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    with pytest.raises(VerificationError):
        signer.verifier.verify(b"message", signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 128])
def test_signature_of_another_length_is_refused(size: int) -> None:
    """A signature that is cut or continued is refused, also when the rest moves to the message."""
    signer = Signer.from_seed("a", SEED)
    whole = signer.sign(b"message") + b"message"
    padded = (whole + bytes(128))[:size]
    with pytest.raises(VerificationError):
        signer.verifier.verify(b"message", padded)
    with pytest.raises(VerificationError):
        signer.verifier.verify(whole[size:], padded)


@pytest.mark.parametrize("signature", [None, "a" * 64, bytearray(64), 64, [0] * 64], ids=repr)
def test_signature_of_another_type_is_refused(signature: Any) -> None:
    """A signature that is not bytes fails as a verification."""
    with pytest.raises(VerificationError):
        Signer.from_seed("a", SEED).verifier.verify(b"message", signature)


def test_every_part_of_a_private_key_is_refused() -> None:
    """No proper substring of a private key is one, and no message shows any of it."""
    for begin in range(len(PRIVATE)):
        for end in range(begin + 1, len(PRIVATE) + 1):
            if (begin, end) != (0, len(PRIVATE)):
                with pytest.raises(InvalidInput) as caught:
                    Signer.parse(PRIVATE[begin:end])
                assert "EKFALV" not in str(caught.value)


@pytest.mark.parametrize("text", [PRIVATE[:-1], PRIVATE + "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_an_error_about_a_private_key_has_no_cause_to_show(text: str) -> None:
    """What decoding said of the key's own characters is in no traceback."""
    with pytest.raises(InvalidInput) as caught:
        Signer.parse(text)

    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1
    assert "not a private key" in shown


def test_every_character_of_a_private_key_counts() -> None:
    """Changing any character of a private key makes it fail: the id covers name and key."""
    for position, character in enumerate(PRIVATE):
        with pytest.raises(InvalidInput):
            Signer.parse(PRIVATE[:position] + chr(ord(character) + 1) + PRIVATE[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        PRIVATE + "\n\n",
        PRIVATE + "\r\n",
        PRIVATE + " ",
        " " + PRIVATE,
        PRIVATE.lower(),
        VKEY,
    ],
    ids=ascii,
)
def test_malformed_private_keys(text: str) -> None:
    """What is not spelled as a private key is invalid input."""
    with pytest.raises(InvalidInput):
        Signer.parse(text)


def test_private_key_may_end_in_a_newline() -> None:
    """One final newline, as editors leave it, is accepted."""
    assert Signer.parse(PRIVATE + "\n").format() == PRIVATE


@pytest.mark.parametrize(
    "seed", [b"", b"a" * 31, b"a" * 33, b"a" * 64, "a" * 32, None, bytearray(32)]
)
def test_seed_of_another_type_or_length(seed: Any) -> None:
    """What is not 32 bytes is no seed."""
    with pytest.raises(InvalidInput):
        Signer.from_seed("a", seed)


def test_signer_does_not_show_its_seed() -> None:
    """Neither repr nor str nor a formatted signer holds the seed in any spelling."""
    signer = Signer.from_seed("a", SEED)
    secrets = [SEED.hex(), base64.b64encode(SEED).decode().rstrip("="), repr(SEED)[2:-1]]
    secrets.append(base64.b64encode(b"\x01" + SEED).decode())
    shown = f"{signer!r} {signer} {[signer]}"

    assert [secret for secret in secrets if secret in shown] == []
    assert not hasattr(signer, "__dict__")


def test_verifiers_are_values() -> None:
    """Two verifiers of one key are equal, and a verifier cannot be changed."""
    verifier = Verifier.parse(VKEY)

    assert verifier == Verifier.parse(VKEY)
    assert hash(verifier) == hash(Verifier.parse(VKEY))
    with pytest.raises(AttributeError):
        verifier.name = "other"  # type: ignore[misc]


def test_jwk_of_rfc_8037() -> None:
    """The key of RFC 8037 appendix A has the thumbprint of its section A.3."""
    public_key = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

    assert thumbprint == jwk_thumbprint(public_key)
    assert {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": thumbprint,
        "use": "sig",
    } == jwk(public_key)


@pytest.mark.parametrize("text", ["", "AA==", "AAA=", "AAAA", "+/+/", "AQID"])
def test_canonical_base64(text: str) -> None:
    """Canonical base64 is read, and writing the bytes gives the text again."""
    assert text == base64.b64encode(parse_base64(text)).decode()


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AA=", "AB==", "AAB=", "AA==AA==", "AAAA=", "AAAA\n", " AAAA", "AA AA", "-_-_", "=",
     "====", "AAAA====", "A===", "é", "\uff21AAA", "AAA\x00"],
    ids=ascii,
)  # fmt: skip
def test_other_base64_is_refused(text: str) -> None:
    """Any other spelling of bytes is refused."""
    with pytest.raises(VerificationError):
        parse_base64(text)
