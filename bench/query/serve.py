"""`python -m bench.query.serve URL PORT`: the gateway in one uvicorn process."""

from __future__ import annotations

import sys

import uvicorn

from gateway.app import create_app

if __name__ == "__main__":
    uvicorn.run(
        create_app(database_url=sys.argv[1], pool_size=8, secret=b"bench"),
        port=int(sys.argv[2]),
        loop="uvloop",
        proxy_headers=False,
        http="httptools",
        log_level="warning",
        access_log=False,
    )
