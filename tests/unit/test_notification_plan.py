"""The file of notifications: read whole or not at all, every problem named, hours without anybody found."""

import os
import re
import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.instants import HOUR, MINUTE, microseconds
from application.notify.desk import Desk, PlanFile, read_plan, remarks
from application.notify.plan import DAYS, PlanError, Quiet, Rota, plan_of
from application.notify.rota import holes, next_change, on_call, overlaps, quiet_until
from application.settings import NotifySettings

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text, zone=SHANGHAI):
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=zone))


def rota(*shifts, **more):
    return Rota.model_validate({"zone": "Asia/Shanghai", "shift": list(shifts), **more})


def shift(begin, end, *rungs, days=DAYS):
    return {"from": begin, "to": end, "days": list(days), "rungs": list(rungs) or ["duty"]}


def desk(tmp_path, **settings):
    return Desk(tmp_path / "notifications.toml", NotifySettings(**settings), tmp_path / "secrets", dict)


def test_every_problem_is_named():
    tables = {
        "recipient": {
            "control": {"mail": "two@example.org, three@example.org"},
            "empty": {"language": "en"},
            "hook": {"webhook": {"url": "https://user:pass@example.org/"}},
            "odd": {"mail": "a@b.c", "surprise": 1},
        },
        "on_call": {"net": {"zone": "Mars/Olympus", "shift": [{"from": "8", "to": "25:00", "rungs": []}]}},
    }
    with pytest.raises(PlanError) as told:
        plan_of(tables)
    words = (
        "one mailbox",
        "at least one of mail",
        "no password",
        "surprise",
        "no time zone",
        "'8' is no time",
        "'25:00'",
    )
    assert [word for word in words if word not in str(told.value)] == []


@pytest.mark.parametrize(
    "address", ["a@b.c\nBcc: x@y.z", "a b@c.d", "<a@b.c>", "a@b..c", "a@", "@b", "ä@b.c", "a@b.c,d@e.f"]
)
def test_an_address_is_one_mailbox(address):
    with pytest.raises(PlanError):
        plan_of({"recipient": {"control": {"mail": address}}})


def test_names_lead_somewhere():
    someone = {"control": {"mail": "a@b.c"}}
    net = {
        "zone": "UTC",
        "shift": [{"from": "00:00", "to": "24:00", "rungs": ["control", "ghost"]}],
        "otherwise": "spirit",
    }
    with pytest.raises(PlanError) as told:
        plan_of({"recipient": someone, "route": [{"to": ["nobody", "on-call:none"]}], "on_call": {"net": net}})
    assert [w for w in ("'nobody'", "'on-call:none'", "'ghost'", "'spirit'") if w not in str(told.value)] == []


def test_the_file_that_is_shipped_tells_nobody():
    from hearthline import CONFIGS

    plan = read_plan(CONFIGS / "notifications.toml")
    assert (plan.recipient, plan.route, plan.on_call) == ({}, (), {})


def test_the_examples_of_the_shipped_file_are_right():
    from hearthline import CONFIGS

    lines = (CONFIGS / "notifications.toml").read_text("utf-8").splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("# [recipient"))
    plan = plan_of(tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[begin:])))
    assert set(plan.on_call) == {"network"}
    assert holes(plan.on_call["network"]) == [
        *(f"{a} 20:00-{b} 08:00" for a, b in (("Mon", "Tue"), ("Tue", "Wed"), ("Wed", "Thu"), ("Thu", "Fri"))),
        "Fri 20:00-Mon 08:00",
    ]


@pytest.mark.parametrize("text", ["[route", "\xff", "recipient = 3", "x = " + "[" * 5000])
def test_what_is_no_such_file_is_an_error_that_names_it(tmp_path, text):
    file = tmp_path / "notifications.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(PlanError, match=r"notifications\.toml"):
        read_plan(file)


def test_a_changed_file_is_taken_up_and_a_wrong_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("application.notify.desk._LOOK_S", 0)
    file = tmp_path / "notifications.toml"
    file.write_text('[recipient.one-a]\nmail = "a@b.c"\n')
    plans = PlanFile(file)
    assert set(plans.plan().recipient) == {"one-a"}
    file.write_text('[recipient.two-b]\nmail = "a@b.c"\n')
    os.utime(file, ns=(1, 1))
    assert set(plans.plan().recipient) == {"two-b"}
    file.write_text("[recipient")
    assert set(plans.plan().recipient) == {"two-b"}
    file.unlink()
    assert set(plans.plan().recipient) == {"two-b"}


