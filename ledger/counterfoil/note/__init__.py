"""Signed text: notes, checkpoints, cosignatures and trust policies, each as in its C2SP document.

Nothing here reads a clock or a file. What is accepted is exactly what would be written, and every
refusal is a VerificationError.
"""

from counterfoil.note.checkpoint import (
    Checkpoint,
    format_checkpoint,
    parse_checkpoint,
    parse_checkpoint_text,
    sign_checkpoint,
)
from counterfoil.note.cosignature import cosign_checkpoint, verify_cosignature
from counterfoil.note.key_history import (
    PURPOSE_CHECKPOINT,
    KeyChange,
    KeyHistory,
    Trust,
    as_trust,
    follow,
)
from counterfoil.note.key_sizes import KeySizes
from counterfoil.note.lines import (
    NOTE_SIZE_BYTES_MAX,
    SIGNATURE_LINES_MAX,
    format_signature_line,
    parse_decimal,
    parse_signature_line,
)
from counterfoil.note.policy import NO_QUORUM, Group, Policy, Witness
from counterfoil.note.signed import (
    Note,
    UnverifiedSignature,
    VerifiedSignature,
    parse_note,
    sign_note,
)

__all__ = [
    "NOTE_SIZE_BYTES_MAX",
    "NO_QUORUM",
    "PURPOSE_CHECKPOINT",
    "SIGNATURE_LINES_MAX",
    "Checkpoint",
    "Group",
    "KeyChange",
    "KeyHistory",
    "KeySizes",
    "Note",
    "Policy",
    "Trust",
    "UnverifiedSignature",
    "VerifiedSignature",
    "Witness",
    "as_trust",
    "cosign_checkpoint",
    "follow",
    "format_checkpoint",
    "format_signature_line",
    "parse_checkpoint",
    "parse_checkpoint_text",
    "parse_decimal",
    "parse_note",
    "parse_signature_line",
    "sign_checkpoint",
    "sign_note",
    "verify_cosignature",
]
