"""The audit trail has every change and every denial; no file, line or answer has a part of any secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from counterfoil.v1 import access_service_pb2, log_service_pb2
from counterfoil_client import LedgerClient, LedgerError, UsageReporter

from .world import Line, World, add_person, fresh, key_id_of, local_desk

# How often the trail is asked for a line that is written within a second; each asking takes a while.
ASKS_MAX = 20_000


def events_of(world: World) -> list[Any]:
    """The whole audit trail."""
    found: list[Any] = []
    more = True
    while more:
        after = found[-1].sequence if found else 0
        request = access_service_pb2.ListAuditEventsRequest(after_sequence=after)
        outcome = world.lines["auditor"].call("AccessService.ListAuditEvents", request)
        assert outcome.code == "OK", outcome
        found += outcome.answers[0].events
        more = outcome.answers[0].has_more
    return found


def wait_for(world: World, principal_id: str, subject: str) -> Any:
    """The denial of somebody, once it is in the trail."""
    for _ in range(ASKS_MAX):
        for each in events_of(world):
            if (each.action, each.principal_id, each.subject) == ("denied", principal_id, subject):
                return each
    raise AssertionError(f"no denial of {principal_id} for {subject} in the trail")


def test_every_change_is_in_the_trail(pair: World) -> None:
    """Each change of a principal or key is one event that names who made it, what it was about, and what changed."""
    before = len(events_of(pair))
    name = fresh("changed")
    operator = pair.lines["operator"]

    def do(method: str, request: Any) -> Any:
        outcome = operator.call(f"AccessService.{method}", request)
        assert outcome.code == "OK", outcome
        return outcome.answers[0]

    principal = access_service_pb2.Principal(principal_id=name, role=access_service_pb2.ROLE_MIRROR)
    do("CreatePrincipal", access_service_pb2.CreatePrincipalRequest(principal=principal))
    made = do("CreateApiKey", access_service_pb2.CreateApiKeyRequest(principal_id=name)).key
    do(
        "UpdatePrincipal",
        access_service_pb2.UpdatePrincipalRequest(principal_id=name, disabled=True),
    )
    new = do("RotateApiKey", access_service_pb2.RotateApiKeyRequest(key_id=made.key_id)).key
    do("RevokeApiKey", access_service_pb2.RevokeApiKeyRequest(key_id=new.key_id))
    own = key_id_of(pair.keys["operator"])

    changes = [
        (each.action, each.subject, each.detail)
        for each in events_of(pair)[before:]
        if (each.principal_id, each.key_id, each.peer) == ("operator", own, "127.0.0.1")
    ]

    assert changes == [
        ("principal.create", name, "mirror"),
        ("key.create", made.key_id, f"for {name}"),
        ("principal.update", name, "disabled"),
        ("key.rotate", made.key_id, f"replaced by {new.key_id}"),
        ("key.revoke", new.key_id, f"of {name}"),
    ]


def test_sequences_have_no_gap(pair: World) -> None:
    """Events are numbered one after the other, whichever worker or process wrote them, in the order of the trail."""
    sequences = [each.sequence for each in events_of(pair)]

    assert sequences == list(range(1, len(sequences) + 1))


def test_denials_are_counted_in_one_line(pair: World) -> None:
    """Fifty calls that a role may not make are a few lines, whose counts add up, with who, what, why and from where."""
    name = fresh("denied")
    with local_desk(pair.ledger.directory) as desk:
        key = add_person(desk, name, "mirror")
    method = "TrainingService.ListTrainings"
    with closing(pair.line(key)) as line:
        for _ in range(50):
            assert line.call(method, b"").code == "PERMISSION_DENIED"
    wait_for(pair, name, method)
    for _ in range(ASKS_MAX):
        mine = [each for each in events_of(pair) if each.principal_id == name]
        if sum(each.count for each in mine) == 50:
            break

    assert sum(each.count for each in mine) == 50
    assert {(each.detail, each.key_id, each.peer) for each in mine} == {
        ("PERMISSION_DENIED", key_id_of(key), "127.0.0.1")
    }


def test_a_revoked_key_that_is_still_used_is_named(pair: World) -> None:
    """The trail tells which key was shown, though nobody is let in by it."""
    name = fresh("gone")
    with local_desk(pair.ledger.directory) as desk:
        key = add_person(desk, name, "mirror")
        desk.revoke_api_key(access_service_pb2.RevokeApiKeyRequest(key_id=key_id_of(key)))
    with closing(pair.line(key)) as line:
        asked = log_service_pb2.GetCheckpointRequest()
        assert line.call("LogService.GetCheckpoint", asked).code == "UNAUTHENTICATED"

    for _ in range(ASKS_MAX):
        if any(
            each.key_id == key_id_of(key) and each.action == "denied" for each in events_of(pair)
        ):
            return
    raise AssertionError("the key is not in the trail")


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a piece of a secret stands: any run of 16 of its 52 characters."""
    pieces = [secret[at : at + 16].encode() for secret in secrets for at in range(0, 37, 4)]
    return [name for name, data in places if any(piece in data for piece in pieces)]


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()


