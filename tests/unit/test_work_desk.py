"""How long a condition has to stay away before its order is verified: the off-delay that holds there and then."""

from application.instants import DAY, SECOND
from application.rule import Family
from application.rules import load_rules
from application.rules_file import RulesFile
from application.settings import WatchSettings
from application.work.desk import calm_of, desk_of

FILE = """
[pump_failed]
on_delay_s = 15
off_delay_s = 120

[[pump_failed.except]]
district = "north"
off_delay_s = 600

[[pump_failed.except]]
device = "dev-drilled"
from = 1970-01-03
until = 1970-01-04
off_delay_s = 2

[own.pump_room_hot]
title = { zh = "泵房过热", en = "Pump room too hot" }
point = "t_station_room"
above = 40
off_delay_s = 90
"""
NORTH = {"city": "c", "district": "north", "station": "s", "device": "dev-drilled"}
SOUTH = {"city": "c", "district": "south", "station": "s", "device": "x"}


def test_off_delays_follow_the_file_the_place_and_the_time(tmp_path):
    (tmp_path / "rules.toml").write_text(FILE, "utf-8")
    calm = calm_of(RulesFile(tmp_path / "rules.toml"))
    assert calm("pump_failed", SOUTH, 0) == 120 * SECOND
    assert calm("pump_failed", NORTH, 0) == 600 * SECOND
    assert calm("pump_failed", NORTH, 2 * DAY) == 2 * SECOND
    assert calm("pump_failed", NORTH, 3 * DAY) == 600 * SECOND
    assert calm("pump_room_hot", SOUTH, 0) == 90 * SECOND
    assert calm("gone_meanwhile", SOUTH, 0) == 0


def test_rules_without_a_file_have_their_defaults():
    rules = load_rules()
    desk = desk_of(rules, WatchSettings(order_priorities=(), order_settle_s=5))
    usual = rules["pump_failed"].parameters.model_validate({}).off_delay_s
    assert desk.calm("pump_failed", SOUTH, 0) == round(usual * SECOND)
    assert (desk.least_priority, desk.settle_us, desk.priorities) == (1, 5 * SECOND, frozenset())
    assert desk.family("pump_failed") is Family.PUMP
    assert desk.family("gone_meanwhile") is Family.OWN
