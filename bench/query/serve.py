"""`python -m bench.query.serve URL DESCRIPTOR`: the gateway in one uvicorn process, on a socket passed down to it."""

from __future__ import annotations

import socket
import sys

import uvicorn

from gateway.app import create_app

if __name__ == "__main__":
    config = uvicorn.Config(
        create_app(database_url=sys.argv[1], pool_size=8, secret=b"bench"),
        loop="uvloop",
        proxy_headers=False,
        http="httptools",
        log_level="warning",
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])
