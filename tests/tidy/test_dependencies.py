"""What a package imports is what its extra installs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions

from .imports import imported_names
from .layers import OURS, PURE
from .sources import PACKAGES, ROOT, Source, expect_none, innermost, package_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Unit -> the extra that brings what it imports; the pure core makes do with the base install.
EXTRAS: dict[str, str] = {
    "counterfoil": "server",
    "counterfoil.record": "client",
    "counterfoil_cli": "server",
    "counterfoil_client": "client",
    "counterfoil_server": "server",
    "counterfoil_server.signing_keys.pkcs11": "pkcs11",
    **dict.fromkeys(PURE - {"counterfoil"}, ""),
}


def installed_by(extra: str, project: Mapping[str, object] = PROJECT["project"]) -> frozenset[str]:
    """The distributions that the base install and one extra name, extras of extras followed."""
    optional = project["optional-dependencies"]
    base = project["dependencies"]
    assert isinstance(optional, dict)
    assert isinstance(base, list)
    wanted = [*base, *(optional[extra] if extra else ())]
    names: set[str] = set()
    for requirement in wanted:
        nested = re.match(r"counterfoil\[([\w,]+)\]", requirement)
        if nested:
            names |= frozenset[str]().union(
                *(installed_by(e, project) for e in nested[1].split(","))
            )
        else:
            names.add(_normal(re.split(r"[\[<>=~!; ]", requirement)[0]))
    return frozenset(names)


def missing_dependencies(sources: Iterable[Source]) -> Iterator[str]:
    """Third-party imports that the extra of their package does not install."""
    distributions = packages_distributions()
    for source in sources:
        unit = innermost(source.module, frozenset(EXTRAS))
        available = installed_by(EXTRAS[unit] if unit else "")
        for line, name in imported_names(source):
            top = name.partition(".")[0]
            owners = {_normal(owner) for owner in distributions.get(top, ())} - {"counterfoil"}
            if top not in OURS and owners and not owners & available:
                yield f"{source.path}:{line}: {top} comes from {sorted(owners)}, which its extra does not install"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_each_package_imports_what_its_extra_installs() -> None:
    """No package needs a distribution that its install does not bring."""
    expect_none(missing_dependencies(package_files()))


def test_a_planted_import_of_another_extra_is_caught() -> None:
    """A client that needs the store is reported, as is a verifier that needs protobuf."""
    planted = [
        Source("clients/python/counterfoil_client/x.py", "import lmdb"),
        Source("ledger/counterfoil/receipt.py", "from google.protobuf import message"),
        Source("server/counterfoil_server/x.py", "import lmdb\nimport grpc\nimport nacl"),
    ]

    found = list(missing_dependencies(planted))

    assert [line.split(":")[0] for line in found] == [planted[0].path, planted[1].path]


def test_the_wheel_holds_the_packages_and_their_type_markers() -> None:
    """Every package is in the wheel, and says that its annotations may be relied on."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert sorted(wheel["packages"]) == sorted(PACKAGES)
    assert [p for p in PACKAGES if not (ROOT / p / "py.typed").is_file()] == []
