"""Tokens end with what stands behind them: key, principal, address and quota; and who got one is written down."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import jwt as pyjwt
import pytest

from counterfoil.v1 import access_service_pb2, usage_service_pb2

from ...server.edge import event, fault_of
from ..world import World, add_person, fresh, key_id_of, local_desk
from .asking import GRANT, PATH, token_of, who


def test_revoking_a_key_ends_its_tokens_at_once(doors: World, http: httpx.Client) -> None:
    """With the key its tokens are worth nothing, in both workers, on connections that are open and on a stream's next message."""
    with local_desk(doors.ledger.directory) as desk:
        key = add_person(desk, fresh("watcher"), "auditor")
    token = token_of(http, key)
    lines = [doors.line(token) for _ in range(16)]
    asked = access_service_pb2.WhoAmIRequest()
    assert all(line.call("AccessService.WhoAmI", asked).code == "OK" for line in lines)
    stream = lines[0].open("LogService.TailEntries", b"")
    next(stream)

    doors.lines["operator"].call(
        "AccessService.RevokeApiKey",
        access_service_pb2.RevokeApiKeyRequest(key_id=key_id_of(key)),
    )

    outcomes = [line.call("AccessService.WhoAmI", asked) for line in lines]
    used = usage_service_pb2.AppendUsageRequest(submitter="host_a", events=[event()])
    doors.lines["host_a"].call("UsageService.AppendUsage", used)
    with pytest.raises(grpc.RpcError) as ended:
        list(stream)
    for line in lines:
        line.close()
    assert {outcome.code for outcome in outcomes} == {"UNAUTHENTICATED"}
    assert fault_of(ended.value).code is grpc.StatusCode.UNAUTHENTICATED
    assert http.post(PATH, data=GRANT, auth=(key_id_of(key), key)).status_code == 401


def test_a_principal_that_is_locked_out_has_no_tokens(doors: World, http: httpx.Client) -> None:
    """Locking a principal out ends its tokens; letting it in again gives back what has not expired."""
    name = fresh("host")
    with local_desk(doors.ledger.directory) as desk:
        key = add_person(desk, name, "auditor")
    token = token_of(http, key)

    for disabled in (True, False):
        request = access_service_pb2.UpdatePrincipalRequest(principal_id=name, disabled=disabled)
        doors.lines["operator"].call("AccessService.UpdatePrincipal", request)
        assert who(doors, token)[0] == ("UNAUTHENTICATED" if disabled else "OK")


def test_a_token_ends_with_its_key(doors: World, http: httpx.Client) -> None:
    """A key with less than a token's lifetime before it gives a token that ends when the key does."""
    name = fresh("short")
    with local_desk(doors.ledger.directory) as desk:
        key = add_person(desk, name, "auditor")
        made = desk.rotate_api_key(
            access_service_pb2.RotateApiKeyRequest(key_id=key_id_of(key), overlap_us=60_000_000)
        )

    answer = http.post(PATH, data=GRANT, auth=(key_id_of(key), key)).json()
    claims = pyjwt.decode(answer["access_token"], options={"verify_signature": False})

    assert answer["expires_in"] <= 61
    assert 0 <= claims["exp"] - made.replaced.expires_time_us / 1_000_000 < 1


def test_a_key_for_other_addresses_gives_no_token(doors: World, http: httpx.Client) -> None:
    """The addresses of a key bind its sign-in too."""
    with local_desk(doors.ledger.directory) as desk:
        name = fresh("far")
        add_person(desk, name, "auditor")
        request = access_service_pb2.CreateApiKeyRequest(
            principal_id=name, ip_ranges=["192.0.2.0/24"]
        )
        key = desk.create_api_key(request).api_key

    answer = http.post(PATH, data=GRANT, auth=(key_id_of(key), key))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_calls_of_one_quota_count_together(doors: World, http: httpx.Client) -> None:
    """Who has used up the calls of a second gets 429 with a time to come back."""
    with local_desk(doors.ledger.directory) as desk:
        key = add_person(desk, fresh("eager"), "auditor", requests_per_s=2)

    answers = [http.post(PATH, data=GRANT, auth=(key_id_of(key), key)) for _ in range(40)]
    late = next(answer for answer in answers if answer.status_code == 429)

    assert int(late.headers["retry-after"]) >= 1
    assert answers[0].status_code == 200


def test_sign_ins_and_denials_are_in_the_trail_and_secrets_nowhere(
    doors: World, http: httpx.Client
) -> None:
    """The audit trail tells who got a token and who was refused; neither it nor the log holds a key or a token."""
    with local_desk(doors.ledger.directory) as desk:
        name = fresh("seen")
        key = add_person(desk, name, "auditor")
    token = token_of(http, key)
    http.post(PATH, data=GRANT, auth=("abcdefghijkl", key))

    def events() -> list[Any]:
        with local_desk(doors.ledger.directory) as desk:
            request = access_service_pb2.ListAuditEventsRequest(page_size=1000)
            return list(desk.list_audit_events(request).events)

    wanted = {("token.issue", name), ("denied", name)}
    while not wanted <= {(event.action, event.principal_id) for event in events()}:
        who(doors, token)

    told = doors.ledger.log + "".join(map(str, events()))
    assert key_id_of(key) in told
    for secret in (key, key.split("_")[3], token, token.split(".")[2]):
        assert secret not in told
