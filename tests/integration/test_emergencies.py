"""Emergencies: declared, followed by their bodies, told to the public as CAP 1.2, and ended with a cancel."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from application.emergency.book import (
    Declaration,
    EmergencyError,
    Telling,
    alert,
    declare,
    end,
    listed,
    note,
    timeline,
)
from application.emergency.cap import CapError, Info, Message, Reference, compose
from perception.point import Title
from support.postgres.connect import make_engine

NOW = 1_769_000_000_000_000
MINUTE = 60_000_000
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
WORDS = Title(zh="停热", en="No heat")
TELLING = Telling(WORDS, Title(zh="主管破裂", en="A main burst"), Title(zh="请关窗", en="Keep windows shut"))

ALERT = ("identifier", "sender", "sent", "status", "msgType", "source", "scope", "restriction", "addresses", "code",
         "note", "references", "incidents", "info")  # fmt: skip
INFO = ("language", "category", "event", "responseType", "urgency", "severity", "certainty", "audience", "eventCode",
        "effective", "onset", "expires", "senderName", "headline", "description", "instruction", "web", "contact",
        "parameter", "resource", "area")  # fmt: skip
REQUIRED = {"alert": {"identifier", "sender", "sent", "status", "msgType", "scope"},
            "info": {"category", "event", "urgency", "severity", "certainty"}}  # fmt: skip
TYPES = {
    "status": "Actual|Exercise|System|Test|Draft",
    "msgType": "Alert|Update|Cancel|Ack|Error",
    "scope": "Public|Restricted|Private",
    "category": "Geo|Met|Safety|Security|Rescue|Fire|Health|Env|Transport|Infra|CBRNE|Other",
    "responseType": "Shelter|Evacuate|Prepare|Execute|Avoid|Monitor|Assess|AllClear|None",
    "urgency": "Immediate|Expected|Future|Past|Unknown",
    "severity": "Extreme|Severe|Moderate|Minor|Unknown",
    "certainty": "Observed|Likely|Possible|Unlikely|Unknown",
    "sent": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d",
    "language": "[a-z]{2}(-[A-Z]{2})?",
    "identifier": r"[^\s,<&]+",
    "sender": r"[^\s,<&]+",
}
TYPES |= {"effective": TYPES["sent"], "expires": TYPES["sent"]}


def problems(xml: str) -> list[str]:
    """Return what the schema of CAP 1.2 (OASIS, section 3.4) would say of a message."""
    root = ET.fromstring(xml)
    if root.tag != f"{CAP}alert":
        return [f"root is {root.tag}"]
    found = [*in_order(root, ALERT, REQUIRED["alert"])]
    for info in root.findall(f"{CAP}info"):
        found += in_order(info, INFO, REQUIRED["info"])
        found += [] if info.find(f"{CAP}area/{CAP}areaDesc").text else ["an area without description"]
    for each in root.iter():
        name = each.tag.removeprefix(CAP)
        if name in TYPES and not re.fullmatch(TYPES[name], each.text or ""):
            found.append(f"{name} is {each.text!r}")
    references = root.findtext(f"{CAP}references")
    if (root.findtext(f"{CAP}msgType") in {"Update", "Cancel"}) != (references is not None):
        found.append("references do not fit the kind of message")
    one = rf"[^\s,<&]+,[^\s,<&]+,{TYPES['sent']}"
    return found + [r for r in (references or "").split() if not re.fullmatch(one, r)]


def in_order(parent, order, required):
    names = [child.tag.removeprefix(CAP) for child in parent]
    strange = [n for n in names if n not in order]
    missing = sorted(required - set(names))
    wrong = [] if [order.index(n) for n in names if n in order] == sorted(order.index(n) for n in names if n in order) \
        else [f"order {names}"]  # fmt: skip
    return [*strange, *missing, *wrong]


@pytest.fixture
def book(empty_town):
    for code in ("dispatch", "repair-team", "property-company"):
        empty_town.owner.execute("insert into body values (%s, %s, %s)", [code, f"{code}单位", code])
    engine = make_engine(empty_town.url, "test")
    yield engine
    engine.dispose()


@pytest.fixture
def number(book):
    told = Declaration("testopolis", WORDS, "dispatch", ("repair-team",), ("home-warm", "home-cool"))
    with book.begin() as on:
        return declare(on, told, "cli:test", NOW)


def test_messages_of_an_emergency_are_valid_and_refer_to_each_other(book, number, empty_town):
    with book.begin() as on:
        sent = [alert(on, number, TELLING, "cli:test", NOW + i * MINUTE) for i in range(2)]
        sent.append(end(on, number, "cli:test", NOW + 5 * MINUTE))
    rows = dict(empty_town.owner.execute("select identifier, xml from portal.alert").fetchall())
    assert set(rows) == set(sent)
    roots = [ET.fromstring(rows[i]) for i in sent]
    assert [problems(rows[i]) for i in sent] == [[], [], []]
    assert [r.findtext(f"{CAP}msgType") for r in roots] == ["Alert", "Update", "Cancel"]
    assert {r.findtext(f"{CAP}status") for r in roots} == {"Exercise"}  # the city is simulated
    assert [i.findtext(f"{CAP}language") for i in roots[0].findall(f"{CAP}info")] == ["zh-CN", "en-GB"]
    assert roots[0].findall(f"{CAP}info")[1].findtext(f"{CAP}area/{CAP}areaDesc") == "Cool; Warm"
    stamps = [r.findtext(f"{CAP}sent") for r in roots]
    assert stamps[0].endswith("+05:45")
    told = roots[2].findtext(f"{CAP}references").split()
    assert told == [f"hearthline.testopolis,{i},{s}" for i, s in zip(sent[:2], stamps[:2], strict=True)]


def test_a_timeline_is_shared_and_only_what_is_public_leaves(book, number, empty_town):
    with book.begin() as on:
        note(on, number, "repair-team", Title(zh="内部", en="inner"), "cli:anna", NOW, public=False)
        note(on, number, "repair-team", Title(zh="到场", en="on site"), "cli:anna", NOW, public=True)
        assert [r["title_en"] for r in timeline(on, number)][1:] == ["inner", "on site"]
        assert [r["number"] for r in listed(on, over=False)] == [number]
    rows = str(empty_town.owner.execute("select * from portal.emergency_entry").fetchall())
    assert "on site" in rows
    assert "inner" not in rows
    assert "anna" not in rows
    actions = empty_town.owner.execute("select action from audit where subject = %s order by audit_id",
                                       [f"emergency:{number}"]).fetchall()  # fmt: skip
    assert [a for (a,) in actions][0:2] == ["emergency_note", "emergency_declare"]


def test_what_makes_no_sense_is_refused_with_the_reason(book, number):
    declared = Declaration("testopolis", WORDS, "dispatch", (), ("home-warm",))
    for wrong, said in (
        (declared.__class__("testopolis", WORDS, "nobody", (), ("home-warm",)), "there is no body nobody"),
        (declared.__class__("atlantis", WORDS, "dispatch", (), ("home-warm",)), "there is no city atlantis"),
        (declared.__class__("testopolis", WORDS, "dispatch", ("dispatch",), ("home-warm",)), "other bodies"),
        (declared.__class__("testopolis", WORDS, "dispatch"), "expected the communities"),
        (declared.__class__("testopolis", WORDS, "dispatch", (), ("nowhere",)), "there is no community nowhere"),
    ):
        with book.begin() as on, pytest.raises(EmergencyError, match=said):
            declare(on, wrong, "t", NOW)
    with book.begin() as on:
        with pytest.raises(EmergencyError, match="takes no part"):
            note(on, number, "property-company", WORDS, "t", NOW, public=True)
        with pytest.raises(EmergencyError, match="there is no emergency 99"):
            alert(on, 99, TELLING, "t", NOW)
        end(on, number, "t", NOW + MINUTE)
        with pytest.raises(EmergencyError, match="is over since"):
            alert(on, number, TELLING, "t", NOW + MINUTE)


def test_an_emergency_that_nobody_was_told_of_ends_without_a_message(book, number):
    with book.begin() as on:
        assert end(on, number, "t", NOW) is None


INFO_EN = Info("en-GB", "No heat", "Dispatch", "No heat", "A main <burst> & more\x00", "", "East")
SENT = datetime(2026, 1, 20, 8, tzinfo=UTC)


def message(**more):
    told = {"identifier": "a-1", "sender": "hearthline.x", "sent": SENT, "msg_type": "Alert", "references": (),
            "infos": (INFO_EN,), "urgency": "Immediate", "severity": "Severe", "certainty": "Observed",
            "expires": SENT + timedelta(hours=1)}  # fmt: skip
    return Message(**{**told, **more})


def test_words_are_text_and_utc_is_written_as_the_protocol_wants_it():
    xml = compose(message())
    assert problems(xml) == []
    assert "2026-01-20T08:00:00-00:00" in xml
    assert "A main &lt;burst&gt; &amp; more\ufffd" in xml


@pytest.mark.parametrize(("more", "said"), [
    ({"identifier": "a 1"}, "identifier"),
    ({"sender": "a,b"}, "sender"),
    ({"msg_type": "Update"}, "refers to earlier"),
    ({"references": (Reference("s", "i", SENT),)}, "refers to earlier"),
    ({"expires": SENT}, "expires after"),
    ({"infos": ()}, "in each language"),
])  # fmt: skip
def test_what_is_no_message_is_refused(more, said):
    with pytest.raises(CapError, match=said):
        compose(message(**more))
