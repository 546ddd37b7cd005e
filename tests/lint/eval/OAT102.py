from asyncio import run
from functools import lru_cache

import sqlalchemy.ext.asyncio as aio
from aiohttp import web
from fastapi import Depends, FastAPI
from shop_sessions import OldSession, Session, engine, get_session, make_session
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session

app = FastAPI()
session = AsyncSession(engine)  # OAT102
other = Session()  # OAT102
third: aio.AsyncSession = make_session()  # OAT102
_cached: AsyncSession | None = None
old = OldSession()  # OAT102
factory = Session
sessions: dict[str, AsyncSession] = {}
scoped = async_scoped_session(Session, scopefunc=id)


by_name = {"a": Session()}  # OAT102


def find(row, session=Session()):  # OAT102
    return session.get(row, 1)


@lru_cache
def cached():
    return Session()  # OAT102


class Repository:
    session = Session()  # OAT102
    factory = Session


class View:
    session: AsyncSession = Depends(get_session)


def set_up(web: web.Application):
    web["session"] = Session()  # OAT102
    run(Session())


async def start():
    global _cached
    _cached = Session()  # OAT102
    app.state.session = Session()  # OAT102
    app.state.factory = Session
    sessions["a"] = Session()  # OAT102
    async with Session() as opened:
        app.state.opened = opened  # OAT102


async def right(request):
    session = Session()
    sessions_here = {"a": 1}
    sessions_here["b"] = session
    request.state.session = session
    await session.close()
