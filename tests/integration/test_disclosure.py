"""Only declared fields leave: columns of the projection, keys of the interface; nobody's name, no place of a home."""

import re
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient

from perception.point import Title
from support.disclosure import FILE, DisclosureError, disclosure, read_disclosure
from support.postgres.projection import ROLE, apply_projection
from support.postgres.publishing import UndeclaredError, check, publish

PASSWORD = "only-for-tests"
CANARY = "canary7741"
"""Written wherever somebody's name, a room or a device stands: it must not come out anywhere."""
HELPERS = {"ValidationError", "HTTPValidationError"}
"""Models of the framework's own answer to a wrong question: they repeat the question."""


def test_the_projection_shows_what_is_declared_and_a_view_more_stops_it(empty_town):
    check(empty_town.owner, disclosure())
    empty_town.owner.execute("create view portal.more as select name from public.device")
    with pytest.raises(UndeclaredError, match="more: it shows name, declared are none of its columns"):
        check(empty_town.owner, disclosure())
    empty_town.owner.execute("drop view portal.more")
    empty_town.owner.execute("drop view portal.city")
    empty_town.owner.execute("create view portal.city as select *, now() as secret_time from portal_source.city")
    with pytest.raises(UndeclaredError, match=r"city: it shows .*secret_time"):
        check(empty_town.owner, disclosure())


def test_every_key_of_the_interface_is_declared_and_no_other_exists(empty_town):
    models = empty_town.portal().openapi()["components"]["schemas"]
    keys = {name: set(model["properties"]) for name, model in models.items() if "properties" in model}
    answers = {name: set(told) for name, told in disclosure().answers.items()}
    assert {name: told for name, told in keys.items() if name not in HELPERS} == answers


def test_no_answer_is_without_a_model_of_its_keys(empty_town):
    for path, operations in empty_town.portal().openapi()["paths"].items():
        for told in operations["get"]["responses"]["200"]["content"].values():
            described = str(told.get("schema", {}))
            assert "additionalProperties" not in described, path


def test_nobody_s_name_no_room_and_no_device_leaves(town):
    owner = town.owner
    owner.execute(f"insert into room values ('{CANARY}', 'house-warm', 'top', 5)")
    owner.execute("insert into device (name, kind, station, room) values (%s, 'room_climate', 'st-warm', %s)",
                  [f"{CANARY}-dev", CANARY])  # fmt: skip
    owner.execute("update building set title_zh = %s, title_en = %s", [CANARY, CANARY])
    owner.execute("update alarm set acknowledged_by = %s, device = %s, evidence = %s, acknowledged_at = now()",
                  [CANARY, CANARY, f'{{"a": "{CANARY}"}}'])  # fmt: skip
    owner.execute("insert into measurement (community, taken_at, noticed_at, temperature_c, request, actor)"
                  " values ('home-warm', now(), now(), 11.73, %s, %s)", [CANARY, CANARY])  # fmt: skip
    for name in disclosure().columns():
        with psycopg.connect(town.url, user=ROLE, password=PASSWORD) as citizen:
            rows = citizen.execute(f"select t::text from portal.{name} t").fetchall()
        assert CANARY not in str(rows), name
        assert "11.73" not in str(rows), name
    with TestClient(town.portal()) as client:
        for path in ("/en/", "/en/community/home-warm", "/en/about", "/api/v1/communities", "/api/v1/cities"):
            assert CANARY not in client.get(path).text


def test_a_position_is_the_community_s_and_coarse(empty_town):
    empty_town.owner.execute("update community set lat = 45.981774, lon = 127.571064")
    with psycopg.connect(empty_town.url, user=ROLE, password=PASSWORD) as citizen:
        places = citizen.execute("select distinct lat, lon from portal.community").fetchall()
    assert places == [(45.98, 127.57)]
    positions = [
        f"{t}.{c}"
        for t, names in disclosure().columns().items()
        for c in names
        if re.search("^lat$|^lon$|position|outline", c)
    ]
    assert [p for p in positions if p not in {"community.lat", "community.lon"}] == []


def test_a_change_is_logged_with_what_was_before(empty_town):
    told = disclosure()
    city = told.table("city")
    fields = (*city.fields[:-1], city.fields[-1].model_copy(update={"title": Title(zh="新", en="New")}))
    changed = told.model_copy(update={"tables": tuple(
        t.model_copy(update={"fields": fields, "approver": "another-office"}) if t.name == "city" else t
        for t in told.tables
    )})  # fmt: skip
    with empty_town.owner.transaction():
        for name in told.columns():
            empty_town.owner.execute(f"drop view portal.{name}")
        publish(empty_town.owner, changed, ROLE)
    row = empty_town.owner.execute(
        "select actor, detail->'before'->'title'->>'en', detail->'after'->'title'->>'en' from audit"
        " where subject = 'disclosure:city.attribution' order by audit_id desc limit 1"
    ).fetchone()
    assert row == ("file:data-protection+another-office", "Attribution", "New")
    before = empty_town.owner.execute("select count(*) from audit").fetchone()
    apply_projection(empty_town.owner, PASSWORD)
    apply_projection(empty_town.owner, PASSWORD)
    after = empty_town.owner.execute("select count(*) from audit").fetchone()
    assert after[0] - before[0] == len(city.fields)  # back again, once: the approver of every field of the table


@pytest.mark.parametrize(("old", "new", "said"), [
    ('approver = "network-operations"', 'approver = "data-protection"', "a second person has to approve"),
    ("step = 0.005", "step = 0.001", "a position is rounded to 0.005 degrees or more"),
    ('t_supply = "current.t_supply"', 't_supply = "current.pressure"', "current.pressure is no published field"),
    ('class = "personal"', 'class = "whatever"', "Input should be 'public'"),
    ("[[tables]]", "[[tables", "Expected"),
])  # fmt: skip
def test_a_declaration_that_breaks_the_rules_is_refused_with_the_reason(tmp_path, old, new, said):
    bent = tmp_path / "disclosure.toml"
    bent.write_text(FILE.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(DisclosureError, match=re.escape(said)):
        read_disclosure(bent)


def test_what_was_declared_is_in_force_since_a_day_that_has_come():
    assert all(t.since <= datetime.now(UTC).date() for t in disclosure().tables)
