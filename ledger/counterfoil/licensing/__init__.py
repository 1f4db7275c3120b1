"""Licences at work: whether a use is covered and at what price, templates, and licences in the formats of others.

Pure: no clock, and nothing is read but the templates, which are files of the package.
"""

from collections.abc import Callable, Mapping
from typing import Final

from counterfoil.licensing.agreement import Agreement, Exported
from counterfoil.licensing.coverage import FindKnown, Timeline, evaluate, evaluate_many
from counterfoil.licensing.decision import Decision, Known, Question
from counterfoil.licensing.rsl import export_rsl
from counterfoil.licensing.tdmrep import export_tdmrep
from counterfoil.licensing.templates import find_template, from_template, load_templates
from counterfoil.licensing.uses import use_of
from counterfoil.v1 import registry_service_pb2 as service

EXPORTS: Final[Mapping[int, Callable[[Agreement], Exported]]] = {
    service.LICENSE_FORMAT_RSL: export_rsl,
    service.LICENSE_FORMAT_TDMREP: export_tdmrep,
}
"""How a licence is written in each LicenseFormat."""

__all__ = [
    "EXPORTS",
    "Agreement",
    "Decision",
    "Exported",
    "FindKnown",
    "Known",
    "Question",
    "Timeline",
    "evaluate",
    "evaluate_many",
    "export_rsl",
    "export_tdmrep",
    "find_template",
    "from_template",
    "load_templates",
    "use_of",
]
