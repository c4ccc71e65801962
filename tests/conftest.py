"""The fixtures are plugins; this only lists them."""

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_redis",
    "tests.fix_sources",
    "tests.fix_engine",
    "tests.fix_gateway",
]
