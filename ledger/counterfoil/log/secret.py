"""The secret of the catalog's fingerprints: drawn from the first signing key, and kept in the store from then on.

It keeps a submitter from choosing ids whose fingerprints collide, and must stay the same for as long as there is a catalog,
whichever key signs. Whoever reads it out of the store can read all records there too, so that it needs no better place.
A store that was made before the secret was kept has none: its key is the first one still, and gives it again. The first
change of keys writes it down, before the change is logged.
"""

from typing import Final

from blake3 import blake3

from counterfoil.entry import SEED_SIZE
from counterfoil.errors import IntegrityError
from counterfoil.keys import SigningKey
from counterfoil.log.layout import META, SECRET_KEY, seal, unseal
from counterfoil.store import Snapshot, Store, Transaction

_DERIVATION: Final = "counterfoil 2026 store secret v1"


def derive_secret(signer: SigningKey) -> bytes:
    """The secret of a log whose first key this is: from a signature of it that is never shown."""
    material = signer.sign(b"counterfoil catalog secret\n" + signer.name.encode())
    return blake3(material, derive_key_context=_DERIVATION).digest(length=SEED_SIZE)


def read_secret(snapshot: Snapshot) -> bytes | None:
    """The secret that is kept in the store; None when the first key has to give it.

    Raises:
        IntegrityError: it is damaged.
    """
    value = snapshot.get(META, SECRET_KEY)
    if value is None:
        return None
    secret = unseal(value, "secret of the catalog")
    if len(secret) != SEED_SIZE:
        raise IntegrityError("the stored secret of the catalog is damaged; run fsck")
    return secret


def put_secret(transaction: Transaction, secret: bytes) -> None:
    """Keep the secret."""
    transaction.put(META, SECRET_KEY, seal(secret))


def keep_secret(store: Store, secret: bytes) -> None:
    """Keep the secret, durably. A crash before leaves a store whose first key still gives it."""
    with store.snapshot() as snapshot:
        if read_secret(snapshot) == secret:
            return
    store.transact(lambda transaction: put_secret(transaction, secret))
