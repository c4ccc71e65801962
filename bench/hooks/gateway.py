"""`python -m bench.hooks.gateway DATABASE SECRET DESCRIPTOR`: the gateway alone, on a socket passed down to it."""

from __future__ import annotations

import socket
import sys

import uvicorn

from adapters.jira.hooks import JiraDoor
from gateway.app import create_app

if __name__ == "__main__":
    database, secret, descriptor = sys.argv[1:4]
    app = create_app(
        database_url=database, pool_size=2, secret=b"bench", doors={"delivery": JiraDoor(secret)}
    )
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])
