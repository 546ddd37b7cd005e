from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, HTTPException, Request
from shop_sessions import Session
from sqlalchemy.ext.asyncio import AsyncSession


async def open_transaction(request: Request):
    session = Session()
    request.state.session = session
    async with session:
        yield
        await session.commit()  # OAT301


async def with_factory(request: Request) -> AsyncIterator[AsyncSession]:
    factory = request.app.state.factory
    async with factory() as session:
        yield session
        await session.commit()  # OAT301


async def write_to_the_log(statement):
    yield
    async with Session() as session:
        await session.execute(statement)
        await session.commit()


async def keep_what_a_refusal_wrote():
    async with Session() as session:
        try:
            yield session
        except HTTPException:
            await session.commit()
            raise


router = APIRouter(dependencies=[Depends(open_transaction), Depends(with_factory)])
other = APIRouter(dependencies=[Depends(write_to_the_log), Depends(keep_what_a_refusal_wrote)])
