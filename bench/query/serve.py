"""`python -m bench.query.serve URL DESCRIPTOR`: the gateway in one uvicorn process, on a socket passed down to it."""

from __future__ import annotations

import socket
import sys

import uvicorn

from bench.query.cases import POOL
from gateway.app import create_app
from gateway.together import InOneWrite

if __name__ == "__main__":
    # As `portbook serve` does it, but for the patience: on a busy machine thirty-two callers wait for one another.
    app = create_app(
        database_url=sys.argv[1],
        pool_size=POOL,
        secret=b"bench",
        at_once=64,
        statement_timeout_ms=60_000,
    )
    config = uvicorn.Config(app, http=InOneWrite, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])
