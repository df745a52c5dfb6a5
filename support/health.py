"""Health: ask a process how it does, in the way that its kind of process answers."""

import http.client
import json
import socket
import struct
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from support.heartbeat import STALE_S, read_json

ASK_S = 2.0


class Asked(StrEnum):
    """How a process is asked."""

    HEARTBEAT = "heartbeat"
    HTTP = "http"
    TCP = "tcp"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Probe:
    """Where to ask: a heartbeat file, a URL that answers 200, host:port that accepts, a PostgreSQL socket."""

    how: Asked
    where: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ready or not, and why."""

    ready: bool
    detail: str = ""


def ask(probe: Probe, pid: int) -> Answer:
    """Ask the process with this pid. Never raises; blocks for two seconds at most."""
    if probe.how is Asked.HEARTBEAT:
        return _heartbeat(Path(probe.where), pid)
    try:
        return _LINES[probe.how](probe.where)
    except (OSError, http.client.HTTPException) as err:
        return Answer(ready=False, detail=str(err) or type(err).__name__)


def _heartbeat(file: Path, pid: int) -> Answer:
    told = read_json(file)
    if told.get("pid") != pid:
        return Answer(ready=False, detail="has not spoken yet")
    at = told.get("at")
    age = time.time() - at if isinstance(at, int | float) else STALE_S + 1
    if age > STALE_S:
        return Answer(ready=False, detail=f"silent for {age:.0f} s")
    return Answer(ready=bool(told.get("ready")), detail=str(told.get("detail", "")))


def _http(url: str) -> Answer:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=ASK_S)
    try:
        connection.request("GET", place.path or "/")
        response = connection.getresponse()
        body = response.read(2000)
    finally:
        connection.close()
    return Answer(ready=response.status == http.client.OK, detail=_detail(body) if response.status >= 400 else "")


def _detail(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")[:200]
    return str(told.get("detail", told))[:200] if isinstance(told, dict) else str(told)[:200]


def _tcp(where: str) -> Answer:
    host, port = where.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=ASK_S):
        return Answer(ready=True)


def _postgres(socket_file: str) -> Answer:
    """Greet the server as a client would: it answers with a request to log in, or says that it is starting up."""
    greeting = struct.pack("!I", 196608) + b"user\0hearthline\0database\0hearthline\0\0"
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ASK_S)
        line.connect(socket_file)
        line.sendall(struct.pack("!I", len(greeting) + 4) + greeting)
        answer = line.recv(4096)  # all of it: a server that is left with unread words logs a broken connection
    return Answer(ready=answer[:1] == b"R", detail="" if answer[:1] == b"R" else "is starting up")


_LINES = {Asked.HTTP: _http, Asked.TCP: _tcp, Asked.POSTGRES: _postgres}
