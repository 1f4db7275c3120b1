"""Kind 6: an asset, a work: its fingerprints, whose it is, and what a licence for it is made from."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from blake3 import blake3

from counterfoil.entry import KIND_ASSET, KIND_CREATOR, KIND_PRICE
from counterfoil.limits import NAME_LENGTH_MAX, TAG_LENGTH_MAX, TAGS_MAX
from counterfoil.record import problem
from counterfoil.record.artifacts import check_artifacts
from counterfoil.record.change import Change, Reference, listed_under
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.license import check_template
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_metadata, check_text
from counterfoil.v1 import registry_pb2

# RFC 6838 section 4.2.
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MIME_TYPE = re.compile(rf"{_NAME}/{_NAME}")
# An empty file is part of many works, and nobody's content.
_NOTHING: Final = frozenset({("sha256", sha256().digest()), ("blake3", blake3().digest())})


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.asset_id, "asset_id")
    yield from check_id(body.replaces, "replaces", required=False)
    yield from check_id(body.creator_id, "creator_id")
    yield from check_text(body.title, "title", length_max=NAME_LENGTH_MAX)
    yield from check_artifacts(body.contents, "contents")
    if body.mime_type and not _MIME_TYPE.fullmatch(body.mime_type):
        told = 'mime_type must be of the form "type/subtype", such as "text/plain"'
        yield Problem(0, "mime_type", problem.MALFORMED, told)
    yield from _check_tags(body.tags)
    yield from check_text(body.rights_statement, "rights_statement")
    yield from check_template(body.license_defaults.template, "license_defaults.template")
    price = body.license_defaults.price_id
    yield from check_id(price, "license_defaults.price_id", required=False)
    if body.visibility not in registry_pb2.Visibility.values() or not body.visibility:
        yield Problem(0, "visibility", problem.MISSING, "visibility must be private or listed")
    yield from check_metadata(body.metadata, "metadata")


def _check_tags(tags: Any) -> Iterator[Problem]:
    if len(tags) > TAGS_MAX:
        told = f"{len(tags)} tags; at most {TAGS_MAX} are allowed"
        yield Problem(0, "tags", problem.TOO_MANY, told)
        return
    for at, tag in enumerate(tags):
        if not tag:
            yield Problem(0, f"tags[{at}]", problem.MISSING, f"tags[{at}] must not be empty")
        yield from check_text(tag, f"tags[{at}]", length_max=TAG_LENGTH_MAX)
    if len(set(tags)) != len(tags):
        yield Problem(0, "tags", problem.MALFORMED, "a tag is listed twice")


def _terms(body: Any) -> Mapping[str, str]:
    return {"asset_id": body.asset_id, "creator_id": body.creator_id}


def _change(body: Any) -> Change:
    fixed = {"creator_id": body.creator_id}
    references = [Reference("creator_id", KIND_CREATOR, body.creator_id)]
    price = body.license_defaults.price_id
    if price:
        references.append(
            Reference("license_defaults.price_id", KIND_PRICE, price, owner=body.creator_id)
        )
    prints = (
        (algorithm, digest)
        for artifact in body.contents
        for algorithm, digest in (("sha256", artifact.sha256), ("blake3", artifact.blake3))
        if digest
    )
    return Change(
        kind=KIND_ASSET,
        object_id=body.asset_id,
        id_field="asset_id",
        replaces=body.replaces,
        owner=body.creator_id,
        references=tuple(references),
        fixed=fixed,
        listed=listed_under(fixed),
        contents=frozenset(prints) - _NOTHING,
    )


ASSET = Kind(
    number=KIND_ASSET,
    name="asset",
    id_prefix="as",
    message=registry_pb2.Asset,
    check=_check,
    terms=_terms,
    identity=by_request_id,
    change=_change,
)
