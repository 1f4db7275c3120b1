"""An object of the registry over time: its versions, from when on each counts, and when it ends.

Pure: whoever reads the store fills a :class:`History`, and what was true at a moment follows from it.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object.

    Attributes:
        body: the parsed body, such as a License.
        etag: the id of its entry. index: the place of its entry in the log.
        effective_time_us: the first moment at which it counts, microseconds since 1970.
    """

    body: Any
    etag: str
    index: int
    effective_time_us: int


@dataclass(frozen=True, slots=True)
class History:
    """All versions of an object.

    Attributes:
        versions: oldest first; their effective times do not decrease.
        end_time_us: the first moment at which it has ended, as its revocation says; None when it was not revoked.
    """

    versions: tuple[Version, ...]
    end_time_us: int | None = None

    def at(self, time_us: int) -> Version | None:
        """The version that counts at a moment: of those that count already, the last. None: there is none yet.

        The last version goes on counting after the object has ended: it says what had been agreed.
        """
        for version in reversed(self.versions):
            if version.effective_time_us <= time_us:
                return version
        return None

    def has_ended(self, time_us: int) -> bool:
        """Whether the object has ended at a moment; its end is the first moment at which it has."""
        return self.end_time_us is not None and self.end_time_us <= time_us
