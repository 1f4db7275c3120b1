"""fsck of a catalog that does not fit into one share: what is found does not depend on where the shares end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.log import SPACES
from counterfoil.log.columns import split_columns
from counterfoil.log.fsck import catalog
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import META, RUN, RUNS_KEY
from counterfoil.log.runs import Runs, format_runs
from counterfoil.store import MemoryStore

from .bench import Bench
from .harm import damaged, named

NO_RUNS = format_runs(Runs(99, ()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log whose catalog is compared in dozens of shares, each stretch of it of a few entries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "_STRETCH_COUNT", 5)
        made = Bench("memory:", tmp_path_factory.mktemp("shared"))
        for number in range(12):
            names = [f"e{number}-{n}" for n in range(9)]
            made.append(made.usage(*names), made.training(number), made.payout(number))
        yield made
        made.close()


def stored_chunks(subject: Bench) -> list[tuple[bytes, bytes]]:
    """Keys and values of the catalog's chunks."""
    return [(key, value) for (space, key), value in subject.dump().items() if space == RUN]


def test_a_sound_catalog_is_sound_in_shares(shared: Bench) -> None:
    """No share misses an entry or has one twice, terms that many records have included."""
    assert shared.fsck().problems == []


def test_an_index_that_is_changed_is_named(shared: Bench) -> None:
    """Whichever share it is in, an entry that the catalog has in the wrong place is named."""
    for key, value in stored_chunks(shared):
        _, indexes = split_columns(value)
        for at in range(0, len(indexes), 7):
            begin = len(value) // 2 + 8 * at
            changed = value[:begin] + bytes(8) + value[begin + 8 :]
            if changed != value:
                index = int(indexes[at])
                with damaged(shared, RUN, key, changed) as report:
                    assert index in named(report), (key, at)


def test_a_fingerprint_that_is_changed_is_found(shared: Bench) -> None:
    """A fingerprint that rotted within its order, over the end of a share or out of its order is missed."""
    for key, value in stored_chunks(shared):
        for at in range(0, len(value) // 2, 8 * 13):
            for byte, flip in ((0, 0x01), (7, 0x08), (7, 0x80)):
                changed = bytearray(value)
                changed[at + byte] ^= flip
                with damaged(shared, RUN, key, bytes(changed)) as report:
                    assert {fault.what for fault in report.problems} == {"catalog"}, (key, at)


def test_a_catalog_that_is_gone_is_found(shared: Bench) -> None:
    """With a list that names no runs, the entries of all shares are missed."""
    with damaged(shared, META, RUNS_KEY, NO_RUNS) as report:
        assert {fault.what for fault in report.problems} == {"catalog"}
        assert len(named(report)) > 100


def test_an_identity_twice_is_found_in_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that slipped past a catalog that was away are told, though their terms are equal to those of others."""
    monkeypatch.setattr(catalog, "_STRETCH_COUNT", 5)
    made = Bench("memory:", tmp_path)
    made.add(made.usage(*(f"e{n}" for n in range(30))))
    made.put(META, RUNS_KEY, NO_RUNS)
    made.append(made.usage("x", "e7"), made.training(1), made.training(4))
    report = made.fsck()

    assert [(f.what, f.index) for f in report.problems if f.what == "dedup"] == [("dedup", 32)]
    made.close()


def test_the_temporary_file_goes_with_the_check() -> None:
    """Whether or not anything was compared, nothing is left behind."""
    check = catalog.CatalogCheck(Report(), bytes(32))
    with MemoryStore(SPACES).snapshot() as snapshot:
        check.compare(snapshot, 0)
    check.close()
    assert check._file.closed
