"""A ledger's directory: what ``counterfoil init`` makes and ``counterfoil serve`` opens.

DIR/counterfoil.toml   settings, for people to edit
DIR/signing.key        the log's private key, mode 0600
DIR/signing_keys.toml  where its keys lie, once it has changed one
DIR/token.key          the private key of access tokens, mode 0600; token.key.next while it is changed
DIR/anchor             the newest signed checkpoint (may live on another disk)
DIR/store/             the LMDB environment
DIR/lock               held by the one server that runs on this directory
"""

import json
import tomllib
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import CounterfoilError, StartupError
from counterfoil.keys import Signer, SigningKey
from counterfoil.limits import (
    EVENT_TOKENS_CAP,
    TIME_US_MAX,
    TOKEN_LIFETIME_S_DEFAULT,
    TOKEN_LIFETIME_S_MAX,
    TOKENS_MAX,
    WINDOW_FUTURE_US,
    WINDOW_PAST_US,
)
from counterfoil.log import SPACES, Anchor, Log, create_log
from counterfoil.log.fsck import Report, check_log
from counterfoil.log.fsck.report import Progress
from counterfoil.note import Policy
from counterfoil.store.lmdb import LmdbStore
from counterfoil.v1 import record_pb2
from counterfoil_server.clock import now_us, stopwatch_s
from counterfoil_server.entropy import fresh_seed
from counterfoil_server.files import make_durably, write_durably
from counterfoil_server.locks import hold_locks
from counterfoil_server.signing_keys import OwnKeys, file_of, open_key