def test_hours_without_anybody_are_found():
    nights = rota(shift("06:00", "02:00"))
    assert holes(nights) == [f"{day.capitalize()} 02:00-06:00" for day in (*DAYS,)]
    assert holes(rota(shift("00:00", "24:00"))) == []
    assert holes(rota(shift("08:00", "08:00"))) == []
    weekdays = rota(shift("00:00", "24:00", days=DAYS[:5]))
    assert holes(weekdays) == ["Sat 00:00-Sun 24:00"]
    assert holes(rota(shift("22:00", "06:00", days=("sun",)))) == ["Mon 06:00-Sun 22:00"]


def test_who_is_on_call_goes_by_the_clock_of_the_city_over_midnight_and_summer_time():
    night = rota(shift("08:00", "20:00", "day"), shift("20:00", "08:00", "night", ["lead", "deputy"]))
    assert on_call(night, at("2026-01-20T08:00")) == (("day",),)
    assert on_call(night, at("2026-01-20T07:59")) == (("night",), ("lead", "deputy"))
    assert on_call(night, at("2026-01-19T00:30")) == on_call(night, at("2026-01-18T20:00"))
    berlin = Rota.model_validate({"zone": "Europe/Berlin", "shift": [shift("08:00", "20:00")]})
    for day in ("2026-03-28", "2026-03-29", "2026-10-25"):
        assert on_call(berlin, at(f"{day}T08:00", ZoneInfo("Europe/Berlin")))
        assert not on_call(berlin, at(f"{day}T07:59", ZoneInfo("Europe/Berlin")))


def test_dates_go_before_the_week_and_overlaps_are_told():
    holiday = {
        "from": datetime(2026, 2, 17, tzinfo=SHANGHAI),
        "until": datetime(2026, 2, 18, tzinfo=SHANGHAI),
        "rungs": ["lead"],
    }
    both = rota(shift("00:00", "12:00", "a1"), shift("11:00", "24:00", "b1"), instead=[holiday])
    assert on_call(both, at("2026-02-17T09:00")) == (("lead",),)
    assert on_call(both, at("2026-02-18T11:30")) == (("a1",),)
    assert overlaps(both) == ["shifts 1 and 2"]
    assert next_change(both, at("2026-02-16T23:59")) == at("2026-02-17T00:00")
    assert next_change(rota(shift("00:00", "24:00")), at("2026-02-16T23:59")) is None


def test_teams_take_turns_by_weeks():
    one = {**shift("08:00", "08:00", "team-a"), "every_weeks": 2, "since": "2026-01-21"}
    two = {**shift("08:00", "08:00", "team-b"), "every_weeks": 2, "since": "2026-01-28"}
    turns = rota(one, two)
    assert holes(turns) == overlaps(turns) == []
    assert on_call(turns, at("2026-01-19T08:00")) == on_call(turns, at("2026-01-26T07:59")) == (("team-a",),)
    assert on_call(turns, at("2026-01-26T08:00")) == on_call(turns, at("2026-02-02T07:59")) == (("team-b",),)
    assert on_call(turns, at("2027-01-04T08:00")) == (("team-a",),)  # 50 weeks on, over a year of 53
    assert next_change(turns, at("2026-01-20T12:00")) == at("2026-01-26T08:00")
    [hole] = holes(rota(one))
    assert hole == "Mon 08:00-Mon 08:00 in the week of 2026-01-12 and every 2 weeks"
    with pytest.raises(PlanError, match="since"):
        plan_of({"on_call": {"net": {"zone": "UTC", "shift": [{**shift("08:00", "09:00"), "every_weeks": 2}]}}})


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439)), min_size=1, max_size=8),
    st.integers(0, 7 * 1440 - 1),
)
def test_a_minute_has_somebody_or_is_in_a_hole(spans, minute):
    made = rota(*(shift(clock(b), clock(e), days=(DAYS[d],)) for d, b, e in spans))
    there = on_call(made, at("2026-01-19T00:00") + minute * MINUTE)
    assert bool(there) is not in_hole(holes(made), minute)


def clock(minute):
    return f"{minute // 60:02d}:{minute % 60:02d}"


def in_hole(told, minute):
    """Read the words of the holes back, as a person would."""
    for words in told:
        begin, _, end = words.partition("-")
        first = moment_of(begin)
        last = moment_of(end) if " " in end else moment_of(f"{begin[:3]} {end}")
        if last <= first:
            last += 7 * 1440
        if first <= minute < last or first <= minute + 7 * 1440 < last:
            return True
    return False


