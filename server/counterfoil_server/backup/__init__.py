"""Copies of a ledger: taking one while it runs, putting it back, and the drill that shows that this works."""

from counterfoil_server.backup.drill import DrillReport, run_drill
from counterfoil_server.backup.manifest import Manifest
from counterfoil_server.backup.restore import Restored, restore
from counterfoil_server.backup.take import take_backup

__all__ = ["DrillReport", "Manifest", "Restored", "restore", "run_drill", "take_backup"]
