"""fsck: the operator's own check of a store, from the records up."""

from counterfoil.log.fsck.check import check_log
from counterfoil.log.fsck.report import Fault, Report

__all__ = ["Fault", "Report", "check_log"]