def moment_of(words):
    day, time = words.split()
    return DAYS.index(day.lower()) * 1440 + int(time[:2]) * 60 + int(time[3:])


def test_quiet_hours_hold_back_what_is_not_urgent():
    quiet = Quiet.model_validate({"from": "22:00", "to": "07:00", "zone": "Asia/Shanghai"})
    for now in ("2026-01-20T22:00", "2026-01-20T23:30", "2026-01-21T06:59"):
        assert quiet_until(quiet, 2, at(now)) == at("2026-01-21T07:00")
        assert quiet_until(quiet, 1, at(now)) == at(now)
    for now in ("2026-01-20T21:59", "2026-01-21T07:00", "2026-01-21T12:00"):
        assert quiet_until(quiet, 3, at(now)) == at(now)
    assert quiet_until(None, 3, at(now)) == at(now)


@given(st.integers(0, 60 * 24 * 400), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_end_within_a_day_and_are_over_then(minutes, begin, end):
    zone = "Europe/Berlin"
    quiet = Quiet.model_validate({"from": clock(begin), "to": clock(end), "zone": zone})
    now = at("2026-01-01T00:00") + minutes * MINUTE
    until = quiet_until(quiet, 3, now)
    assert now <= until <= now + 25 * HOUR
    if begin != end:
        assert quiet_until(quiet, 3, until) in {until, until + HOUR}  # an hour that summer time shows twice


def test_what_looks_wrong_is_said(tmp_path):
    plan = plan_of(
        {
            "recipient": {"duty": {"mail": "a@b.c"}, "hook": {"webhook": {"url": "https://x.y/", "secret": "shared"}}},
            "route": [{"to": ["duty"], "rules": ["no_such_rule"]}],
            "on_call": {"net": {"zone": "UTC", "shift": [shift("06:00", "02:00")]}},
        }
    )
    told = "\n".join(remarks(plan, desk(tmp_path), ["pump_failed"]))
    words = (
        "nobody is on call Tue 02:00-06:00 (rota net)",
        "no route leads to rota net",
        "'no_such_rule'",
        "notify.smtp_host",
    )
    assert [word for word in (*words, "webhook whose secret 'shared' is not known") if word not in told] == []
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "webhook-shared"
    secret.write_text("key\n")
    secret.chmod(0o644)
    mail = {"smtp_host": "localhost", "smtp_from": "a@b.c"}
    assert any("chmod 600" in line for line in remarks(plan, desk(tmp_path, **mail), ["no_such_rule"]))
    secret.chmod(0o600)
    assert not any("hook" in line for line in remarks(plan, desk(tmp_path, **mail), ["no_such_rule"]))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"smtp_host": "mail.example.org"}, "smtp_from"),
        ({"smtp_host": "mail.example.org", "smtp_from": "a@b.c", "smtp_tls": "none"}, "without TLS"),
        ({"console_url": "heat.example.org"}, "https://"),
        ({"smtp_from": "a@b.c\nBcc: x@y.z"}, "smtp_from"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_settings_that_are_not_safe_are_refused(told, words):
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match=words):
        NotifySettings(**told)
    assert "hush" not in repr(NotifySettings(smtp_password="hush", webhook_secrets={"a": "hush"}))


def test_the_examples_of_the_how_to_are_right():
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "notify-people.md").read_text("utf-8")
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    [settings] = [block.pop("notify") for block in blocks if "notify" in block]
    assert NotifySettings(**settings).smtp_host
    named = set(re.findall(r'"([a-z]+-[a-z-]+)"', page))
    someone = {name: {"mail": "role@example.org"} for name in named}
    everything = {key: value for block in blocks for key, value in block.items()}
    plan = plan_of({**everything, "recipient": {**someone, **everything["recipient"]}})
    assert holes(plan.on_call["network"]) == ["Sat 08:00-20:00", "Sun 08:00-20:00"]


@pytest.mark.parametrize(
    "url", ["https://x.test/\0", "https://x.test/\x7f", "https://x.test/a b", "https://x.test/\x1b[m"]
)
def test_an_address_with_control_characters_is_refused(url):
    with pytest.raises(PlanError, match="is no address"):
        plan_of({"recipient": {"duty": {"webhook": {"url": url}}}})
