"""fsck: the operator's own check of a store, from the records up; and the scrub, the same a little at a time."""

from counterfoil.log.fsck.check import check_log
from counterfoil.log.fsck.report import Fault, Report
from counterfoil.log.fsck.scrub import Scrub

__all__ = ["Fault", "Report", "Scrub", "check_log"]
