import sqlalchemy as sa
from shop_sessions import ShopSession, engine
from sqlalchemy import event
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session


def plain(*_):
    pass


async def asynchronous(*_):
    pass


event.listen(engine, "connect", plain)  # OAT501
sa.event.listen(AsyncSession, "before_flush", plain)  # OAT501
event.listen(engine.sync_engine, "connect", asynchronous)  # OAT501


@event.listens_for(ShopSession, "before_flush")  # OAT501
def on_flush(*_):
    pass


@listens_for(engine.sync_engine, "connect")  # OAT501
async def on_connect(*_):
    pass


def on_commit():
    listens_for(Session, "after_commit")(asynchronous)  # OAT501


def listen(session: AsyncSession):
    event.listen(session, "after_commit", plain)  # OAT501


# Right

event.listen(engine.sync_engine, "connect", plain)
event.listen(Session, "before_flush", plain)


@event.listens_for(engine.sync_engine, "connect")
def on_sync_connect(*_):
    pass
