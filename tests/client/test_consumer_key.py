"""Consumer keys: where they may lie, in which forms, and that nothing shows them."""

from __future__ import annotations

import base64
import copy
import pickle
import traceback
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, StartupError
from counterfoil.record.consumer import make_pseudonym
from counterfoil_client import ConsumerKey, make_consumer_key, open_consumer_key

SECRET = bytes(range(1, 33))
HEX = SECRET.hex()
BASE64 = base64.b64encode(SECRET).decode()
WANTED = make_pseudonym(SECRET, "ada", "alice")


def write(path: Path, text: str | bytes, mode: int = 0o600) -> str:
    """A key file; the reference to it."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return f"file:{path}"


@pytest.mark.parametrize("text", [HEX, HEX.upper(), BASE64, f"{HEX}\n", f"  {BASE64} \r\n"])
def test_a_key_is_read_from_a_file_and_from_the_environment(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 bytes, as hexadecimal digits or in base64, with or without blanks around them."""
    monkeypatch.setenv("CONSUMERS", text)

    for reference in (write(tmp_path / "key", text), "env:CONSUMERS"):
        assert open_consumer_key(reference).pseudonym("alice", "ada") == WANTED


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", HEX[:-1], HEX + "0", HEX[:-1] + "g", f"{HEX[:32]} {HEX[32:]}", f"0x{HEX}"),
        *(BASE64[:-1], BASE64[:-4], BASE64 + "AAAA", BASE64[:-2] + "B=", "-" + BASE64[1:]),
        *(f"{HEX}\n{HEX}", f"{BASE64[:20]}\n{BASE64[20:]}", "secret", HEX * 100),
        *(SECRET, b"\xff" * 32, SECRET.decode().encode("utf-16")),
    ],
)
def test_what_is_no_key_is_refused_without_a_quotation(
    text: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other sizes, other letters, a wrong last character, raw bytes: the error says where, and never what."""
    references = [write(tmp_path / "key", text)]
    if isinstance(text, str):
        monkeypatch.setenv("CONSUMERS", text)
        references.append("env:CONSUMERS")

    for reference in references:
        with pytest.raises(StartupError, match="the consumer key") as caught:
            open_consumer_key(reference)
        shown = "".join(traceback.format_exception(caught.value))
        for part in (HEX[:16], HEX[32:48], BASE64[:12], BASE64[24:36]):
            assert part not in shown


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620, 0o610, 0o601, 0o666])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is one too many, and the error says how to take it away."""
    reference = write(tmp_path / "key", HEX, mode)

    with pytest.raises(StartupError, match="chmod 600"):
        open_consumer_key(reference)


@pytest.mark.parametrize(
    "reference",
    [
        *("", "file:", "env:", "consumer.key", "FILE:key", "pkcs11:token=a", "https://x/key"),
        *("env:A B", "env:1A", "env:A=B", "env:", HEX, BASE64, f"env:{HEX}", f"env:a{HEX}"),
    ],
)
def test_a_reference_of_no_known_form_is_refused(reference: str) -> None:
    """No scheme, another scheme, no name, or the secret itself: which may be one, and so is not quoted."""
    with pytest.raises(
        StartupError, match=r"^say where the consumer key lies with file:PATH or env:NAME$"
    ):
        open_consumer_key(reference)


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file, a folder and a variable that is not set are told apart."""
    for reference, word in (
        (f"file:{tmp_path / 'none'}", "is missing"),
        (f"file:{tmp_path}", "cannot be read"),
        ("env:COUNTERFOIL_TEST_NOT_SET", "is not set"),
    ):
        with pytest.raises(StartupError, match=word):
            open_consumer_key(reference)


def test_a_made_key_is_private_and_new_each_time(tmp_path: Path) -> None:
    """Two keys differ, are readable by their owner alone, and can be read back."""
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        make_consumer_key(path)

    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
    made = {open_consumer_key(f"file:{path}").pseudonym("alice", "ada") for path in paths}
    assert len(made) == 2


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    """A file that is there stays as it is, and a folder that is not there is told."""
    path = tmp_path / "key"
    path.write_text("something")

    with pytest.raises(StartupError, match="is there already"):
        make_consumer_key(path)
    assert path.read_text() == "something"
    with pytest.raises(StartupError, match="cannot be made"):
        make_consumer_key(tmp_path / "none" / "key")


def test_a_key_shows_nothing_of_itself() -> None:
    """Neither its text forms nor its errors have a part of the secret, and it is not pickled or copied."""
    key = ConsumerKey(SECRET)

    assert repr(key) == str(key) == f"{key}" == "<ConsumerKey>"
    assert not hasattr(key, "__dict__")
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not written"):
            take(key)
    with pytest.raises(InvalidInput) as caught:
        key.pseudonym("alice", "no id")
    assert HEX[:16] not in str(caught.value)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A key has 32 bytes."""
    with pytest.raises(ValueError, match="a consumer key has 32 bytes"):
        ConsumerKey(bytes(size))
