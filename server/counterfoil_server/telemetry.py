"""Structured logs: one JSON object a line on standard error. Bodies, salts and keys are never logged."""

import logging
import os
import threading
from typing import Final

import structlog

# The descriptor itself: what stands for it in the interpreter may have been replaced, and have none.
_STANDARD_ERROR: Final = 2


class Messages:
    """Lines on a file descriptor, whatever becomes of them: a log without room must not stop a ledger.

    A full disk under the log, or a reader of the pipe that went away, would otherwise be an exception in whichever
    thread has something to say. How many lines got lost is said in front of the next one that is written.
    """

    def __init__(self, handle: int) -> None:
        """Write to an open descriptor."""
        self._handle = handle
        self._lost = 0
        self._lock = threading.Lock()

    def msg(self, message: str) -> None:
        """Write one line at once, or count it as lost."""
        with self._lock:
            told = f'{{"event": "messages lost", "count": {self._lost}}}\n' if self._lost else ""
            data = f"{told}{message}\n".encode("utf-8", "backslashreplace")
            try:
                whole = os.write(self._handle, data) == len(data)
            except OSError:
                whole = False
            self._lost = 0 if whole else self._lost + 1

    debug = info = warning = error = critical = exception = msg


class _Forward(logging.Handler):
    """What a library says through the standard library, as one of our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it at the level that it has."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def set_up_logging(level: int = logging.INFO) -> None:
    """Set structlog up for the process."""
    messages = Messages(_STANDARD_ERROR)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: messages,
        cache_logger_on_first_use=True,
    )
    # uvicorn's requests are logged where they are answered; what it says beyond that are faults.
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_Forward(logging.WARNING)], False
    logger.setLevel(logging.WARNING)
