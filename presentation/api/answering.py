"""Answering: what people do with alarms, as JSON. Every route needs a session and the proof of an own page.

A route upon several alarms does what it can: `refused` says of each of the others why not. One upon a single alarm
answers 404 for an unknown one and 409 with the reason for what makes no sense in its state.
"""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from application.accounts.permission import Permission
from application.acts import Done
from application.alarm import AlarmError
from application.disposition import Act, UnknownSubjectError
from presentation.access import Door, Signed
from presentation.desk import Desk, now_us
from presentation.ports import ConsoleActs

MINUTE_US = 60_000_000
MOST = 1000
Words = Annotated[str | None, Field(default=None, max_length=2000)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Subject = Annotated[str, Path(pattern=r"^(station|device):[a-z0-9][a-z0-9-]{2,62}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Acknowledgement(_Body):
    """Somebody has seen it; `comment` is what there is to say."""

    comment: Words


class Comment(_Body):
    """Words that stand beside an alarm."""

    comment: Reason


class Shelving(_Body):
    """Why it is put aside, and for how many minutes: a day at most."""

    reason: Reason
    minutes: int = Field(ge=1, le=1440)


class Return(_Body):
    """Why it comes back before its time."""

    reason: Words


class Maintenance(_Body):
    """Why a station or a device is out of service, and for how many minutes; None: until told."""

    reason: Reason
    minutes: int | None = Field(default=None, ge=1, le=527_040)


class _Several(_Body):
    alarms: list[UUID] = Field(min_length=1, max_length=MOST)


class Resetting(_Body):
    """A latched alarm is let go; `comment` is what there is to say."""

    comment: Words


class Resettings(_Several, Resetting):
    """Several latched alarms that are let go."""


class Acknowledgements(_Several, Acknowledgement):
    """Several alarms that somebody has seen."""


class Comments(_Several, Comment):
    """Words that stand beside several alarms."""


class Shelvings(_Several, Shelving):
    """Several alarms that are put aside."""


class Returns(_Several, Return):
    """Several alarms that come back before their time."""


class Answered(BaseModel):
    """The alarms to which it was done, and why it was not to the others."""

    done: list[UUID]
    refused: dict[UUID, str] = Field(default_factory=dict)


Asked = Callable[[ConsoleActs], Done]


def answering_router(desk: Desk, door: Door) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1", tags=["alarms"])
    _several(router, desk, door)
    _single(router, desk, door)
    _subjects(router, desk, door)
    return router


def writer_of(door: Door, permission: Permission) -> Callable[[Request], Signed]:
    """Return the dependency of a writing route: who writes, and may. It looks a session up, so it runs on a thread."""

    def writer(request: Request) -> Signed:
        return door.writer(request, permission)

    return writer


def _several(router: APIRouter, desk: Desk, door: Door) -> None:
    Writer = Annotated[Signed, Depends(writer_of(door, Permission.ALARMS))]  # noqa: N806 - a type

    @router.post("/alarms/acknowledge")
    async def acknowledge(body: Acknowledgements, who: Writer) -> Answered:
        """Acknowledge alarms."""
        return await _done(desk, lambda acts: acts.acknowledge(body.alarms, act_of(who, body.comment)))

    @router.post("/alarms/reset")
    async def reset(body: Resettings, who: Writer) -> Answered:
        """Let latched alarms go, whose conditions went and which were acknowledged."""
        return await _done(desk, lambda acts: acts.reset(body.alarms, act_of(who, body.comment)))

    @router.post("/alarms/comment")
    async def comment(body: Comments, who: Writer) -> Answered:
        """Write a comment beside alarms."""
        return await _done(desk, lambda acts: acts.comment(body.alarms, act_of(who, body.comment)))

    @router.post("/alarms/shelve")
    async def shelve(body: Shelvings, who: Writer) -> Answered:
        """Put the conditions of alarms aside for a time."""
        act = act_of(who, body.reason)
        return await _done(desk, lambda acts: acts.shelve(body.alarms, act.at + body.minutes * MINUTE_US, act))

    @router.post("/alarms/unshelve")
    async def unshelve(body: Returns, who: Writer) -> Answered:
        """Bring the conditions of alarms back before their time."""
        return await _done(desk, lambda acts: acts.unshelve(body.alarms, act_of(who, body.reason)))


def _single(router: APIRouter, desk: Desk, door: Door) -> None:
    Writer = Annotated[Signed, Depends(writer_of(door, Permission.ALARMS))]  # noqa: N806 - a type

    @router.post("/alarms/{alarm}/acknowledge")
    async def acknowledge_one(alarm: UUID, body: Acknowledgement, who: Writer) -> Answered:
        """Acknowledge an alarm."""
        return await _one(desk, alarm, lambda acts: acts.acknowledge([alarm], act_of(who, body.comment)))

    @router.post("/alarms/{alarm}/reset")
    async def reset_one(alarm: UUID, body: Resetting, who: Writer) -> Answered:
        """Let a latched alarm go."""
        return await _one(desk, alarm, lambda acts: acts.reset([alarm], act_of(who, body.comment)))

    @router.post("/alarms/{alarm}/comment")
    async def comment_one(alarm: UUID, body: Comment, who: Writer) -> Answered:
        """Write a comment beside an alarm."""
        return await _one(desk, alarm, lambda acts: acts.comment([alarm], act_of(who, body.comment)))

    @router.post("/alarms/{alarm}/shelve")
    async def shelve_one(alarm: UUID, body: Shelving, who: Writer) -> Answered:
        """Put the condition of an alarm aside for a time."""
        act = act_of(who, body.reason)
        return await _one(desk, alarm, lambda acts: acts.shelve([alarm], act.at + body.minutes * MINUTE_US, act))

    @router.post("/alarms/{alarm}/unshelve")
    async def unshelve_one(alarm: UUID, body: Return, who: Writer) -> Answered:
        """Bring the condition of an alarm back before its time."""
        return await _one(desk, alarm, lambda acts: acts.unshelve([alarm], act_of(who, body.reason)))


def _subjects(router: APIRouter, desk: Desk, door: Door) -> None:
    Writer = Annotated[Signed, Depends(writer_of(door, Permission.ALARMS))]  # noqa: N806 - a type

    @router.post("/subjects/{subject}/out-of-service", status_code=204)
    async def take_out(subject: Subject, body: Maintenance, who: Writer) -> None:
        """Take a station or a device out of service."""
        act = act_of(who, body.reason)
        until = None if body.minutes is None else act.at + body.minutes * MINUTE_US
        await _upon_subject(desk, lambda acts: acts.take_out(subject, until, act))

    @router.post("/subjects/{subject}/in-service", status_code=204)
    async def bring_back(subject: Subject, body: Return, who: Writer) -> None:
        """Bring a station or a device back into service."""
        await _upon_subject(desk, lambda acts: acts.bring_back(subject, act_of(who, body.reason)))


def act_of(who: Signed, words: str | None) -> Act:
    """Return who does it, now. Raises HTTPException 422 for words that nobody could read later."""
    try:
        return Act(who.actor, now_us(), (words or "").strip() or None)
    except AlarmError as err:
        raise HTTPException(422, str(err)) from err


async def _done(desk: Desk, do: Asked) -> Answered:
    done = await desk.do(do)
    return Answered(done=list(done.done), refused=dict(done.refused))


async def _one(desk: Desk, alarm: UUID, do: Asked) -> Answered:
    answered = await _done(desk, do)
    if answered.refused:
        why = answered.refused[alarm]
        raise HTTPException(404 if why.startswith("there is no alarm") else 409, why)
    return answered


async def _upon_subject(desk: Desk, do: Callable[[ConsoleActs], None]) -> None:
    try:
        await desk.do(do)
    except UnknownSubjectError as err:
        raise HTTPException(404 if str(err).startswith("there is no") else 409, str(err)) from err
    except AlarmError as err:
        raise HTTPException(409, str(err)) from err
