"""What the catalog must hold of a batch part: made from its records, and looked for where it belongs."""

import numpy as np

from counterfoil.entry import parse_record
from counterfoil.errors import IntegrityError
from counterfoil.log.batch import identity_domain, term_prints
from counterfoil.log.fingerprint import Fingerprints, fingerprints
from counterfoil.log.layout import BatchPart
from counterfoil.log.runs import find, find_from, read_runs
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot


def catalog_lines(secret: bytes, part: BatchPart) -> tuple[Fingerprints, Fingerprints]:
    """The fingerprints of a part's identities, one for each record, and of its terms, a row for each record.

    Raises:
        IntegrityError: a record cannot be read. VerificationError: not even the first can be taken apart.
        KeyError: the kind is unknown.
    """
    kind = KIND_BY_NUMBER[part.head.kind]
    fields = parse_record(part.records(0, 1)[0])
    bodies = part.bodies()
    parse, identity = kind.message.FromString, kind.identity
    try:
        identities = [identity(fields.request_id, parse(body)) for body in bodies]
    except Exception as error:
        raise IntegrityError(
            f"a record of entry {part.first} or after cannot be read", index=part.first
        ) from error
    domain = identity_domain(kind, fields.submitter)
    return fingerprints(secret, domain, identities), term_prints(secret, kind, bodies)


def find_unlisted(snapshot: Snapshot, secret: bytes, part: BatchPart) -> list[int]:
    """The entries of a part that the catalog does not have under their identity, or under one of their terms.

    A line that rotted is one that is missing: each line of the catalog belongs to one entry.

    Raises:
        IntegrityError: a chunk of the catalog is missing; and as :func:`catalog_lines`.
    """
    identities, terms = catalog_lines(secret, part)
    runs = read_runs(snapshot).runs
    hits = {(hit.position, hit.index) for hit in find(snapshot, runs, identities)}
    unlisted = [part.first + at for at in range(part.count) if (at, part.first + at) not in hits]
    # Many entries share a term: each is looked for by its own index.
    for at, row in enumerate(np.atleast_2d(terms).tolist() if terms.size else ()):
        index = part.first + at
        if any(find_from(snapshot, runs, print_, index, 1) != [index] for print_ in row):
            unlisted.append(index)
    return sorted(set(unlisted))
