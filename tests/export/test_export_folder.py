"""An export is the log as it was at one signed size, and vouches for itself; any other bytes in it are found."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.__main__ import BAD, CANNOT_TELL, GOOD, verify_file
from counterfoil.entry import commitment, format_leaf, parse_leaf
from counterfoil.errors import IntegrityError, OutOfRange, StartupError, VerificationError
from counterfoil.export import (
    CHECKPOINT_NAME,
    Opening,
    Tiles,
    bundle_path,
    format_records,
    parse_records,
    records_path,
    verify_export,
)
from counterfoil.keys import Signer
from counterfoil.log.export import export_files, find_tree
from counterfoil.note import Policy, sign_checkpoint
from counterfoil.packed import Hashes
from counterfoil.tlog import leaf_hash, parse_bundle, parse_tile_path, root_hash
from counterfoil_server.directory import load, load_signer, open_store
from counterfoil_server.export import export

from ..fault.small_ledger import grow, make, quiet

SEED = 41
FLIPS = 150
# Genesis, then commits of 100: sizes that end inside and at tiles, and need a second level of them.
COMMITS, COUNT = 6, 100
SIZE = 1 + COMMITS * COUNT
STRANGER = Signer.from_seed("test.example/ledger", b"x" * 32).verifier.vkey


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 601 entries that nobody changes."""
    directory = tmp_path_factory.mktemp("exported") / "ledger"
    journal = make(directory)
    grow(directory, journal, COMMITS, COUNT)
    return directory


@pytest.fixture(scope="module")
def signer(ledger: Path) -> Signer:
    """Its key."""
    opened = load_signer(load(ledger))
    assert isinstance(opened, Signer)
    return opened


@pytest.fixture(scope="module")
def policy(signer: Signer) -> Policy:
    """Trust in it."""
    return Policy.trust(signer.verifier.vkey)


@pytest.fixture(scope="module")
def whole(ledger: Path) -> Path:
    """An export of all of it that nobody changes."""
    target = ledger.with_name("whole")
    export(ledger, target, None, quiet)
    return target


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "export"))


def names(folder: Path) -> set[str]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def verdict(folder: Path, policy: Policy) -> str:
    """What the offline verifier says."""
    return verify_file(str(folder), policy).verdict


def test_an_export_verifies_offline(whole: Path, policy: Policy) -> None:
    """The verifier that an auditor installs says good, and tells size and kinds."""
    told = verify_file(str(whole), policy)

    assert told.verdict == GOOD
    assert told.as_json()["size"] == SIZE
    assert told.as_json()["kinds"] == {"genesis": 1, "usage": SIZE - 1}
    assert f"tree of {SIZE} entries: 1 genesis, 600 usage" in told.describe()


def test_an_export_has_the_files_of_its_size_and_no_other(whole: Path) -> None:
    """Tiles, bundles and records are full where they can be, and partial at the right edge alone."""
    per_bundle = [("000", ""), ("001", ""), ("002", ".p/89")]
    expected = {"checkpoint", "vkey", "tile/1/000.p/2"}
    for number, suffix in per_bundle:
        expected |= {f"{kind}/{number}{suffix}" for kind in ("tile/0", "tile/entries", "record")}

    assert names(whole) == expected
    assert all(parse_tile_path(name) for name in expected if name.startswith("tile"))


@pytest.mark.parametrize(
    ("asked", "exported"),
    [(1, 1), (2, 101), (100, 101), (101, 101), (102, 201), (256, 301), (600, 601), (None, 601)],
)
def test_a_size_is_rounded_up_to_the_signed_tree(
    ledger: Path, policy: Policy, tmp_path: Path, asked: int | None, exported: int
) -> None:
    """An export holds the oldest tree that has the entries asked for, as it was signed then."""
    done = export(ledger, tmp_path / "export", asked, quiet)

    verified = verify_export(lambda name: (tmp_path / "export" / name).read_bytes(), policy)
    assert done.tree.size == verified.checkpoint.size == exported
    assert done.files == len(names(tmp_path / "export"))


def test_a_size_that_the_log_does_not_have_is_refused(ledger: Path, tmp_path: Path) -> None:
    """Nothing is written for a size beyond the newest tree."""
    with pytest.raises(OutOfRange, match="602"):
        export(ledger, tmp_path / "export", SIZE + 1, quiet)
    assert list(tmp_path.iterdir()) == []


def test_an_export_overwrites_nothing(ledger: Path, whole: Path) -> None:
    """A folder that is there is left as it is."""
    with pytest.raises(StartupError, match="nothing is overwritten"):
        export(ledger, whole, None, quiet)


def test_an_old_export_is_the_beginning_of_a_new_one(
    ledger: Path, whole: Path, tmp_path: Path
) -> None:
    """Full tiles, bundles and records of an earlier size are the same files later."""
    export(ledger, tmp_path / "early", 301, quiet)

    full = {name for name in names(tmp_path / "early") if ".p/" not in name} & names(whole)
    assert full == {"checkpoint", "vkey", "tile/0/000", "tile/entries/000", "record/000"}
    for name in full - {"checkpoint"}:
        assert (tmp_path / "early" / name).read_bytes() == (whole / name).read_bytes()


