"""Exit 0 when a worker on this host has asked the register something within the last minute, else 1.

A worker looks into the database every few seconds, so one that hangs goes silent there; that its process still
exists would prove nothing. Docker runs this as the worker's health check.
"""

import asyncio
import os
import sys

import asyncpg

LAST_HEARD = """
    SELECT extract(epoch FROM clock_timestamp() - max(greatest(query_start, state_change)))::float8
    FROM pg_stat_activity
    WHERE application_name = 'portbook-worker' AND datname = current_database()
      AND client_addr IS NOT DISTINCT FROM inet_client_addr()
"""


async def main() -> int:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"], timeout=5)
    try:
        silent_s = await connection.fetchval(LAST_HEARD)
    finally:
        await connection.close()
    if silent_s is None or silent_s > 60:
        print("no worker here" if silent_s is None else f"silent for {silent_s:.0f} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
