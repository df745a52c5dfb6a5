"""Session: who is signed in at the console, signing in by invitation, and signing out."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from presentation.access import Door, Signed, require_same_origin


class Invitation(BaseModel):
    """The word of an invitation, as it stands behind `#sign-in=` in the address."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field(min_length=1, max_length=200)


class Session(BaseModel):
    """Who is signed in; None: nobody, and the console is read only.

    `proof` is what every writing request sends in the header x-hearthline-proof; `until`: epoch milliseconds.
    """

    name: str | None = None
    proof: str | None = None
    until: int | None = None


def session_router(door: Door) -> APIRouter:
    """Return the routes. They touch a small file each, on a thread of the server's own."""
    router = APIRouter(prefix="/api/v1", tags=["session"])

    @router.get("/session")
    def session(request: Request, response: Response) -> Session:
        """Say who is signed in."""
        response.headers["cache-control"] = "no-store"
        return _told(door.signed(request))

    @router.post("/session")
    def sign_in(invitation: Invitation, request: Request, response: Response) -> Session:
        """Take an invitation, once; the answer sets the cookie of the session."""
        require_same_origin(request)
        response.headers["cache-control"] = "no-store"
        return _told(door.open(invitation.word, response))

    @router.delete("/session")
    def sign_out(request: Request, response: Response) -> Session:
        """End the session."""
        door.close(request, response)
        return Session()

    return router


def _told(who: Signed | None) -> Session:
    return Session() if who is None else Session(name=who.name, proof=who.proof, until=round(who.until * 1000))
