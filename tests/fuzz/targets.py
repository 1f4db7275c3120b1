"""Every fuzz target. A newcomer is one line in the tuple of its module; each method of each service has one already."""

from __future__ import annotations

from .targets_access import ACCESS
from .targets_evidence import EVIDENCE
from .targets_files import FILES
from .targets_server import SERVER
from .targets_tree import TREE

TARGETS = (*EVIDENCE, *TREE, *SERVER, *FILES, *ACCESS)
TARGET_BY_NAME = {target.name: target for target in TARGETS}
