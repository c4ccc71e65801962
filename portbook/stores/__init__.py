"""The two stores: PostgreSQL, which holds everything, and the Redis protocol, for the doorbell."""

from portbook.stores.errors import StoreRefused, StoreUnavailable, StoreVersion
from portbook.stores.launcher import EMBEDDED, Stores, open_stores

__all__ = ["EMBEDDED", "StoreRefused", "StoreUnavailable", "StoreVersion", "Stores", "open_stores"]
