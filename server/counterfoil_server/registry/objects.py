"""The kinds of objects, as RegistryService speaks of them: a row for each."""

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from counterfoil.errors import InvalidInput
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, Kind, problem
from counterfoil.v1 import registry_service_pb2


@dataclass(frozen=True, slots=True)
class Objects:
    """One kind of object.

    Attributes:
        kind: that of its records. field, plural: what messages call one and many of them.
        filters: the fields of its list that filter, the narrowest first; each cannot change.
        platform_fields: what the platform tells of it, and its owner cannot change.
    """

    kind: Kind
    field: str
    plural: str
    filters: tuple[str, ...] = ()
    platform_fields: tuple[str, ...] = ()

    @property
    def id_field(self) -> str:
        """What bodies and requests call its id."""
        return f"{self.field}_id"

    def message(self, form: str) -> type[Message]:
        """A message of the service, such as ``"Create{}Request"``."""
        found: type[Message] = getattr(
            registry_service_pb2, form.format(self.kind.message.DESCRIPTOR.name)
        )
        return found

    def state(self) -> Any:
        """An empty state: body, version, and what there is to say of its end."""
        return self.message("{}State")()


CREATORS: Final = Objects(
    CREATOR, "creator", "creators", platform_fields=("kyc_status", "payout_account_ref")
)
ASSETS: Final = Objects(ASSET, "asset", "assets", ("creator_id",))
LICENSES: Final = Objects(LICENSE, "license", "licenses", ("asset_id", "buyer", "creator_id"))
PRICES: Final = Objects(PRICE, "price", "prices", ("creator_id",))
OBJECTS: Final = (CREATORS, ASSETS, LICENSES, PRICES)

_BY_NUMBER: Final = {objects.kind.number: objects for objects in OBJECTS}


def objects_of(kind: int) -> Objects:
    """The row of a kind's number.

    Raises:
        InvalidInput: it is no kind of object.
    """
    if kind not in _BY_NUMBER:
        told = "kind must be 5 (creator), 6 (asset), 7 (licence) or 9 (price)"
        raise InvalidInput(told, field="kind", reason=problem.MALFORMED)
    return _BY_NUMBER[kind]
