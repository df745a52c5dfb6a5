"""Markup: HTML and SVG as nested calls. Text is escaped by construction; only `el` makes tags."""

from markupsafe import Markup, escape

Child = object
"""Markup passes as it is; None and False vanish; sequences are joined; all else is escaped text."""

_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})


def el(name: str, /, *children: Child, **attributes: object) -> Markup:
    """Return an element: `el("a", "text", href="/x", class_="y", data_point="z", aria_label="…")`.

    In attribute names a trailing underscore is dropped and the others become hyphens; None and False
    leave an attribute out; True writes it bare.
    """
    opening = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Markup(opening)  # noqa: S704 - built from escaped parts above
    return Markup(opening) + fragment(*children) + Markup(f"</{name}>")  # noqa: S704 - the tag names are ours


def fragment(*children: Child) -> Markup:
    """Return children one after another."""
    return Markup("").join(_child(child) for child in children)


def _child(child: Child) -> Markup:
    if child is None or child is False:
        return Markup("")
    if isinstance(child, list | tuple):
        return fragment(*child)
    return escape(child)


def _attribute(key: str, value: object) -> Markup:
    if value is None or value is False:
        return Markup("")
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return Markup(f" {name}")  # noqa: S704 - the attribute names are ours
    return Markup(' {}="{}"').format(Markup(name), value)  # noqa: S704 - the attribute names are ours
