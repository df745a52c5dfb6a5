"""Serving: one web application on one listener, until the process is asked to stop."""

import uvicorn
from fastapi import FastAPI

STOP_S = 1


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; open connections get a second to end."""
    uvicorn.run(
        app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=STOP_S,
        server_header=False, ws_max_size=65536, ws_per_message_deflate=False,
    )  # fmt: skip
