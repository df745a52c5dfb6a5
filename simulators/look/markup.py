"""Markup: texts in both languages, of which the page shows one."""

from collections.abc import Mapping
from html import escape

from perception.point import Title


def both(title: Title, tag: str = "span") -> str:
    """Return a text in both languages; the page shows one of them."""
    return (
        f'<{tag} class="zh" lang="zh">{escape(title.zh)}</{tag}><{tag} class="en" lang="en">{escape(title.en)}</{tag}>'
    )


def filled(title: Title, facts: Mapping[str, object]) -> Title:
    """Return a text with its facts in place; a fact may be a title itself."""
    zh = {k: v.zh if isinstance(v, Title) else v for k, v in facts.items()}
    en = {k: v.en if isinstance(v, Title) else v for k, v in facts.items()}
    return Title(zh=title.zh.format_map(zh), en=title.en.format_map(en))
