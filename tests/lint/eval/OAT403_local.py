import asyncio
import threading

from shop_sessions import Session as factory
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_scoped_session
from sqlalchemy.orm import scoped_session, sessionmaker

local = threading.local()


def key():
    if not hasattr(local, "key"):
        local.key = object()
    return local.key


by_local = async_scoped_session(factory, scopefunc=key)  # OAT403
used = scoped_session(sessionmaker(create_engine("postgresql+psycopg://localhost/a")))  # OAT403


async def handler():
    used.execute(text("SELECT 1"))


# Right

by_task = async_scoped_session(factory, scopefunc=asyncio.current_task)
elsewhere = scoped_session(sessionmaker(create_engine("postgresql+psycopg://localhost/a")))


def work():
    elsewhere.execute(text("SELECT 1"))