def test_every_flip_in_an_export_is_found(folder: Path, policy: Policy) -> None:
    """One bit changed in any file but the key for people is never called good."""
    chance = random.Random(SEED)
    checked = sorted(names(folder) - {"vkey"})
    for number in range(FLIPS):
        path = folder / checked[number % len(checked)]
        good = path.read_bytes()
        bit = chance.randrange(8 * len(good))
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        assert verdict(folder, policy) != GOOD, (f"seed {SEED}", path, bit)
        path.write_bytes(good)
    assert verdict(folder, policy) == GOOD


def test_every_missing_or_shortened_file_is_found(folder: Path, policy: Policy) -> None:
    """Without a file, or with one byte less or more, an export is never called good."""
    for name in sorted(names(folder) - {"vkey"}):
        path = folder / name
        good = path.read_bytes()
        for bad in (None, b"", good[:-1], good + b"\0", good[1:]):
            if bad is None:
                path.unlink()
            else:
                path.write_bytes(bad)
            assert verdict(folder, policy) != GOOD, (name, bad and len(bad))
        path.write_bytes(good)
    assert verdict(folder, policy) == GOOD


def test_the_key_for_people_is_not_believed(folder: Path, policy: Policy) -> None:
    """The verifier brings its own key: another one in the folder changes nothing, and a stranger's cannot tell."""
    (folder / "vkey").write_text(STRANGER)

    assert verdict(folder, policy) == GOOD
    assert verdict(folder, Policy.trust(STRANGER)) == CANNOT_TELL


def test_a_missing_file_is_told_by_its_name(folder: Path, policy: Policy) -> None:
    """What cannot be read is no verdict about the log."""
    (folder / "tile" / "0" / "001").unlink()

    told = verify_file(str(folder), policy)

    assert told.verdict == CANNOT_TELL
    assert "tile/0/001" in told.message


def test_a_redacted_record_leaves_the_rest_good(folder: Path, policy: Policy) -> None:
    """Salt and record of an entry may be gone; the verifier counts it, and every leaf still stands."""
    path = folder / "record" / "001"
    openings = parse_records(path.read_bytes(), 256)
    path.write_bytes(format_records([Opening(b"", b""), *openings[1:]]))

    told = verify_file(str(folder), policy)

    assert told.verdict == GOOD
    assert told.as_json()["redacted"] == 1
    assert "1 of them redacted" in told.describe()


@pytest.mark.parametrize(
    "change",
    [
        lambda openings: [openings[1], openings[0], *openings[2:]],
        lambda openings: [Opening(openings[0].salt, b""), *openings[1:]],
        lambda openings: [Opening(bytes(16), openings[0].record), *openings[1:]],
        lambda openings: [Opening(openings[0].salt, openings[0].record + b"\0"), *openings[1:]],
        lambda openings: openings[:-1],
        lambda openings: [*openings, openings[0]],
    ],
    ids=["swapped", "no record", "another salt", "longer", "one less", "one more"],
)
def test_records_that_are_not_those_of_their_leaves_are_bad(
    folder: Path, policy: Policy, change: Callable[[list[Opening]], list[Opening]]
) -> None:
    """Each leaf's commitment opens to its own salt and record, and to nothing else."""
    path = folder / "record" / "000"
    path.write_bytes(format_records(change(parse_records(path.read_bytes(), 256))))

    assert verdict(folder, policy) == BAD


def forge(folder: Path, signer: Signer, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the leaves, make all tiles anew, and sign the result with the log's own key."""
    bundles = sorted((folder / "tile" / "entries").rglob("*"))
    leaves: list[bytes] = []
    for path in (path for path in bundles if path.is_file()):
        width = int(path.name) if path.parent.name.endswith(".p") else 256
        leaves += parse_bundle(path.read_bytes(), width)
    leaves = change(leaves)
    for path in [path for path in (folder / "tile").rglob("*") if path.is_file()]:
        path.unlink()
    tiles, hashes = Tiles(), Hashes.of(map(leaf_hash, leaves))
    made = [*tiles.feed(hashes), *tiles.finish()]
    for begin in range(0, len(leaves), 256):
        part = leaves[begin : begin + 256]
        bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in part)
        made.append((bundle_path(begin // 256, len(part)), bundle))
    assert tiles.tree.root() == root_hash(hashes)
    made.append(
        ("checkpoint", sign_checkpoint(signer.name, len(leaves), root_hash(hashes), signer))
    )
    for name, data in made:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def rechain(leaves: list[bytes], begin: int) -> list[bytes]:
    """Leaves whose chain is made anew from an index on."""
    chained = leaves[:begin]
    for data in leaves[begin:]:
        leaf = parse_leaf(data)
        previous = leaf_hash(chained[-1]) if chained else bytes(32)
        chained.append(format_leaf(type(leaf)(leaf.kind, leaf.time_us, previous, leaf.commitment)))
    return chained


def backdate(leaves: list[bytes]) -> list[bytes]:
    """The time of the last leaf before that of the first."""
    leaf = parse_leaf(leaves[-1])
    return [*leaves[:-1], format_leaf(type(leaf)(leaf.kind, 1, leaf.previous, leaf.commitment))]


def another_record(leaves: list[bytes]) -> list[bytes]:
    """A leaf that commits to something else, with the chain behind it made anew."""
    leaf = parse_leaf(leaves[300])
    other = format_leaf(
        type(leaf)(leaf.kind, leaf.time_us, leaf.previous, commitment(bytes(16), b"x"))
    )
    return rechain([*leaves[:300], other, *leaves[301:]], 301)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda leaves: [*leaves[:-1], leaves[-2]], "does not follow"),
        (backdate, "is before that of the one before"),
        (another_record, "not what its leaf commits to"),
    ],
)
def test_what_the_log_itself_signs_wrongly_is_found(
    folder: Path,
    signer: Signer,
    policy: Policy,
    change: Callable[[list[bytes]], list[bytes]],
    told: str,
) -> None:
    """A tree with a good signature over a broken chain, a step back in time or another record is bad."""
    forge(folder, signer, change)

    found = verify_file(str(folder), policy)

    assert (found.verdict, told in found.message) == (BAD, True), found


