"""Work words: what states and steps of work orders are called, and what is asked before a step."""

from markupsafe import Markup

from application.work.order import WorkState
from presentation.console.dialogs import dialog, words_asked
from presentation.markup import Child, el, fragment
from presentation.texts import Texts


def state_word(state: WorkState, t: Texts) -> str:
    """Return what a state is called."""
    return {
        WorkState.NEW: t.say("New"),
        WorkState.ASSIGNED: t.say("Assigned"),
        WorkState.ON_THE_WAY: t.say("On the way"),
        WorkState.ON_SITE: t.say("On site"),
        WorkState.DONE: t.say("Done, to be verified"),
        WorkState.VERIFIED: t.say("Verified"),
        WorkState.REJECTED: t.say("Rejected"),
        WorkState.CANCELLED: t.say("Cancelled"),
    }[state]


def step_word(step: str, t: Texts) -> str:
    """Return what the button of a step says."""
    return {
        "assigned": t.say("Assign …"),
        "started": t.say("On the way"),
        "arrived": t.say("On site"),
        "done": t.say("Done …"),
        "verified": t.say("Verify"),
        "rejected": t.say("Reject …"),
        "cancelled": t.say("Call off …"),
        "reopened": t.say("Open again …"),
        "noted": t.say("Note …"),
    }[step]


def step_text(step: str, t: Texts) -> str:
    """Return what a step is called in the journal; an unknown one stands as it is."""
    return {
        "opened": t.say("opened"),
        "assigned": t.say("assigned"),
        "started": t.say("on the way"),
        "arrived": t.say("on site"),
        "done": t.say("done"),
        "verified": t.say("verified"),
        "rejected": t.say("rejected"),
        "cancelled": t.say("called off"),
        "reopened": t.say("opened again"),
        "noted": t.say("note"),
        "escalated": t.say("escalated"),
        "followed": t.say("followed its incident"),
    }.get(step, step)


def order_dialogs(t: Texts) -> Markup:
    """Return what is asked before steps; work.js opens them."""
    reason = words_asked(t.say("Reason"), required=True)
    return fragment(
        dialog(t, "assigned", t.say("Assign"), t.say("Assign"), _line("to", t.say("To whom")),
               words_asked(t.say("Comment"))),
        dialog(t, "done", t.say("Done"), t.say("Done"), _spent(t), words_asked(t.say("Comment"))),
        dialog(t, "noted", t.say("A note"), t.say("Write it down"),
               words_asked(t.say("A note"), required=True), _spent(t)),
        dialog(t, "rejected", t.say("Reject"), t.say("Reject"), reason),
        dialog(t, "cancelled", t.say("Call off"), t.say("Call off"), reason),
        dialog(t, "reopened", t.say("Open again"), t.say("Open again"), reason),
        _keys(t),
    )  # fmt: skip


def _line(name: str, title: str) -> Markup:
    return el("label", el("span", title), el("input", name=name, required=True, maxlength=80), class_="asked")


def _spent(t: Texts) -> Child:
    minutes = el("input", type="number", name="minutes", min=0, max=10_080, value=0)
    parts = el("input", name="parts", maxlength=400)
    return fragment(
        el("label", el("span", t.say("Minutes spent")), minutes, class_="asked"),
        el("label", el("span", t.say("Parts, separated by commas")), parts, class_="asked"),
    )


def _keys(t: Texts) -> Markup:
    keys = [
        ("j, k", t.say("next and previous order")),
        ("n", t.say("its next step")),
        ("c", t.say("note")),
        ("Enter", t.say("open the order")),
        ("?", t.say("this sheet")),
    ]
    rows = [fragment(el("dt", el("kbd", key)), el("dd", what)) for key, what in keys]
    return el(
        "dialog",
        el("h2", t.say("Keyboard"), id="help-title"),
        el("dl", rows, class_="keys"),
        el("div", el("button", t.say("Close"), type="button", data_close=True), class_="dialog-acts"),
        id="dialog-help",
        aria_labelledby="help-title",
        class_="dialog",
    )
