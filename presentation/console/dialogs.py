"""Dialogs: what somebody is asked before an act upon alarms, and the sheet of the keyboard."""

from markupsafe import Markup

from presentation.markup import Child, el, fragment
from presentation.texts import Texts

SHELVING_MIN = (30, 60, 240, 480, 1440)
DEFAULT_SHELVING_MIN = 240
MAINTENANCE_MIN = (120, 480, 1440, 4320, 0)
"""Zero: until told."""


def dialogs(t: Texts) -> Markup:
    """Return the dialogs of a page with alarms; alarms.js opens them."""
    reason, comment = t.say("Reason"), t.say("Comment")
    return fragment(
        dialog(t, "acknowledge", t.say("Acknowledge with a comment"), t.say("Acknowledge"), words_asked(comment)),
        dialog(t, "comment", t.say("Comment"), t.say("Write it down"), words_asked(comment, required=True)),
        dialog(
            t, "shelve", t.say("Shelve"), t.say("Shelve"),
            el("p", t.say("A shelved condition comes back by itself, after a day at the latest."), class_="hint"),
            _lengths(t, SHELVING_MIN, DEFAULT_SHELVING_MIN), words_asked(reason, required=True),
        ),
        dialog(
            t, "out-of-service", t.say("Out of service"), t.say("Take out of service"),
            el("p", t.say("All alarms of the station are kept from the lists until it is back."), class_="hint"),
            _lengths(t, MAINTENANCE_MIN, MAINTENANCE_MIN[1]), words_asked(reason, required=True),
        ),
        help_sheet(t),
    )  # fmt: skip


def dialog(t: Texts, act: str, title: str, go: str, *asked: Child) -> Markup:
    """Return a dialog that asks before an act; `go` is what its button says."""
    head = f"{act}-title"
    form = el(
        "form",
        el("h2", title, id=head),
        el("p", class_="upon"),
        asked,
        el("p", class_="trouble-told", role="alert"),
        el(
            "div",
            el("button", go, type="submit", class_="main-act"),
            el("button", t.say("Cancel"), type="button", data_close=True),
            class_="dialog-acts",
        ),
        method="dialog",
        data_form=act,
    )
    return el("dialog", form, id=f"dialog-{act}", aria_labelledby=head, class_="dialog")


def length_text(minutes: int, t: Texts) -> str:
    """Return a length of time that somebody may choose, in whole units; zero: until told."""
    if minutes == 0:
        return t.say("until told")
    if minutes < 60:
        return t.say("{n} min", n=minutes)
    return t.say("{n} d", n=minutes // 1440) if minutes % 1440 == 0 else t.say("{n} h", n=minutes // 60)


def words_asked(title: str, *, required: bool = False) -> Markup:
    """Return a field for words."""
    area = el("textarea", name="words", rows=3, maxlength=2000, required=required)
    return el("label", el("span", title), area, class_="asked")


def _lengths(t: Texts, minutes: tuple[int, ...], chosen: int) -> Markup:
    choices = [
        el(
            "label",
            el("input", type="radio", name="minutes", value=m, checked=m == chosen),
            el("span", length_text(m, t)),
        )
        for m in minutes
    ]
    return el("fieldset", el("legend", t.say("For how long")), choices, class_="lengths")


def help_sheet(t: Texts) -> Markup:
    """Return the sheet that says what the keys do, with the switch that silences them."""
    keys = [
        ("j, k", t.say("next and previous alarm")),
        ("x", t.say("select it, or not")),
        ("a", t.say("acknowledge the selected ones, or this one")),
        ("Shift a", t.say("acknowledge with a comment")),
        ("s", t.say("shelve")),
        ("c", t.say("comment")),
        ("o", t.say("take the station out of service")),
        ("u", t.say("bring back what is shelved")),
        ("r", t.say("reset a latched one")),
        ("Enter", t.say("open the alarm")),
        ("/", t.say("find")),
        ("Esc", t.say("select none")),
        ("?", t.say("this sheet")),
    ]
    rows = [fragment(el("dt", el("kbd", key)), el("dd", what)) for key, what in keys]
    switch = el("label", el("input", type="checkbox", id="keys-on", checked=True), " ", t.say("Keys are on"))
    return el(
        "dialog",
        el("h2", t.say("Keyboard"), id="help-title"),
        el("dl", rows, class_="keys"),
        el("p", switch),
        el("div", el("button", t.say("Close"), type="button", data_close=True), class_="dialog-acts"),
        id="dialog-help",
        aria_labelledby="help-title",
        class_="dialog",
    )
