"""/users: create, read, list, patch, delete; optimistic locking by ETag and If-Match."""

from typing import Any, NoReturn

from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import ColumnElement, Text, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from orm_async_tests.models import User
from orm_async_tests.service.etags import IfMatch, etag, unchanged, version
from orm_async_tests.service.idempotency import Key, creation, digest_of
from orm_async_tests.service.idempotency import create as create_row
from orm_async_tests.service.json_bodies import JsonRoute
from orm_async_tests.service.parameters import After, Id, Limit
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.reads import Read, Reader
from orm_async_tests.service.schemas import Page, UserIn, UserOut
from orm_async_tests.service.sessions import WriteSession

USERS = User.__table__.c
ONE = select(*USERS, version(User).label("version")).where(USERS.id == bindparam("id"))
SOME = select(*USERS).where(USERS.id > bindparam("after")).order_by(USERS.id)
SOME = SOME.limit(bindparam("some"))
KNOWN = select(USERS.id).where(USERS.id == bindparam("id"))

router = APIRouter(prefix="/users", tags=["users"], route_class=JsonRoute)


def to_document(user: User) -> UserOut:
    """The user as a document."""
    return UserOut.model_validate(user)


def no_user() -> HTTPException:
    """The answer to a request for a user who is not there."""
    return HTTPException(404, "there is no such user")


async def require_user(reader: Reader, user_id: int) -> None:
    """Raises HTTPException 404 if there is no such user."""
    if not await reader.rows(KNOWN, {"id": user_id}):
        raise no_user()


async def refuse(session: AsyncSession, user_id: int) -> NoReturn:
    """Say why a write found no row: 404 if there is none, 412 if it has another version by now."""
    if await session.scalar(KNOWN, {"id": user_id}) is None:
        raise no_user()
    raise HTTPException(412, "the user has changed since you read it")


def new(*conditions: ColumnElement[bool]) -> ReturningInsert[Any]:
    """The INSERT of a user on these conditions."""
    given = select(bindparam("username", type_=Text)).where(*conditions)
    made = insert(User).from_select(["username"], given)
    return made.returning(*USERS, version(User).label("version"))


NEW = creation("user", UserOut, new)


@router.post("", status_code=201, responses=problem_responses(409, 415))
async def create(
    user: UserIn, session: WriteSession, response: Response, key: Key = None
) -> UserOut:
    """Make a user."""

    request = digest_of(f"POST /users {user.model_dump_json()}")
    done = await create_row(session, NEW, user.model_dump(), key, request)
    assert done is not None
    response.headers["ETag"] = etag(done["version"])
    response.headers["Location"] = f"/users/{done['user']['id']}"
    return UserOut.model_validate(done["user"])


@router.get("")
async def list_(reader: Read, after: After = 0, limit: Limit = 100) -> Page[UserOut]:
    """Users in the order of their ids, a page at a time."""
    rows = await reader.rows(SOME, {"after": after, "some": limit + 1})
    found = [UserOut.model_validate(user) for user in rows]
    more = len(found) > limit
    return Page(items=found[:limit], next=found[limit - 1].id if more else None)


@router.get("/{user_id}", responses=problem_responses(404))
async def read(user_id: Id, reader: Read, response: Response) -> UserOut:
    """A user; the ETag says which version."""
    rows = await reader.rows(ONE, {"id": user_id})
    if not rows:
        raise no_user()
    response.headers["ETag"] = etag(rows[0].version)
    return UserOut.model_validate(rows[0])


@router.patch("/{user_id}", responses=problem_responses(404, 412, 415, 428))
async def patch(
    user_id: Id, user: UserIn, session: WriteSession, response: Response, if_match: IfMatch
) -> UserOut:
    """Change a user, if it is still the version that was read."""
    mine = User.id == user_id, unchanged(User, if_match)
    changed = update(User).where(*mine).values(username=user.username)
    found = await session.execute(changed.returning(User, version(User)))
    row = found.one_or_none()
    if row is None:
        await refuse(session, user_id)
    response.headers["ETag"] = etag(row[1])
    return to_document(row[0])


@router.delete("/{user_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(user_id: Id, session: WriteSession, if_match: IfMatch) -> None:
    """Delete a user and all points, if it is still the version that was read."""
    mine = User.id == user_id, unchanged(User, if_match)
    if (await session.execute(delete(User).where(*mine).returning(User.id))).first() is None:
        await refuse(session, user_id)
