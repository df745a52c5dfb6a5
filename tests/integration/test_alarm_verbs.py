"""The verbs of alarms take a place as lists show it, and one word for what there is to say."""

from itertools import count

import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner

from application import alarm_commands
from application.instants import MINUTE
from support import tables
from tests.integration.test_alarm_disposition import NOW, STATION, engine, raised, views

__all__ = ["engine", "views"]


@pytest.fixture
def verbs(engine, views):
    """Call a verb of `alarms`; returns its exit status and what it showed."""
    shown, app, clock = [], typer.Typer(), count(NOW + MINUTE)
    ports = alarm_commands.Ports(
        lambda: engine, lambda: views, lambda: next(clock), lambda: "cli:ann", lambda *_: (0, 1),
        lambda rows, _: shown.extend(rows),
    )  # fmt: skip
    alarm_commands.register(app, ports)

    def call(*words):
        shown.clear()
        done = CliRunner().invoke(app, ["alarms", *words])
        return done.exit_code, list(shown)

    return call


def test_a_place_is_named_as_lists_show_it_or_by_its_name(engine, verbs):
    with engine.begin() as on:
        raised(on)
    for words in (["--station", STATION], ["--station", f"station:{STATION}"], ["--city", "city:testopolis"]):
        status, rows = verbs("list", *words)
        assert (status, len(rows)) == (0, 1)
    assert verbs("list", "--station", "station:nowhere")[0] != 0


def test_what_there_is_to_say_is_a_comment_everywhere(engine, verbs):
    with engine.begin() as on:
        number = str(raised(on))
    assert verbs("comment", number, "--comment", "valve is shut")[0] == 0
    assert verbs("comment", number, "--text", "as before")[0] == 0
    assert verbs("comment", number)[0] == 2
    with engine.connect() as on:
        assert on.scalars(select(tables.alarm_event.c.comment)).all() == ["valve is shut", "as before"]
