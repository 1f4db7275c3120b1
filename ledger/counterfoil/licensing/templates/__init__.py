"""Licence templates: standard clauses by name and version, which licences are made from and point at.

The texts are files of this package. A template that was released never changes; a test pins the SHA-256 of each text and
the terms beside it.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from counterfoil.v1 import registry_pb2, registry_service_pb2

_FOLDER: Final = files(__name__)


def load_templates() -> tuple[registry_service_pb2.LicenseTemplate, ...]:
    """All built-in templates, in the order of their list; copies, which the caller may change."""
    return tuple(_copy(template) for template in _templates().values())


def find_template(name: str) -> registry_service_pb2.LicenseTemplate | None:
    """The built-in template that is called "name@version"; None when there is none: parties may have their own."""
    template = _templates().get(name)
    return None if template is None else _copy(template)


def from_template(
    template: registry_service_pb2.LicenseTemplate, **fields: Any
) -> registry_pb2.License:
    """A first version of a licence on the terms of a template.

    Args:
        template: whose terms and name the licence gets, and the fingerprint of its text where the parties have no text
            of their own.
        fields: the other fields of the License, such as ``license_id``; they go before what the template says.
    """
    made: dict[str, Any] = {
        "terms": template.terms,
        "template": f"{template.name}@{template.version}",
    }
    if not fields.get("terms_uri"):
        made["terms_sha256"] = template.text_sha256
    return registry_pb2.License(**{**made, **fields})


@cache
def _templates() -> Mapping[str, registry_service_pb2.LicenseTemplate]:
    listed = tomllib.loads((_FOLDER / "templates.toml").read_text(encoding="utf-8"))
    return {f"{each['name']}@{each['version']}": _load(each) for each in listed["template"]}


def _load(listed: Mapping[str, Any]) -> registry_service_pb2.LicenseTemplate:
    text = (_FOLDER / f"{listed['name']}-{listed['version']}.txt").read_bytes()
    return registry_service_pb2.LicenseTemplate(
        **listed, text=text.decode("utf-8"), text_sha256=sha256(text).digest()
    )


def _copy(
    template: registry_service_pb2.LicenseTemplate,
) -> registry_service_pb2.LicenseTemplate:
    copied = registry_service_pb2.LicenseTemplate()
    copied.CopyFrom(template)
    return copied
