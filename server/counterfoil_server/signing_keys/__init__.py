"""Private keys by reference: where each lies is text in the settings, and what opens it stands in one table.

    signing.key                                    a file, from the ledger's directory
    file:/etc/counterfoil/signing.key              the same
    env:COUNTERFOIL_KEY                            the text of the key in an environment variable
    pkcs11:token=ledger;object=log?module-path=... a key in a device (RFC 7512)

One more scheme is a function (``Opener``) and a line in ``SCHEMES``. Whatever opens a key, its private half is in no log
line, no error, no traceback and no ``repr``.
"""

from counterfoil_server.signing_keys.open import SCHEMES, Opener, file_of, open_key
from counterfoil_server.signing_keys.own import OwnKeys
from counterfoil_server.signing_keys.table import (
    CHECKPOINT,
    TABLE_NAME,
    ListedKey,
    read_table,
    write_table,
)

__all__ = [
    "CHECKPOINT",
    "SCHEMES",
    "TABLE_NAME",
    "ListedKey",
    "Opener",
    "OwnKeys",
    "file_of",
    "open_key",
    "read_table",
    "write_table",
]
