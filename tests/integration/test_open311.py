"""Open311 as a client from outside sees it: valid documents, both formats, keys, errors, and nothing private."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest

from application.requests.keys import make_key, revoke_key
from support.postgres.connect import make_engine
from tests.integration.test_request_pages import client, portal  # noqa: F401 - fixtures

TEXT = {"type": ["string", "null"]}
STRICT = {"type": "object", "additionalProperties": False}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
REQUEST = STRICT | {
    "properties": {
        "service_request_id": {"type": "string"}, "status": {"enum": ["open", "closed"]}, "status_notes": TEXT,
        "service_name": TEXT, "service_code": {"type": "string"}, "description": TEXT, "agency_responsible": TEXT,
        "service_notice": TEXT, "requested_datetime": MOMENT, "updated_datetime": MOMENT, "expected_datetime": MOMENT,
        "address": TEXT, "address_id": TEXT, "zipcode": TEXT, "lat": {"type": ["number", "null"]},
        "long": {"type": ["number", "null"]}, "media_url": TEXT,
    },
    "required": ["service_request_id", "status", "service_code", "requested_datetime", "updated_datetime"],
}  # fmt: skip
SERVICE = STRICT | {
    "properties": {
        "service_code": {"type": "string"}, "service_name": {"type": "string"}, "description": TEXT,
        "metadata": {"type": "boolean"}, "type": {"enum": ["realtime", "batch", "blackbox"]}, "keywords": TEXT,
        "group": TEXT,
    },
    "required": ["service_code", "service_name", "description", "metadata", "type"],
}  # fmt: skip
ERROR = STRICT | {
    "properties": {"code": {"type": "integer"}, "description": {"type": "string"}}, "required": ["code", "description"],
}  # fmt: skip
V2 = "/open311/v2"
REPORT = {"service_code": "cold-home", "address_id": "home-warm", "description": "15 degrees <b>since</b> noon",
          "phone": "0451 123", "attribute[room-temperature]": "15.5"}  # fmt: skip


def valid(answer, schema, status=200):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    jsonschema_rs.validate({"type": "array", "items": schema}, told)
    return told


@pytest.fixture
def key(portal, town):  # noqa: F811
    engine = make_engine(town.url, "test")
    town.engines.append(engine)
    with engine.begin() as on:
        make_key(on, "gone-app", "test")
        revoke_key(on, "gone-app", "test")
        return make_key(on, "our-app", "test")


def test_discovery_services_and_definitions(client):  # noqa: F811
    told = client.get("/open311/discovery.json").json()
    assert told["endpoints"][0]["url"].endswith(V2)
    services = valid(client.get(f"{V2}/services.json?locale=en"), SERVICE)
    assert {s["service_code"] for s in services} >= {"cold-home", "leak", "noise", "billing"}
    for service in services:
        definition = client.get(f"{V2}/services/{service['service_code']}.json").json()
        assert bool(definition["attributes"]) == service["metadata"]
    where = client.get(f"{V2}/services/leak.json?locale=en").json()["attributes"][0]
    assert (where["datatype"], where["values"][0]) == ("singlevaluelist", {"key": "home", "name": "In my home"})
    valid(client.get(f"{V2}/services/nothing.json"), ERROR, 404)


def test_a_report_is_taken_found_and_followed_without_its_words(client, key, town):  # noqa: F811
    sent = client.post(f"{V2}/requests.json", data=REPORT | {"api_key": key})
    number, link = sent.json()[0]["service_request_id"], sent.json()[0]["service_notice"]
    assert "15 degrees" in client.get(link.replace("http://testserver", "")).text
    found = valid(client.get(f"{V2}/requests/{number}.json?locale=en"), REQUEST)[0]
    assert (found["agency_responsible"], found["address"]) == ("Property company", "Warm, East")
    assert "15 degrees" not in client.get(f"{V2}/requests.json").text
    assert client.get(f"{V2}/tokens/{number}.json").json() == [{"service_request_id": number, "token": number}]
    town.answer(int(number))
    word = link.rpartition("/")[2]
    closing = {"service_request_id": number, "status": "closed", "api_key": key}
    valid(client.post(f"{V2}/servicerequestupdates.json", data=closing | {"word": "x" * 24}), ERROR, 404)
    assert client.post(f"{V2}/servicerequestupdates.json", data=closing | {"word": word}).status_code == 200
    updates = client.get(f"{V2}/servicerequestupdates.json?locale=en").json()
    assert [u["status"] for u in updates] == ["open", "open", "closed"]
    assert "阀门" not in str(updates)
    assert valid(client.get(f"{V2}/requests.json?status=closed"), REQUEST)[0]["service_request_id"] == number
    assert valid(client.get(f"{V2}/requests.json?status=open"), REQUEST) == []


def test_lists_are_cut_by_kind_span_number_and_page(client, key):  # noqa: F811
    numbers = [
        client.post(f"{V2}/requests.json", data=REPORT | {"api_key": key, "service_code": code}).json()[0]
        for code in ("cold-home", "noise", "noise")
    ]
    ids = [n["service_request_id"] for n in numbers]

    def got(query):
        return [r["service_request_id"] for r in valid(client.get(f"{V2}/requests.json?{query}"), REQUEST)]

    assert got("service_code=noise") == ids[:0:-1]
    assert got("page_size=2&page=2") == ids[:1]
    assert got(f"service_request_id={ids[0]},{ids[2]}") == [ids[2], ids[0]]
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert got(f"start_date={later}") == []
    assert got("end_date=2020-01-01T00:00:00Z") == []


@pytest.mark.parametrize(("path", "status"), [
    ("requests.json?status=nonsense", 400), ("requests.json?start_date=yesterday", 400), ("requests.json?page=0", 400),
    ("requests.json?start_date=0001-01-01&end_date=0001-01-02", 200), ("requests/abc.json", 404),
    ("requests.json?end_date=0001-01-01", 400),
    ("requests/99999999.json", 404), ("requests/123456789012345678901.json", 404), ("tokens/1.json", 404),
    ("requests.csv", 404), ("requests.json?service_code=%00", 200),
])  # fmt: skip
def test_what_makes_no_sense_is_an_array_of_errors(client, path, status):  # noqa: F811
    answer = client.get(f"{V2}/{path}")
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert valid(answer, ERROR, status)[0]["code"] == status


@pytest.mark.parametrize(("change", "status"), [
    ({"api_key": ""}, 403), ({"api_key": "x" * 30}, 403), ({"service_code": ""}, 400), ({"service_code": "x"}, 404),
    ({"address_id": "nowhere"}, 400), ({"address_id": "", "lat": "0", "long": "x"}, 400),
    ({"address_id": "", "lat": "1e999", "long": "0"}, 400), ({"description": ""}, 400),
    ({"attribute[room-temperature]": "warm"}, 400),
])  # fmt: skip
def test_what_cannot_be_taken_says_why(client, key, change, status):  # noqa: F811
    valid(client.post(f"{V2}/requests.json", data=REPORT | {"api_key": key} | change), ERROR, status)


def test_xml_says_the_same_as_json(client, key, town):  # noqa: F811
    evil = REPORT | {
        "api_key": key,
        "description": "a <x> & \x01 b",
        "service_code": "leak",
        "attribute[where]": "home",
    }
    sent = ET.fromstring(client.post(f"{V2}/requests.xml", data=evil).content)
    number = sent.findtext("request/service_request_id")
    assert sent.tag == "service_requests"
    for path in ("services", f"requests/{number}", "requests", "servicerequestupdates"):
        told = client.get(f"{V2}/{path}.json").json()
        answer = client.get(f"{V2}/{path}.xml")
        assert answer.headers["content-type"].startswith("text/xml")
        for one, element in zip(told, ET.fromstring(answer.content), strict=True):
            assert [child.tag for child in element] == list(one)
            for child in element:
                value = one[child.tag]
                said = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                assert (child.text or "") == said
    definition = ET.fromstring(client.get(f"{V2}/services/leak.xml").content)
    assert definition.findtext("attributes/attribute/values/value/key") == "home"
    assert ET.fromstring(client.get(f"{V2}/requests/1.xml").content).findtext("error/code") == "404"
    assert ET.fromstring(client.get("/open311/discovery.xml").content).findtext("endpoints/endpoint/type")
    assert town
