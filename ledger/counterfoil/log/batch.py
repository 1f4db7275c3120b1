"""A batch made ready for the log: all that can be done before the write lock is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterfoil.entry import commit_batch, derive_salts, frame_records, record_prefix
from counterfoil.log.fingerprint import Fingerprints, fingerprints
from counterfoil.packed import Hashes, Packed
from counterfoil.record import Change, Kind


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked records of one kind from one submitter, with their commitments.

    Attributes:
        prefix: what their Records begin with. bodies: exactly as they were sent.
        identities: what makes each one of a kind for its submitter; prints: the fingerprints of these.
        terms: fingerprints that the catalog lists each record under, one row for each record.
        salt_seed: 32 random bytes. commitments: one for each record, with the salts of this seed.
        atomic: one record that conflicts refuses them all.
        stream_id, sequence: which batch of which stream it is; empty and 0 outside streams.
        change: what its one record changes in the registry; None for kinds that change nothing there.
        exclusive: content that another creator has registered refuses it.
    """

    kind: Kind
    submitter: str
    prefix: bytes
    bodies: Packed
    identities: Sequence[str]
    prints: Fingerprints
    terms: Fingerprints
    salt_seed: bytes
    commitments: Hashes
    atomic: bool = False
    stream_id: str = ""
    sequence: int = 0
    change: Change | None = None
    exclusive: bool = False

    @property
    def weight(self) -> int:
        """How much it is for a group commit: its records, and the fingerprints that get rows of their own."""
        return len(self.bodies) + (len(self.change.contents) if self.change else 0)


def identity_domain(kind: Kind, submitter: str) -> str:
    """The fingerprint domain of a submitter's identities of a kind."""
    return f"identity/{kind.number}/{submitter}"


def term_print(secret: bytes, kind: Kind, term: str, value: str) -> int:
    """The fingerprint under which records of a kind are listed for one value of one term."""
    return int(fingerprints(secret, _term_domain(kind), [_term_text(term, value)])[0])


def _term_domain(kind: Kind) -> str:
    return f"term/{kind.number}"


def _term_text(term: str, value: str) -> str:
    return f"{term}={value}"


# Every record of a kind that has terms is listed under this one too.
ALL_TERM = "kind"


def prepare_batch(
    kind: Kind,
    submitter: str,
    bodies: Sequence[bytes],
    identities: Sequence[str],
    *,
    secret: bytes,
    environment: int,
    salt_seed: bytes,
    request_id: str = "",
    backfill: bool = False,
    atomic: bool = False,
    stream_id: str = "",
    sequence: int = 0,
    exclusive: bool = False,
) -> Batch:
    """Commit to a batch and take the fingerprints of its identities; the bodies have been checked before.

    Raises:
        ValueError: there are several records that change the registry; each must be a batch of its own.
    """
    packed = Packed.of(bodies)
    prefix = record_prefix(submitter, environment, request_id, backfill)
    salts = derive_salts(salt_seed, len(packed))
    return Batch(
        kind=kind,
        submitter=submitter,
        prefix=prefix,
        bodies=packed,
        identities=identities,
        prints=fingerprints(secret, identity_domain(kind, submitter), identities),
        terms=term_prints(secret, kind, packed),
        salt_seed=salt_seed,
        commitments=commit_batch(salts, frame_records(prefix, packed)),
        atomic=atomic,
        stream_id=stream_id,
        sequence=sequence,
        change=_change(kind, packed),
        exclusive=exclusive,
    )


def _change(kind: Kind, bodies: Sequence[bytes]) -> Change | None:
    if kind.change is None:
        return None
    if len(bodies) != 1:
        raise ValueError(f"{len(bodies)} records of kind {kind.name} in one batch; one is allowed")
    return kind.change(kind.message.FromString(bodies[0]))


def term_prints(secret: bytes, kind: Kind, bodies: Sequence[bytes]) -> Fingerprints:
    """What the catalog lists records under: a row for each record, no columns for kinds without terms."""
    if not kind.terms(kind.message()):
        return np.empty((len(bodies), 0), dtype=np.uint64)
    texts: list[str] = []
    for body in bodies:
        terms = {ALL_TERM: kind.name, **kind.terms(kind.message.FromString(body))}
        texts += [_term_text(term, value) for term, value in terms.items()]
    # One call for all of them: numpy's cost is in the call, not in the texts.
    return fingerprints(secret, _term_domain(kind), texts).reshape(len(bodies), -1)
