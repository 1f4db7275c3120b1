"""Consumer ids on their way into events: replaced by pseudonyms where there is a key, or else counted."""

from typing import Any

from counterfoil.errors import InvalidInput
from counterfoil.record.consumer import is_pseudonym
from counterfoil_cli.importing.rows import RowError
from counterfoil_client import Consumers


class ConsumerIds:
    """What becomes of the consumer ids of an import.

    Attributes:
        plain: how many plain ones were let pass as they are.
    """

    def __init__(self, consumers: Consumers | None = None, creator_id: str = "") -> None:
        """Prepare.

        Args:
            consumers: makes the pseudonyms; None lets everything pass.
            creator_id: whose works are used in every row; empty to look up each asset.
        """
        self.plain = 0
        self._consumers = consumers
        self._creator_id = creator_id

    def take(self, values: dict[str, Any]) -> None:
        """Look at the fields of one event, and replace a plain consumer.

        Raises:
            RowError: there is no way to know the creator (reason ``CREATOR_UNKNOWN``), or no pseudonym can be made.
            LedgerError: the registry could not be asked.
        """
        consumer = values.get("consumer_id", "")
        if not consumer or is_pseudonym(consumer):
            return
        if self._consumers is None:
            self.plain += 1
            return
        try:
            values["consumer_id"] = self._consumers.pseudonym(
                consumer, creator_id=self._creator_id, asset_id=values.get("asset_id", "")
            )
        except InvalidInput as error:
            raise RowError(error.reason, error.field, str(error)) from None
