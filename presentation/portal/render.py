"""Render: templates and assets into responses. Everything is read once, at start; every text is escaped."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from presentation.texts import LANGUAGES, Language, as_language, native_name, negotiate, texts_for

HERE: Final = Path(__file__).parent
FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load: its name carries a digest of its bytes, so it can be kept for ever."""

    href: str
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """The same page in one of the languages."""

    tag: str
    name: str
    href: str
    current: bool


def read_assets(folder: Path = HERE / "assets") -> Mapping[str, Asset]:
    """Return the assets by the name under which templates ask for them."""
    return MappingProxyType({path.name: _asset(path) for path in sorted(folder.iterdir()) if path.is_file()})


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:10]
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(f"/assets/{path.stem}.{digest}{path.suffix}", kind, body)


class Renderer:
    """The templates and assets of the portal."""

    def __init__(self) -> None:
        self._assets = read_assets()
        self._by_href = {asset.href: asset for asset in self._assets.values()}
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(asset=lambda name: self._assets[name].href, iso=iso)

    def asset(self, href: str) -> Response | None:
        """Return the file of this address, or None."""
        asset = self._by_href.get(href)
        if asset is None:
            return None
        return Response(asset.body, media_type=asset.kind, headers={"Cache-Control": FOREVER})

    def page(
        self,
        request: Request,
        language: Language,
        template: str,
        context: Mapping[str, object],
        status: int = 200,
    ) -> HTMLResponse:
        """Return a page in a language."""
        t = texts_for(language)
        html = self._templates.get_template(template).render(
            t=t, say=t.say, count=t.count, languages=_languages(request, language), **context
        )
        return HTMLResponse(html, status_code=status, headers={"Content-Language": t.tag})


def iso(ms: int | None) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC, to the second; empty for None."""
    return "" if ms is None else datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def language_of(request: Request) -> Language:
    """Return the language of a request: by its path, else by what the browser prefers."""
    first = request.url.path.split("/", 2)[1]
    return as_language(first) or negotiate(request.headers.get("accept-language"))


def _languages(request: Request, current: Language) -> list[LanguageLink]:
    parts = request.url.path.split("/", 2)
    rest = parts[2] if len(parts) > 2 and as_language(parts[1]) else ""
    query = f"?{request.url.query}" if request.url.query and rest is not None else ""
    return [
        LanguageLink(texts_for(lang).tag, native_name(lang), f"/{lang}/{rest}{query}", lang == current)
        for lang in LANGUAGES
    ]
