"""The import order and the third parties of each unit: the two tables that a newcomer's module gets a line in."""

from __future__ import annotations

# The table of docs/ARCHITECTURE.md. Units on one line are blind to each other.
LINES: tuple[tuple[str, ...], ...] = (
    ("counterfoil_cli",),
    ("counterfoil_server", "counterfoil_client"),
    ("counterfoil.views",),
    ("counterfoil.log", "counterfoil.billing", "counterfoil.licensing"),
    ("counterfoil.store",),
    ("counterfoil.record",),
    ("counterfoil.v1",),
    # ---- no I/O, no clock, no protobuf, no logging below: what an auditor installs ----
    # The offline verifier's own command, which is the one place here that opens a file.
    ("counterfoil.__main__",),
    ("counterfoil.receipt", "counterfoil.webhook", "counterfoil.export"),
    ("counterfoil.note", "counterfoil.entry", "counterfoil.jws"),
    ("counterfoil.tlog", "counterfoil.keys"),
    # Many byte strings as one buffer, and the wire format that frames them.
    ("counterfoil.packed",),
    ("counterfoil.wire",),
    ("counterfoil.twin",),
    ("counterfoil._native",),
    ("counterfoil.limits",),
    ("counterfoil.errors",),
    # The package itself: importing any module runs it, so it imports nothing of the project.
    ("counterfoil",),
)
PURE = frozenset(unit for line in LINES[LINES.index(("counterfoil.__main__",)) :] for unit in line)

# What each unit may import beside the standard library and the lines below it. Pure units are given PURE_PARTIES.
PURE_PARTIES = frozenset({"nacl", "blake3"})
THIRD_PARTIES: dict[str, frozenset[str]] = {
    "counterfoil_cli": frozenset({"blake3", "google", "grpc", "rich", "structlog", "typer"}),
    "counterfoil_server": frozenset(
        {
            "blake3",
            "google",
            "grpc",
            "grpc_channelz",
            "grpc_health",
            "grpc_reflection",
            "grpc_status",
            "nacl",
            "pkcs11",
            "starlette",
            "structlog",
            "uvicorn",
            "uvloop",
        }
    ),
    "counterfoil_client": frozenset({"blake3", "google", "grpc", "grpc_status", "nacl"}),
    "counterfoil.views": frozenset({"google"}),
    "counterfoil.log": frozenset({"blake3", "google", "numpy"}),
    "counterfoil.billing": frozenset({"google"}),
    "counterfoil.licensing": frozenset({"google", "numpy"}),
    "counterfoil.store": frozenset({"lmdb", "numpy"}),
    "counterfoil.record": frozenset({"blake3", "google", "nacl"}),
    "counterfoil.v1": frozenset({"google", "grpc"}),
}

# Units that are narrower than their line: a store is told what to keep, and knows nothing of what it keeps.
NARROWED: dict[str, frozenset[str]] = {
    "counterfoil.store": frozenset({"counterfoil.errors", "counterfoil.limits"}),
}

UNITS = frozenset(unit for line in LINES for unit in line)
OURS = frozenset({"counterfoil", "counterfoil_cli", "counterfoil_server", "counterfoil_client"})
