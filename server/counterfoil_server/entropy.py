"""Fresh randomness from the operating system. No other module of the server draws any."""

import os
import random

from counterfoil.entry import SEED_SIZE

_NONCE_SIZE = 24
_KEY_ID_SIZE = 8
_KEY_SECRET_SIZE = 32
_TOKEN_ID_SIZE = 16


def fresh_seed() -> bytes:
    """32 bytes: a key's seed, or that of a batch's salts."""
    return os.urandom(SEED_SIZE)


def draw(count: int, limit: int) -> list[int]:
    """``count`` different numbers below ``limit``, ascending."""
    return sorted(random.SystemRandom().sample(range(limit), count))


def fresh_nonce() -> bytes:
    """24 bytes, for one sealed page token."""
    return os.urandom(_NONCE_SIZE)


def fresh_token_id() -> str:
    """The name of an access token: 32 hexadecimal digits."""
    return os.urandom(_TOKEN_ID_SIZE).hex()


def fresh_key_parts() -> tuple[bytes, bytes]:
    """8 bytes for the id of an API key and 32 for its secret."""
    return os.urandom(_KEY_ID_SIZE), os.urandom(_KEY_SECRET_SIZE)
