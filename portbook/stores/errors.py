"""What can go wrong with the stores, sorted by what a person does next."""

from __future__ import annotations

from portbook.errors import Problem


class StoreUnavailable(Problem):
    """A store does not answer or cannot be started."""

    code = "STO001"


class StoreRefused(StoreUnavailable):
    """A store or the machine says no: wrong login, missing database, missing permission."""

    code = "STO002"


class StoreVersion(StoreUnavailable):
    """The server or the data directory is of a version that Portbook cannot use."""

    code = "STO003"
