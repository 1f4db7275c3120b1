"""What RegistryService does, for all kinds of objects alike: one table, and functions over its rows."""

from counterfoil_server.registry.objects import ASSETS, CREATORS, LICENSES, OBJECTS, PRICES, Objects

__all__ = ["ASSETS", "CREATORS", "LICENSES", "OBJECTS", "PRICES", "Objects"]
