"""Servers: the three kinds of database server that one schema lives on, found by asking; and what each can do."""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text


class Server(StrEnum):
    """What kind of server this is."""

    PLAIN = "postgresql"
    TIMESCALE_APACHE = "timescaledb, Apache licence"
    TIMESCALE = "timescaledb, Timescale licence"

    @property
    def chunks(self) -> bool:
        """Whether tables of readings are hypertables, which divide themselves."""
        return self is not Server.PLAIN

    @property
    def compresses(self) -> bool:
        """Whether old chunks can be turned into a columnstore."""
        return self is Server.TIMESCALE

    @property
    def meaning(self) -> str:
        """What that means for whoever runs it."""
        return _MEANING[self]


_MEANING = {
    Server.PLAIN: "weekly partitions, dropped by tend when they are too old; no compression",
    Server.TIMESCALE_APACHE: "chunks, dropped by tend when they are too old; no compression with this licence",
    Server.TIMESCALE: "chunks, compressed by tend after tend.compress_after_days, dropped by it when too old",
}
"""Retention is tend's own pass everywhere: a policy of the server would not wait for the rollups."""

PROBE_SQL = """
select extversion, coalesce(current_setting('timescaledb.license', true), '')
from pg_extension where extname = 'timescaledb'
"""


class Found(NamedTuple):
    """What answers at the address of the database: versions of PostgreSQL and, where it is there, of TimescaleDB."""

    server: Server
    postgresql: str
    timescaledb: str | None

    def __str__(self) -> str:
        """Return it in one line."""
        if self.timescaledb is None:
            return f"PostgreSQL {self.postgresql}"
        licence = "Timescale licence" if self.server is Server.TIMESCALE else "Apache licence"
        return f"PostgreSQL {self.postgresql}, TimescaleDB {self.timescaledb} ({licence})"


def find(on: Connection) -> Found:
    """Tell what answers, and with which licence the extension runs."""
    version = str(on.execute(text("select current_setting('server_version')")).scalar_one()).split()[0]
    row = on.execute(text(PROBE_SQL)).one_or_none()
    if row is None:
        return Found(Server.PLAIN, version, None)
    server = Server.TIMESCALE if row[1] == "timescale" else Server.TIMESCALE_APACHE
    return Found(server, version, str(row[0]))


def probe(on: Connection) -> Server:
    """Tell what kind of server a database lives on, by its extensions."""
    return find(on).server
