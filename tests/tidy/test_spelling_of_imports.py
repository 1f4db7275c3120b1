"""One module, one name: nobody imports through the top-level folders, and no two test modules share a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from .imports import imported_names
from .sources import Source, expect_none, python_files

# With the top of the checkout on the path, `ledger.counterfoil.errors` would be a second copy of `counterfoil.errors`,
# and `except` would silently stop matching.
FOLDERS = frozenset({"ledger", "server", "clients", "tests", "scripts", "benchmarks"})


def generic_imports(sources: Iterable[Source]) -> Iterator[str]:
    """Imports that go through a top-level folder."""
    for source in sources:
        for line, name in imported_names(source):
            if name.partition(".")[0] in FOLDERS:
                yield f"{source.path}:{line}: imports {name} through a top-level folder"


def repeated_test_modules(sources: Iterable[Source]) -> Iterator[str]:
    """Test modules that share a file name, so that a failure does not say which one is meant."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for source in sources:
        folder, _, name = source.path.rpartition("/")
        if source.path.startswith("tests/") and name.startswith("test_"):
            places[name].append(folder)
    return (
        f"{name} is in {', '.join(folders)}" for name, folders in places.items() if len(folders) > 1
    )


def test_nobody_imports_through_a_top_level_folder() -> None:
    """Packages are imported by their own names."""
    expect_none(generic_imports(python_files()))


def test_names_of_test_modules_are_unique() -> None:
    """A test module is told by its file name."""
    expect_none(repeated_test_modules(python_files()))


@pytest.mark.parametrize(
    "text",
    [
        "import ledger.counterfoil.errors",
        "from ledger.counterfoil import errors",
        "from server import counterfoil_server",
        "def f():\n    import clients.python",
        "from tests.tidy.sources import ROOT",
    ],
)
def test_a_planted_generic_import_is_caught(text: str) -> None:
    """Each spelling through a top-level folder is reported."""
    assert len(list(generic_imports([Source("tests/unit/test_x.py", text)]))) == 1


def test_a_planted_second_test_module_is_caught() -> None:
    """The same file name in two folders is reported; helpers may share theirs."""
    names = ("tests/a/test_x.py", "tests/b/test_x.py", "tests/a/conftest.py", "tests/b/conftest.py")

    assert list(repeated_test_modules(Source(name, "") for name in names)) == [
        "test_x.py is in tests/a, tests/b"
    ]
