"""Receipts of a few devices say how far the platform is behind: a fleet waits for it, and not for nobody."""

import json
import time

from perception.kinds import load_kinds
from perception.payload import RawReading, decode
from simulators import sounding as module
from simulators.cast import Part
from simulators.crew import Crew
from simulators.heat.design import StationFacts
from simulators.sounding import MOST_AHEAD, Sounding

KIND = load_kinds()["weather_station"]


def receipt(boot, seq):
    return json.dumps({"boot": boot, "seq": seq}).encode()


def test_a_fleet_is_too_deep_until_a_receipt_of_any_lead_comes():
    sounding = Sounding("run")
    one, two = sounding.boot(0), sounding.boot(1)
    for _ in range(MOST_AHEAD // 1000):
        sounding.number(one)
        sounding.number(two)
        assert not sounding.too_deep()
        sounding.said(1000)
    assert sounding.too_deep()
    sounding.hear([b"rubbish", b"[]", receipt("other", 5), receipt(two, "1")])
    assert sounding.too_deep()
    sounding.hear([receipt(two, 0)])
    assert sounding.too_deep()  # nothing was said before its first
    sounding.hear([receipt(two, 1)])
    assert not sounding.too_deep()


def test_where_nobody_answers_it_goes_on_a_load_at_a_time(monkeypatch):
    sounding = Sounding("run")
    sounding.number(sounding.boot(0))
    sounding.said(MOST_AHEAD)
    assert sounding.too_deep()
    later = time.monotonic() + module.PATIENCE_S + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert not sounding.too_deep()
    assert sounding.unanswered == 1
    sounding.said(MOST_AHEAD)
    assert sounding.too_deep()


def test_the_leads_report_often_and_number_their_readings_from_their_birth_on():
    sounding = Sounding("run")
    slow, quick = (Part(f"dev-{n}", KIND, s * 1_000_000, StationFacts()) for n, s in (("slow", 900), ("quick", 10)))
    crew = Crew({"gateway": [slow, quick]}, lambda: 0, most_bytes=1 << 20, sounding=sounding)
    for ts in range(1, 4):
        crew.take("dev-slow", RawReading(ts * 1000, {"t_outdoor": 1.0}))
        crew.take("dev-quick", RawReading(ts * 1000, {"t_outdoor": 1.0}))
    [gateway] = crew.gateways
    births = [m for m in gateway.greetings() if m.topic.endswith("/birth")]
    assert [b'"boot":"run-0"' in m.payload for m in births] == [False, True]
    assert gateway.hears == ["hearthline/v1/dev-quick/stored"]
    said = [(m.topic.split("/")[2], decode(m.payload)[0].seq) for m in gateway.say(10)]
    assert said == [(name, n if name == "dev-quick" else None) for n in range(3) for name in ("dev-slow", "dev-quick")]
    gateway.heard("hearthline/v1/dev-quick/stored", receipt("run-0", 2))
    assert crew.take_receipts() == [receipt("run-0", 2)]
    assert crew.take_receipts() == []
