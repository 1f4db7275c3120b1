"""References of private keys: what is accepted, what is refused, and that nothing secret is ever told."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil_server.signing_keys import (
    CHECKPOINT,
    TABLE_NAME,
    ListedKey,
    file_of,
    open_key,
    read_table,
    write_table,
)
from counterfoil_server.signing_keys.uri import parse_pkcs11_uri

from .keyed import FIRST, SECOND

ORIGIN = FIRST.name
SECRET = FIRST.format()
MODULE = "module-path=/usr/lib/x.so"


def refused(reference: str, directory: Path) -> str:
    """The message of a refusal, whose whole traceback holds nothing of the key."""
    with pytest.raises(StartupError) as caught:
        open_key(reference, directory, ORIGIN)
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET[-20:] not in told
    assert SECRET.rpartition("+")[2] not in told
    return str(caught.value)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with the first key."""
    path = tmp_path / "signing.key"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "form", ["signing.key", "file:signing.key", "FILE:signing.key", "file:{}", "{}"]
)
def test_a_key_in_a_file_is_opened(key_file: Path, form: str) -> None:
    """A plain path, and one behind the scheme, absolute or from the directory, name the same key."""
    reference = form.format(key_file)
    opened = open_key(reference, key_file.parent, ORIGIN)

    assert opened.verifier == FIRST.verifier
    assert file_of(reference, key_file.parent) == key_file
    assert SECRET[-20:] not in repr(opened)


def test_a_key_in_the_environment_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable holds the text of the key, with or without white space around it."""
    monkeypatch.setenv("A_KEY", f" {SECRET}\n")

    assert open_key("env:A_KEY", tmp_path, ORIGIN).verifier == FIRST.verifier
    assert file_of("env:A_KEY", tmp_path) is None


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("nothing.key", "missing"),
        ("file:", "names no key"),
        ("env:", "names no key"),
        ("env:NOT_SET_ANYWHERE", "not set"),
        ("env:CUT_KEY", "cannot be read"),
        ("env:OTHER_KEY", "example.com/other"),
        ("kms:projects/x", "file:, env:, pkcs11:"),
        ("awskms:///x", "not by awskms:"),
        ("pkcs11:", "names no key"),
        (".", "cannot be read"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, hint: str
) -> None:
    """Missing, cut, foreign and unknown: each is one line that says which."""
    monkeypatch.setenv("CUT_KEY", SECRET[:-1])
    monkeypatch.setenv("OTHER_KEY", Signer.from_seed("example.com/other", b"s" * 32).format())
    told = refused(reference, tmp_path)

    assert hint in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "damage", [SECRET[:-2], SECRET + "x", SECRET.replace("+", "-"), "\udcff", ""]
)
def test_a_damaged_key_is_never_quoted(tmp_path: Path, damage: str) -> None:
    """Whatever is wrong with the text of a key, no error and no traceback shows it."""
    path = tmp_path / "signing.key"
    path.write_bytes(damage.encode(errors="surrogateescape"))
    path.chmod(0o600)

    assert "cannot be read" in refused("signing.key", tmp_path)


GOOD = f"token=t;object=k?{MODULE}"


@pytest.mark.parametrize(
    ("rest", "hint"),
    [
        ("object=k?" + MODULE, "names no token"),
        ("token=t?" + MODULE, "names no key"),
        ("token=t;object=k", "names no library"),
        ("token=t;object=k?", "names no library"),
        (GOOD + "&pin-value=1234", "a PIN does not belong"),
        ("token=t;object=k;pin-value=1234?" + MODULE, "a PIN does not belong"),
        (GOOD + "&pin-source=1234", "pin-source has to be"),
        (GOOD + "&pin-source=exec:id", "pin-source has to be"),
        (GOOD + "&pin-source=env:", "pin-source has to be"),
        (GOOD + "&module-name=softhsm", "none of"),
        (GOOD + "&" + MODULE, "stands twice"),
        ("token=t;token=u;object=k?" + MODULE, "stands twice"),
        ("token=t;object=k;colour=red?" + MODULE, "none of"),
        ("token=t;;object=k?" + MODULE, "none of"),
        ("token=;object=k?" + MODULE, "no value"),
        ("token=a b;object=k?" + MODULE, "percent-encoded"),
        ("token=a%2;object=k?" + MODULE, "percent-encoded"),
        ("token=a%zz;object=k?" + MODULE, "percent-encoded"),
        ("token=%ff;object=k?" + MODULE, "no text"),
        ("token=%00;object=k?" + MODULE, "zero character"),
        ("token=t;object=k;type=public?" + MODULE, "type"),
        ("token=t;object=k?module-path=/a b", "percent-encoded"),
        ("//token=t;object=k?" + MODULE, "none of"),
    ],
)
def test_a_uri_in_another_form_is_refused(rest: str, hint: str) -> None:
    """What RFC 7512 does not allow, or what leaves open which key is meant, is refused without quoting it."""
    with pytest.raises(StartupError) as caught:
        parse_pkcs11_uri(rest)
    assert hint in str(caught.value)
    assert "1234" not in str(caught.value)


def test_a_uri_is_taken_apart() -> None:
    """Values are decoded, and an id is bytes."""
    uri = parse_pkcs11_uri(
        "token=My%20token;serial=1;object=log%3b1;id=%01%ff;type=private"
        "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin"
    )

    assert (uri.token, uri.serial, uri.label, uri.id) == ("My token", "1", "log;1", b"\x01\xff")
    assert uri.module_path == "/usr/lib/softhsm/libsofthsm2.so"
    assert uri.pin_source == "file:/run/pin"


def test_the_table_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """The keys of one purpose are replaced, and those of others stay."""
    token = ListedKey("token", FIRST.verifier, 'a "quoted" \\ path')
    write_table(tmp_path, "token", [token])
    for keys in ([FIRST], [FIRST, SECOND]):
        write_table(
            tmp_path, CHECKPOINT, [ListedKey(CHECKPOINT, key.verifier, "env:X") for key in keys]
        )

    assert [each.verifier for each in read_table(tmp_path)] == [FIRST.verifier, SECOND.verifier]
    assert read_table(tmp_path, "token") == [token]
    assert read_table(tmp_path / "nowhere") == []


ROW = f'[[key]]\npurpose = "checkpoint"\nvkey = "{FIRST.verifier.vkey}"\nuri = "signing.key"\n'


@pytest.mark.parametrize(
    "text",
    [
        "[[key]\n",
        "key = 1\n",
        "key = [1]\n",
        ROW + "more = 1\n",
        ROW + ROW,
        ROW.replace("checkpoint", "checkpoints"),
        ROW.replace("signing.key", ""),
        ROW.replace("signing.key", r"a\u0000"),
        ROW.replace('"signing.key"', "7"),
        ROW.replace(FIRST.verifier.vkey, FIRST.verifier.vkey[:-4]),
        ROW.replace('uri = "signing.key"\n', ""),
        'other = "x"\n' + ROW,
        "\xff",
    ],
    ids=range(13),
)
def test_a_table_that_cannot_be_understood_is_refused(tmp_path: Path, text: str) -> None:
    """Not TOML, missing and unknown fields, wrong types, and a key twice: a ledger must not guess its keys."""
    (tmp_path / TABLE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(StartupError, match=TABLE_NAME):
        read_table(tmp_path)
