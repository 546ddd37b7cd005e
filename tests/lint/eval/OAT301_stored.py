from fastapi import APIRouter, Depends, Request
from shop_sessions import Session


async def open_transaction(request: Request):
    session = Session()
    request.state.session = session
    async with session:
        yield
        await session.commit()  # OAT301


async def write_to_the_log(statement):
    yield
    async with Session() as session:
        await session.execute(statement)
        await session.commit()


router = APIRouter(dependencies=[Depends(open_transaction), Depends(write_to_the_log)])
