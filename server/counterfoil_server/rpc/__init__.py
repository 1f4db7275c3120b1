"""The gRPC edge. A new service is one new file and one line in ``SERVICES``."""

from counterfoil_server.rpc.access_service import AccessService
from counterfoil_server.rpc.assemble import Servicer, add_service
from counterfoil_server.rpc.log_service import LogService
from counterfoil_server.rpc.payout_service import PayoutService
from counterfoil_server.rpc.registry_service import RegistryService
from counterfoil_server.rpc.training_service import TrainingService
from counterfoil_server.rpc.usage_service import UsageService

SERVICES = (
    *(LogService, TrainingService, UsageService, PayoutService),
    *(RegistryService, AccessService),
)

__all__ = ["SERVICES", "Servicer", "add_service"]
