"""What the ledger knows about usage and training when they come in; the rules are ``counterfoil.licensing``'s."""

from counterfoil_server.assessing.assessor import Assessor

__all__ = ["Assessor"]