def secret_of(key: str) -> str:
    """The secret part of a key's text."""
    return key.split("_")[3]


def test_no_secret_is_written_anywhere(pair: World, tmp_path: Path) -> None:
    """Store, operational store, server log, spool, audit trail, answers and errors have no part of any key's secret."""
    keys = dict(pair.keys)
    told: list[tuple[str, bytes]] = []
    name = fresh("busy")
    with local_desk(pair.ledger.directory) as desk:
        keys[name] = add_person(desk, name, "host", name)
        keys["revoked"] = add_person(desk, fresh("revoked"), "auditor")
        desk.revoke_api_key(
            access_service_pb2.RevokeApiKeyRequest(key_id=key_id_of(keys["revoked"]))
        )
    spool = tmp_path / "spool"
    address = pair.ledger.address
    with UsageReporter(address, spool, submitter=name, api_key=keys[name]) as reporter:
        for _ in range(50):
            reporter.report(model_id="m", input_tokens=1)
        reporter.flush().result(timeout=60)
        told.append(("status", repr(reporter.status()).encode()))
    for key in (keys["revoked"], keys[name] + "x", keys[name][:-1] + "7", f"Bearer {keys[name]}"):
        try:
            with LedgerClient(address, api_key=key) as client:
                told.append(("client", repr(vars(client)).encode()))
                client.log_info()
        except (LedgerError, ValueError) as error:
            told.append(("error", f"{error!r} {error}".encode()))
    with closing(Line(address, keys[name])) as line:
        told.append(("answer", repr(line.call("LogService.TailEntries", b"")).encode()))
        told.append(
            ("answer", repr(line.call("AccessService.WhoAmI", keys[name].encode())).encode())
        )
    told += [("trail", str(each).encode()) for each in events_of(pair)]
    log = [("server log", pair.ledger.log.encode())]
    written = [*files(pair.ledger.directory, spool), *log, *told]

    assert len(written) > 15
    assert leaks(map(secret_of, keys.values()), written) == []


def test_a_leak_would_be_seen(pair: World, tmp_path: Path) -> None:
    """Negative control: a part of a secret in a file is found."""
    secret = secret_of(pair.keys["operator"])
    (tmp_path / "server.log").write_text(f"refused {secret[8:40]}\n")

    assert leaks([secret], files(tmp_path)) == [str(tmp_path / "server.log")]


@pytest.mark.parametrize("key", ["cf live", "cf_live\n", "cf_live_\u00e9"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_quoted(key: str) -> None:
    """gRPC would put it into its own message; the client does not let it come to that."""
    with pytest.raises(ValueError, match="letters, digits") as caught:
        LedgerClient("127.0.0.1:1", api_key=key)

    assert key not in str(caught.value)
