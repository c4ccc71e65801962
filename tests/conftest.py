"""The fixtures are plugins; this only lists them."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_redis",
    "tests.fix_sources",
    "tests.fix_engine",
    "tests.fix_gateway",
    "tests.fix_webhooks",
    "tests.fix_warm",
]

# How long an example takes says how busy the machine is: no property is about that.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
