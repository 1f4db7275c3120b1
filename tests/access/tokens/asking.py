"""How tests ask for tokens, and whom the ledger takes them for."""

from __future__ import annotations

import httpx

from counterfoil.v1 import access_service_pb2

from ..world import World, key_id_of

PATH = "/v1/oauth/token"
GRANT = {"grant_type": "client_credentials"}


def token_of(http: httpx.Client, key: str) -> str:
    """A token for a key."""
    answer = http.post(PATH, data=GRANT, auth=(key_id_of(key), key))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def who(world: World, credential: str) -> tuple[str, str]:
    """Who the ledger says a credential is; or how it refuses it."""
    line = world.line(credential)
    outcome = line.call("AccessService.WhoAmI", access_service_pb2.WhoAmIRequest())
    line.close()
    if outcome.code != "OK":
        return outcome.code, outcome.message
    return "OK", str(outcome.answers[0].principal.principal_id)
