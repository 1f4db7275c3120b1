"""Log lines that cannot be written are counted, and stop nobody."""

from __future__ import annotations

import os

from counterfoil_server.telemetry import Messages


def test_a_line_is_written_at_once() -> None:
    """Each message is one line, whatever characters it has."""
    reader, writer = os.pipe()
    messages = Messages(writer)
    messages.info("one")
    messages.critical("two \udc80")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"one\ntwo \\udc80\n"


def test_lines_without_a_reader_are_lost_and_raise_nothing() -> None:
    """A pipe whose reader went away takes nothing, and whoever has something to say goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    messages = Messages(writer)
    for _ in range(3):
        messages.error("unheard")
    os.close(writer)
    assert messages._lost == 3


def test_lost_lines_are_told_when_there_is_room_again() -> None:
    """A pipe that was full for a while: the next line that fits says how many did not."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    room = os.write(writer, b"x" * (1 << 20))
    messages = Messages(writer)
    messages.info("lost")
    messages.warning("lost too")
    while room:
        room -= len(os.read(reader, room))
    messages.info("heard")
    assert os.read(reader, 1000) == b'{"event": "messages lost", "count": 2}\nheard\n'
    messages.info("again")
    assert os.read(reader, 1000) == b"again\n"
    os.close(reader)
    os.close(writer)
