"""Bit rot in the data file, the quick form; ``make bit-rot`` is the long one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..log.bench import Bench
from ..log.questions import fill
from .reporting import run_form
from .rot_large import BROKEN as BROKEN_LARGE
from .rot_pages import PageMap
from .rot_small import BROKEN, reopened


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Flips in a small store."""
    return run_form("rot_small", tmp_path_factory.mktemp("small"), "--flips", "400")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Flips in a larger store, as the long form makes them in one with a million records."""
    area = tmp_path_factory.mktemp("large")
    return run_form("rot_large", area, "--records", "6000", "--flips", "120")


@pytest.mark.parametrize("form", ["small", "large"])
def test_no_wrong_answer_is_served(form: str, request: pytest.FixtureRequest) -> None:
    """With any bit of the file changed each answer is the right one or a refusal, and fsck finds it or nothing depends on it."""
    result = request.getfixturevalue(form)

    assert result["bad"] == [], result["seed"]
    assert (result["wrong_answers_served"], result["missed_by_fsck"]) == (0, 0)
    assert sum(result["verdicts"].values()) == result["flips"]


@pytest.mark.parametrize(
    ("form", "name"),
    [*(("small", name) for name in BROKEN), *(("large", name) for name in BROKEN_LARGE)],
)
def test_a_safety_left_out_is_seen(form: str, name: str, request: pytest.FixtureRequest) -> None:
    """The negative controls: reads that do not hash serve rot, and checks that do not look miss it."""
    assert request.getfixturevalue(form)["negative_controls"][name]["caught"] > 0


def test_the_map_of_pages_knows_every_value(tmp_path: Path) -> None:
    """What the map says lies at a place is what LMDB reads there, for all values of all spaces."""
    subject = Bench("lmdb:", tmp_path)
    fill(subject)
    subject.append(subject.usage(*(f"e{n}" for n in range(600))))
    stored = subject.dump()
    subject.close()
    data = subject.store_path.joinpath("data.mdb").read_bytes()
    pages = PageMap(data)
    found: dict[tuple[str, bytes], bytearray] = {}
    for offset in range(len(data)):
        place = pages.place(offset)
        if place.kind == "value" and place.space:
            value = found.setdefault((place.space, place.key), bytearray())
            assert len(value) == place.at
            value.append(data[offset])

    assert found == stored
    assert {pages.place(offset).kind for offset in range(len(data))} >= {
        *("meta", "leaf", "value", "gap", "free")
    }


def test_a_page_that_nothing_refers_to_may_hold_anything(tmp_path: Path) -> None:
    """With all free pages and gaps overwritten the store is the same."""
    subject = Bench("lmdb:", tmp_path)
    fill(subject)
    stored = subject.dump()
    subject.close()
    path = subject.store_path / "data.mdb"
    data = bytearray(path.read_bytes())
    pages = PageMap(bytes(data))
    for offset in range(len(data)):
        if pages.place(offset).kind in ("free", "gap"):
            data[offset] ^= 0xFF
    path.write_bytes(data)
    again = reopened(subject)

    assert again.dump() == stored
    assert again.fsck().problems == []
    again.close()
