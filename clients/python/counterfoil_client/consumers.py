"""Pseudonyms for the consumers in usage events, made here and before anything is stored or sent.

::

    consumers = Consumers("file:/etc/host/consumer.key", client.registry)
    consumers.pseudonym("alice@example.com", creator_id="ada")
    consumers.pseudonym("alice@example.com", asset_id="song-1")   # whose is it? The registry is asked once
    consumers.protect(event)                                      # in place, before append_usage or a stream

One consumer is one id with one creator, and another with every other, so that creators cannot put together what they see.
``UsageReporter`` does it by itself when it is given a ``consumer_key``.
"""

from functools import lru_cache
from typing import Final

from counterfoil.errors import InvalidInput, VerificationError
from counterfoil.record.consumer import is_pseudonym
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_client.consumer_key import ConsumerKey, open_consumer_key
from counterfoil_client.errors import LedgerError
from counterfoil_client.registry import Registry

# An asset and its creator, two ids of usual length, take about 300 bytes.
ASSETS_MAX: Final = 65_536
_NOT_SHOWN: Final = ("NOT_FOUND", "PERMISSION_DENIED", "INVALID_ARGUMENT")


class Consumers:
    """Replaces plain consumer ids. May be used from many threads.

    Args:
        key: a consumer key, or where one lies, as ``file:PATH`` or ``env:NAME``.
        registry: where to look up whose an asset is; None for no look-ups. The creator of an asset never changes, so that each
            is asked for once. The answer is what the ledger says, without evidence: who does not believe it names creators.
        assets_max: so many assets are remembered; those that were not asked for the longest go first.
    """

    def __init__(
        self,
        key: ConsumerKey | str,
        registry: Registry | None = None,
        *,
        assets_max: int = ASSETS_MAX,
    ) -> None:
        """Make it; see the class.

        Raises:
            StartupError: there is no good key where ``key`` says.
        """
        self._key = open_consumer_key(key) if isinstance(key, str) else key
        self._registry = registry
        self._creator_of = lru_cache(maxsize=assets_max)(self._ask)

    def pseudonym(self, consumer: str, *, creator_id: str = "", asset_id: str = "") -> str:
        """The id that stands for a consumer; one that has the form of a pseudonym, or of a hash, is left alone.

        Args:
            creator_id: whose works are used. asset_id: or one of them, whose creator the registry knows.

        Raises:
            InvalidInput: there is no way to know the creator (reason ``CREATOR_UNKNOWN``), or one of the texts makes no
                sense. The consumer is never quoted.
            LedgerError: the registry could not be asked.
        """
        if is_pseudonym(consumer):
            return consumer
        return self._key.pseudonym(consumer, creator_id or self._creator_of(asset_id))

    def protect(self, event: UsageEvent, creator_id: str = "") -> None:
        """Put the pseudonym in the place of a plain ``consumer_id``; without ``creator_id`` by the event's asset.

        Raises:
            InvalidInput, LedgerError: as :meth:`pseudonym`; the event is as it was.
        """
        if event.consumer_id:
            event.consumer_id = self.pseudonym(
                event.consumer_id, creator_id=creator_id, asset_id=event.asset_id
            )

    def _ask(self, asset_id: str) -> str:
        if not asset_id or self._registry is None:
            raise _unknown("the event has no asset_id" if not asset_id else "no registry is asked")
        try:
            asset = self._registry.assets.get(asset_id).asset
        except LedgerError as error:
            if error.code not in _NOT_SHOWN:
                raise
            raise _unknown(f"the ledger shows no asset {asset_id}") from error
        if asset.asset_id != asset_id:
            raise VerificationError("the ledger answers with another asset than was asked for")
        return asset.creator_id


def _unknown(why: str) -> InvalidInput:
    told = f"the pseudonym of a consumer is made for one creator, and {why}: name the creator (creator_id)"
    return InvalidInput(told, field="consumer_id", reason="CREATOR_UNKNOWN")
