import asyncio
import threading
from functools import partial
from threading import get_ident

from shop_sessions import Session
from sqlalchemy.ext.asyncio import async_scoped_session
from sqlalchemy.ext.asyncio import async_scoped_session as per_task
from sqlalchemy.orm import scoped_session, sessionmaker


def scope():
    return threading.current_thread().ident


by_name = async_scoped_session(Session, scopefunc=get_ident)  # OAT403
positional = async_scoped_session(Session, threading.get_ident)  # OAT403
by_lambda = async_scoped_session(Session, scopefunc=lambda: threading.get_ident())  # OAT403
by_function = per_task(Session, scopefunc=scope)  # OAT403
synchronous = scoped_session(Session)  # OAT403
bound = partial(async_scoped_session, scopefunc=get_ident)  # OAT403

# Right

by_task = async_scoped_session(Session, scopefunc=asyncio.current_task)
of_threads = scoped_session(sessionmaker())