SETTINGS_NAME: Final = "counterfoil.toml"
ENVIRONMENTS: Final = {
    "live": record_pb2.ENVIRONMENT_LIVE,
    "sandbox": record_pb2.ENVIRONMENT_SANDBOX,
}
POLICIES: Final = ("flag", "refuse")
# Settings that are one of a few words; the first is the default.
_CHOICES: Final = {
    "same_content": POLICIES,
    "uncovered": POLICIES,
    "consumer_ids": ("any", "pseudonyms"),
}
# Times of the whole calendar, and sizes that a 64-bit machine can map.
_NUMBERS_MAX: Final = {
    "map_size_bytes": (1 << 63) - 1,
    "room_reserve_bytes": (1 << 63) - 1,
    "event_tokens_cap": 3 * TOKENS_MAX,
    "day_tokens_cap": (1 << 63) - 1,
    "window_past_s": TIME_US_MAX // 1_000_000,
    "scrub_period_s": TIME_US_MAX // 1_000_000,
    "window_future_s": TIME_US_MAX // 1_000_000,
    "token_lifetime_s": TOKEN_LIFETIME_S_MAX,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``counterfoil.toml`` says. Paths that are not absolute are meant from the directory.

    Attributes:
        origin: the log's unique name, such as ``example.com/ledger``.
        environment: ``live`` or ``sandbox``.
        key: where the private key lies, as a path or a URI (:mod:`counterfoil_server.signing_keys`).
        anchor, store: where they lie.
        map_size_bytes: how large the store may grow.
        room_reserve_bytes: how much of map and disk is kept free; writes are refused when it is reached.
        window_past_s, window_future_s: how far usage may lie behind and ahead of the clock, seconds.
        scrub_period_s: how long one round of the scrub over the whole store takes, seconds; 0 for no scrub.
        same_content: ``flag`` or ``refuse`` an asset with content that another creator has registered.
        uncovered: ``flag`` or ``refuse`` usage that no licence covers.
        consumer_ids: ``any``, or ``pseudonyms`` to refuse usage whose consumer_id has another form.
        event_tokens_cap: more tokens in one event are flagged.
        day_tokens_cap: more tokens of one submitter in a day are flagged; 0 for no cap.
        token_key: where the private key of access tokens lies. token_lifetime_s: how long they are good for, seconds.
        tls_cert, tls_key, tls_client_ca: PEM files of TLS; empty for plain text, and for clients without certificates.
        http_url: where HTTP is reached from outside; empty for the name that a caller used.
    """

    directory: Path
    origin: str
    environment: str = "live"
    key: str = "signing.key"
    anchor: Path = Path("anchor")
    store: Path = Path("store")
    map_size_bytes: int = 1 << 40
    room_reserve_bytes: int = 64 << 20
    window_past_s: int = WINDOW_PAST_US // 1_000_000
    window_future_s: int = WINDOW_FUTURE_US // 1_000_000
    scrub_period_s: int = 7 * 86_400
    same_content: str = "flag"
    uncovered: str = "flag"
    consumer_ids: str = "any"
    event_tokens_cap: int = EVENT_TOKENS_CAP
    day_tokens_cap: int = 0
    token_key: Path = Path("token.key")
    token_lifetime_s: int = TOKEN_LIFETIME_S_DEFAULT
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    http_url: str = ""

    def path(self, name: str) -> Path:
        """The place that a setting names; that of ``key`` if it is a file.

        Raises:
            StartupError: the key is not in a file.
        """
        if name == "key":
            path = file_of(self.key, self.directory)
            if path is None:
                raise StartupError(f"the private key is at {self.key}, and not in a file")
            return path
        place: Path | str = getattr(self, name)
        return self.directory / place

    @property
    def environment_number(self) -> int:
        """The environment as records state it: 1 live, 2 sandbox."""
        return ENVIRONMENTS[self.environment]


def create(
    directory: Path,
    origin: str,
    environment: str = "live",
    anchor: Path | None = None,
    key: str | None = None,
) -> Settings:
    """Make a new ledger: key, anchor, store with the genesis record, and last the settings.

    Args:
        key: where the private key lies that it shall sign with; None makes one.

    A crash before the settings are written leaves a directory that will not start; remove it and repeat.

    Raises:
        StartupError: there is something already, or a name is not acceptable.
    """
    if environment not in ENVIRONMENTS:
        raise StartupError(f"environment must be live or sandbox, not {environment}")
    directory = directory.absolute()
    if directory.exists() and any(directory.iterdir()):
        raise StartupError(f"{directory} is not empty; choose a new directory for a new ledger")
    try:
        made = Signer.from_seed(origin, fresh_seed())
    except CounterfoilError as error:
        raise StartupError(f"the origin {origin!r} is not acceptable: {error}") from error
    settings = Settings(directory, origin, environment, anchor=(anchor or Path("anchor")))
    signer: SigningKey = made
    if key is not None:
        settings = replace(settings, key=key)
        signer = load_signer(settings)
    if not settings.path("anchor").parent.exists() and anchor is not None:
        raise StartupError(f"there is no directory {anchor.parent} for the anchor; make it first")
    make_durably(directory)
    if key is None:
        write_durably(settings.path("key"), f"{made.format()}\n".encode(), mode=0o600)
    make_token_key(settings)
    fresh = Anchor.create(settings.path("anchor"), signer.verifier)
    store = open_store(settings, create=True)
    try:
        create_log(store, signer, fresh, now_us(), settings.environment_number, fresh_seed())
        fresh.take_place()
    finally:
        store.close()
        fresh.close()
    write_durably(directory / SETTINGS_NAME, format_settings(settings).encode(), mode=0o644)
    return settings


def load(directory: Path) -> Settings:
    """Read the settings of a directory.

    Raises:
        StartupError: there are none, or they cannot be understood; the message says where.
    """
    path = directory.absolute() / SETTINGS_NAME
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        told = f"{directory} has no {SETTINGS_NAME}; make a ledger with `counterfoil init {directory} --origin NAME`"
        raise StartupError(told) from error
    except (OSError, ValueError, RecursionError) as error:
        # ValueError: not TOML, not UTF-8, or a number with thousands of digits.
        raise StartupError(f"{path} cannot be read: {error}") from error
    known = {field.name: field for field in fields(Settings) if field.name != "directory"}
    for name, value in table.items():
        if name not in known:
            raise StartupError(
                f"{path} has an unknown setting {name}; known are {', '.join(known)}"
            )
        wanted = int if known[name].type in (int, "int") else str
        if type(value) is not wanted or (isinstance(value, int) and value < 0):
            raise StartupError(f"{path}: {name} must be {'a number' if wanted is int else 'text'}")
        if isinstance(value, int) and value > _NUMBERS_MAX[name]:
            raise StartupError(f"{path}: {name} must be at most {_NUMBERS_MAX[name]}")
        if isinstance(value, str) and "\0" in value:
            raise StartupError(
                f"{path}: {name} has a zero character, which no path or name can have"
            )
    if table.get("token_lifetime_s") == 0:
        raise StartupError(f"{path}: token_lifetime_s must be at least 1")
    if "origin" not in table or table.get("environment", "live") not in ENVIRONMENTS:
        raise StartupError(f"{path} needs an origin, and an environment of live or sandbox")
    for name, words in _CHOICES.items():
        if table.get(name, words[0]) not in words:
            raise StartupError(f"{path}: {name} must be {' or '.join(words)}")
    paths: dict[str, Any] = {
        name: Path(table[name]) for name in ("anchor", "store", "token_key") if name in table
    }
    return Settings(path.parent, **{**table, **paths})


def own_keys(settings: Settings) -> OwnKeys:
    """The keys of a directory.

    Raises:
        StartupError: they cannot be read.
    """
    return OwnKeys(settings.directory, settings.origin, settings.key)


def load_signer(settings: Settings) -> SigningKey:
    """Open the private key that the settings name: the log's first one.

    Raises:
        StartupError: it is missing, malformed, or of another origin; or its device does not let us use it.
    """
    return open_key(settings.key, settings.directory, settings.origin)


def make_token_key(settings: Settings) -> None:
    """Draw the key of access tokens, if there is none yet; the caller holds the lock.

    A lost one is no loss: tokens that it signed are refused, and their holders ask for others.

    Raises:
        StartupError: the origin is so long that its token key cannot be named.
    """
    path = settings.path("token_key")
    if path.exists():
        return
    try:
        signer = Signer.from_seed(token_key_name(settings), fresh_seed())
    except CounterfoilError as error:
        raise StartupError(f"the key of access tokens cannot be named: {error}") from error
    write_durably(path, f"{signer.format()}\n".encode(), mode=0o600)


def token_key_name(settings: Settings) -> str:
    """What the key of a ledger's access tokens is called."""
    return f"{settings.origin}/token"


def load_token_signer(settings: Settings) -> SigningKey:
    """Read the private key of access tokens.

    Raises:
        StartupError: it is missing, malformed, or of another ledger.
    """
    return open_key(
        f"file:{settings.path('token_key')}", settings.directory, token_key_name(settings)
    )


def open_log(settings: Settings) -> Log:
    """Open the log of a directory for appending; the caller holds the lock.

    Raises:
        StartupError: see :class:`counterfoil.log.Log`; or the anchor is a copy.
        IntegrityError: see there.
    """
    own = own_keys(settings)
    with ExitStack() as stack:
        store = open_store(settings)
        stack.callback(store.close)
        with store.snapshot() as snapshot:
            history, (signer, *others) = own.history(snapshot), own.signing(snapshot)
        anchor = Anchor(settings.path("anchor"), history.policy)
        stack.callback(anchor.close)
        log = Log(store, signer, anchor, now_us, settings.environment_number, others)
        if not anchor.is_in_place():
            told = (
                f"the anchor {anchor.path} is a copy, and cannot know what was signed since it was made; put the anchor "
                "itself back. If it is gone for good and nothing newer was ever signed, say so: "
                "`counterfoil fsck DIR --new-anchor SIZE`"
            )
            raise StartupError(told)
        stack.pop_all()
    return log


def hold_lock(settings: Settings) -> AbstractContextManager[tuple[int, ...]]:
    """Be the one server of a ledger; see :func:`counterfoil_server.locks.hold_locks`."""
    return hold_locks(settings.directory, settings.path("store"), settings.path("anchor"))


def fsck(directory: Path, progress: Progress, *, with_anchor: bool = True) -> Report:
    """Check a directory's store; a server may be running on it.

    Args:
        with_anchor: compare with the anchor; not when it is lost.

    Raises:
        StartupError: the directory cannot be opened at all.
    """
    return check_store(load(directory), progress, with_anchor=with_anchor)


def check_store(settings: Settings, progress: Progress, *, with_anchor: bool) -> Report:
    """The same for settings at hand."""
    own = own_keys(settings)
    first, *others = own.known
    trust = Policy(own.known)
    anchor = Anchor(settings.path("anchor"), trust) if with_anchor else None
    store = open_store(settings, read_only=True)
    started_s = stopwatch_s()
    try:
        report = check_log(store, first, own.spare_secret(), anchor, progress, others)
        report.seconds = stopwatch_s() - started_s
        return report
    finally:
        store.close()
        if anchor is not None:
            anchor.close()


def open_store(settings: Settings, *, create: bool = False, read_only: bool = False) -> LmdbStore:
    """Open the store of a directory.

    Raises:
        StartupError, IntegrityError: see :class:`counterfoil.store.LmdbStore`.
    """
    return LmdbStore(
        settings.path("store"),
        SPACES,
        map_size_bytes=settings.map_size_bytes,
        room_reserve_bytes=settings.room_reserve_bytes,
        create=create,
        read_only=read_only,
    )


def format_settings(settings: Settings) -> str:
    """The text of ``counterfoil.toml``; :func:`load` reads it."""
    lines = ["# Settings of this ledger; docs/OPERATING.md explains each."]
    for field in fields(Settings):
        if field.name != "directory":
            value = getattr(settings, field.name)
            # A JSON string is a TOML basic string too.
            shown = str(value) if isinstance(value, int) else json.dumps(str(value))
            lines.append(f"{field.name} = {shown}")
    return "\n".join(lines) + "\n"
