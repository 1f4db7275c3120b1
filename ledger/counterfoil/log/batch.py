"""A batch made ready for the log: all that can be done before the write lock is taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from blake3 import blake3

from counterfoil.entry import SEED_SIZE, commit_batch, derive_salts, frame_records, record_prefix
from counterfoil.log.fingerprint import Fingerprints, fingerprints
from counterfoil.packed import Hashes, Packed
from counterfoil.record import ASSESSMENT, Change, Kind, Verdicts
from counterfoil.record.assessment import format_assessment

# What the request_ids of assessments begin with; what follows is as good as random.
_REQUEST: Final = "assessment-"


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
        assessment: what will be logged behind its records about them; None for nothing.
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
    assessment: "Assessment | None" = None
    change: Change | None = None
    exclusive: bool = False

    @property
    def weight(self) -> int:
        """How much it is for a group commit: its records, and the fingerprints that get rows of their own."""
        return len(self.bodies) + (len(self.change.contents) if self.change else 0)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The entry behind a batch: the verdicts, and, for the case that all of the batch is new, the entry made from them."""

    verdicts: Verdicts
    entry: Batch


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
    assessment: Assessment | None = None,
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
        assessment=assessment,
        change=_change(kind, packed),
        exclusive=exclusive,
    )


def prepare_assessment(
    verdicts: Verdicts, *, origin: str, secret: bytes, environment: int, salt_seed: bytes
) -> Assessment:
    """Make ready what is said about a batch.

    Args:
        salt_seed: that of the batch. Whoever has the batch's receipt knows it, and must not know the salt of this entry.
    """
    material = blake3(salt_seed, key=secret).digest(length=2 * SEED_SIZE)
    request_id = f"{_REQUEST}{material[SEED_SIZE:].hex()}"
    entry = prepare_batch(
        ASSESSMENT,
        origin,
        [format_assessment(verdicts)],
        [request_id],
        secret=secret,
        environment=environment,
        salt_seed=material[:SEED_SIZE],
        request_id=request_id,
    )
    return Assessment(verdicts, entry)


def reduce_batch(batch: Batch, positions: Sequence[int]) -> Batch:
    """A batch of those records alone that stand at some positions, and what is said about those."""
    chosen = np.asarray(positions)
    reduced = _refill(batch, [batch.bodies[at] for at in positions])
    said = batch.assessment
    if said is not None:
        entry = _refill(said.entry, [format_assessment(said.verdicts.at(positions))])
        said = Assessment(said.verdicts, entry)
    return replace(reduced, prints=batch.prints[chosen], terms=batch.terms[chosen], assessment=said)


def _refill(batch: Batch, bodies: Sequence[bytes]) -> Batch:
    """A batch with other bodies. Salts follow each other without gaps, so that all commitments are made anew."""
    packed = Packed.of(bodies)
    salts = derive_salts(batch.salt_seed, len(packed))
    commitments = commit_batch(salts, frame_records(batch.prefix, packed))
    return replace(batch, bodies=packed, commitments=commitments)


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
