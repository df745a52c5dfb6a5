"""Request pages: the routes on which citizens report, follow and rate, in each language."""

from fastapi import APIRouter

from application.public import PublicViews
from application.requests.counter import Counter
from presentation.portal.limits import Pace
from presentation.portal.my_request import FollowDesk
from presentation.portal.open311 import open311_router
from presentation.portal.render import Renderer
from presentation.portal.report import ReportDesk
from presentation.texts import LANGUAGES


def request_pages(views: PublicViews, counter: Counter, renderer: Renderer) -> APIRouter:
    """Return the routes."""
    router, pace = APIRouter(include_in_schema=False), Pace()
    report, follow = ReportDesk(views, counter, renderer, pace), FollowDesk(counter, renderer, pace)
    for language in LANGUAGES:
        router.include_router(report.routes(language), prefix=f"/{language}")
        router.include_router(follow.routes(language), prefix=f"/{language}")
    router.include_router(open311_router(counter, Pace(120)))
    return router
