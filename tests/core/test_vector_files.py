"""The committed vectors are what their generators write."""

from __future__ import annotations

import runpy

import pytest

from .vectors import VECTORS, load

GENERATED = (
    "cosignature/cosignature.json",
    "ed25519/refused.json",
    "note/malformed.json",
    "range/range.json",
)


@pytest.mark.parametrize("path", GENERATED)
def test_vector_file_is_current(path: str) -> None:
    """Building the vectors again gives the committed file."""
    generator = runpy.run_path(str((VECTORS / path).parent / "generate.py"))

    assert generator["build"]() == load(path)


def test_every_generator_is_checked() -> None:
    """No generator beside the vectors is left out of the check above."""
    generators = {path.parent.name for path in VECTORS.rglob("generate.py")}

    assert {path.partition("/")[0] for path in GENERATED} <= generators


def test_readme_names_every_file() -> None:
    """Each vector file has a row in the README that says where it comes from."""
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(VECTORS).as_posix() for path in VECTORS.rglob("*.json")]

    assert [path for path in files if f"`{path}`" not in readme] == []
