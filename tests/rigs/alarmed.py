"""A console that may be written in, over a small town with alarms, and the hand that raises them."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import uvicorn
from sqlalchemy import insert, update

from application.acts import Acts
from application.disposition import Act
from application.rules import load_rules
from application.settings import WatchSettings
from application.views import Views
from application.work.desk import desk_of
from application.work.responsibility_file import read_responsibilities
from application.work.responsibility_store import save
from perception.kinds import load_kinds
from presentation.app import create_console
from presentation.settings import ConsoleSettings
from support import tables
from support.catalogue_store import save_catalogue
from support.invitations import Invitations
from support.postgres.connect import make_engine
from support.postgres.reader import PostgresReader

KINDS = load_kinds()
DUTIES = Path(__file__).resolve().parents[2] / "configs" / "responsibilities.toml"


async def quiet():
    """A feed that is open and says nothing until it is closed."""
    import asyncio

    await asyncio.Event().wait()
    yield "", b""


class Alarmed:
    """The database of a town, the sessions of its console, and its application."""

    def __init__(self, url, catalogue, folder):
        self.engine = make_engine(url, "test")
        self.invitations = Invitations(folder)
        with self.engine.begin() as on:
            save_catalogue(on, catalogue, actor="test")
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.views = Views(self.engine, PostgresReader(), KINDS, load_rules())
        self.acts = Acts(self.engine, desk_of(load_rules(), WatchSettings()))
        self.app = create_console(
            self.views, ConsoleSettings(), quiet(), KINDS, (self.acts, self.invitations)
        )  # fmt: skip

    def raised(self, station="warm", rule="return_pressure_low", element="", priority=1, minutes=30.0, **facts):
        """Write what the rules write when a condition comes; return the number of the alarm."""
        row = self.row(station, rule, element, priority, minutes, **facts)
        self.write([row])
        return row["alarm_id"]

    def row(self, station, rule, element="", priority=1, minutes=30.0, **facts):
        """Return an alarm that came so many minutes ago."""
        opened = self.now - timedelta(minutes=minutes)
        key = {"subject": f"station:st-{station}", "rule": rule, "element": element, "opened_at": opened}
        number = uuid5(NAMESPACE_OID, "|".join(map(str, key.values())))
        place = {"station": f"st-{station}", "device": f"dev-{station}", "priority": priority}
        return {"alarm_id": number, **key, **place, "evidence": {"p_sec_return": 0.21, "limit_mpa": 0.25}, **facts}

    def write(self, rows):
        """Write alarms, each with its entry in the journal."""
        raised = [{"alarm_id": r["alarm_id"], "what": "raised", "at": r["opened_at"], "actor": "watch"} for r in rows]
        with self.engine.begin() as on:
            on.execute(insert(tables.alarm), rows)
            on.execute(insert(tables.alarm_event), raised)

    def ordered(self, alarm_id):
        """Let somebody answer for what goes wrong, and open a work order for an alarm; return its id."""
        families = {name: rule.family for name, rule in load_rules().items()}
        with self.engine.begin() as on:
            save(on, read_responsibilities(DUTIES, families, [], self.now.date()), "test", self.now.date())
        at = int(self.now.timestamp() * 1e6)
        return self.acts.open_order(alarm_id, Act("console:anna", at))

    def changed(self, alarm_id, **facts):
        """Write what happened to an alarm meanwhile."""
        with self.engine.begin() as on:
            on.execute(update(tables.alarm).where(tables.alarm.c.alarm_id == alarm_id).values(facts))

    def incident(self, cause_station, cause, alarms, stations=None):
        """Write an incident of these alarms."""
        incident_id = uuid5(NAMESPACE_OID, str(alarms))
        with self.engine.begin() as on:
            on.execute(insert(tables.incident).values(
                incident_id=incident_id, scope=f"station:st-{cause_station}", family="", cause=cause, priority=1,
                cause_station=f"st-{cause_station}", opened_at=self.now,
                stations=stations or [f"st-{cause_station}"]))  # fmt: skip
            rows = [{"incident_id": incident_id, "alarm_id": a} for a in alarms]
            on.execute(insert(tables.incident_alarm), rows)
        return incident_id


@contextmanager
def served(app):
    """Serve an application on a port of its own for the length of the block; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join()