def test_a_forger_who_changes_nothing_is_good(folder: Path, signer: Signer, policy: Policy) -> None:
    """Negative control: the forgery above, without a change, is the export that it was."""
    before = {name: (folder / name).read_bytes() for name in names(folder)}

    forge(folder, signer, lambda leaves: rechain(leaves, 0))

    assert {name: (folder / name).read_bytes() for name in names(folder)} == before
    assert verdict(folder, policy) == GOOD


@pytest.mark.parametrize("sizes", [(0,), (1,), (16, 17), (0, 0, 16), (66_000,) * 3])
def test_records_are_read_as_they_were_written(sizes: tuple[int, ...]) -> None:
    """Redacted, empty and long records come back as they were."""
    openings = [
        Opening(bytes([at]) * 16, b"r" * (size - 16)) if size >= 16 else Opening(b"", b"")
        for at, size in enumerate(sizes)
    ]

    assert parse_records(format_records(openings), len(sizes)) == openings


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0",
        b"\0\0\0\x01s",
        b"\0\0\0\x0f" + b"s" * 15,
        b"\0\0\0\x11" + b"s" * 16,
        b"\xff\xff\xff\xff" + b"s" * 32,
        b"\0\0\0\0" * 2,
        b"\0\0\0\0\0",
    ],
)
def test_what_is_no_file_of_one_record_is_refused(data: bytes) -> None:
    """Cut short, too long, or of a size that no salt has."""
    with pytest.raises(VerificationError):
        parse_records(data, 1)


@pytest.mark.parametrize(("number", "width"), [(0, 256), (7, 3), (1_234_067, 256)])
def test_records_lie_beside_their_leaves(number: int, width: int) -> None:
    """A file of records has the name of its bundle in a folder of its own."""
    bundle = bundle_path(number, width)

    assert records_path(number, width) == bundle.replace("tile/entries/", "record/")
    assert parse_tile_path(bundle) == (None, number, width)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_tiles_do_not_depend_on_how_a_tree_grew(size: int) -> None:
    """Fed one by one, in pieces or at once, the tiles are the same, and hold each complete node of their levels."""
    chance = random.Random(SEED)
    leaves = [leaf_hash(at.to_bytes(4, "big")) for at in range(size)]
    made = []
    for step in (1000, 256, size or 1):
        tiles, files = Tiles(), dict[str, bytes]()
        begin = 0
        while begin < size:
            end = min(size, begin + (chance.randrange(1, 2 * step) if step < size else step))
            files.update(tiles.feed(Hashes.of(leaves[begin:end])))
            begin = end
        files.update(tiles.finish())
        made.append(files)

    assert made[0] == made[1] == made[2]
    counts: dict[int | None, int] = {}
    for name, data in made[0].items():
        level, _, width = parse_tile_path(name)
        assert len(data) == 32 * width
        counts[level] = counts.get(level, 0) + width
    assert counts == {level: size >> 8 * level for level in range(3) if size >> 8 * level}


def test_entries_that_were_not_signed_are_not_exported(ledger: Path, signer: Signer) -> None:
    """When the entries do not lead to the root that was signed, the checkpoint is never written."""
    store = open_store(load(ledger), read_only=True)
    try:
        tree = find_tree(store, signer.verifier, None)
        other = replace(tree, root_hash=bytes(32))
        written: list[tuple[str, bytes]] = []
        with pytest.raises(IntegrityError, match="not those that were signed"):
            written.extend(export_files(store, other, quiet))
        assert CHECKPOINT_NAME not in dict(written)
        assert len(written) > SIZE // 256
    finally:
        store.close()
