"""From what the registry holds to the messages that say it."""

from typing import Any, Final

from counterfoil.entry import parse_record
from counterfoil.limits import CONTESTING_MAX
from counterfoil.log.registry import ObjectState, Version, find_contesting
from counterfoil.record import KIND_BY_NUMBER, REVOCATION
from counterfoil.store import Snapshot
from counterfoil.v1 import registry_pb2, registry_service_pb2
from counterfoil_server.registry.objects import CREATORS, Objects, objects_of
from counterfoil_server.registry.sight import Sight

# The messages with this field are about assets.
_CONTESTED: Final = "contested_by"


def to_version(version: Version) -> registry_service_pb2.Version:
    """Where a version stands."""
    entry = version.entry
    fields = parse_record(entry.record)
    return registry_service_pb2.Version(
        etag=entry.id,
        version=version.number,
        index=entry.index,
        time_us=entry.leaf.time_us,
        effective_time_us=version.effective_time_us,
        submitter=fields.submitter,
        request_id=fields.request_id,
    )


def to_state(sight: Sight, objects: Objects, state: ObjectState) -> Any:
    """An object as its State message; of other creators there is no more in it than id and display name."""
    message = objects.state()
    body = getattr(message, objects.field)
    body.ParseFromString(state.version.entry.body)
    is_own = sight.owns(objects.kind, body)
    if objects is CREATORS and not is_own:
        return _reduce(message)
    message.version.CopyFrom(to_version(state.version))
    if state.end is not None:
        message.revocation.CopyFrom(
            registry_pb2.Revocation.FromString(state.end.entry.body),
        )
        message.revocation_version.CopyFrom(to_version(state.end))
    if is_own:
        add_contesting(sight.snapshot, state, message)
    return message


def _reduce(message: Any) -> Any:
    reduced = CREATORS.state()
    reduced.creator.creator_id = message.creator.creator_id
    reduced.creator.display_name = message.creator.display_name
    reduced.reduced = True
    return reduced


def add_contesting(snapshot: Snapshot, state: ObjectState, message: Any) -> None:
    """Name the assets of other creators with the same content, in a message that has a place for them."""
    if _CONTESTED in message.DESCRIPTOR.fields_by_name and state.end is None:
        message.contested_by.extend(find_contesting(snapshot, state, CONTESTING_MAX))


def to_object_version(version: Version) -> registry_service_pb2.ObjectVersion:
    """One line of an object's history."""
    message = registry_service_pb2.ObjectVersion(version=to_version(version))
    kind = KIND_BY_NUMBER[version.entry.leaf.kind]
    field = REVOCATION.name if kind is REVOCATION else objects_of(kind.number).field
    getattr(message, field).ParseFromString(version.entry.body)
    # A body without any field set would leave the oneof unset.
    getattr(message, field).SetInParent()
    return message
