"""Routes for users. Changes use optimistic locking with the headers ETag and If-Match."""

from fastapi import APIRouter, Response
from sqlalchemy import bindparam, delete, select, update

from orm_async_tests.models import User
from orm_async_tests.service import etags
from orm_async_tests.service.idempotency import Key, build_insertion, digest_of, insert_once
from orm_async_tests.service.json_bodies import JsonRoute
from orm_async_tests.service.problems import problem_responses
from orm_async_tests.service.schemas import After, Id, Limit, Page, UserIn, UserOut
from orm_async_tests.service.sessions import Read, WriteSession

USERS, VERSION = User.__table__.c, etags.version_column(User).label("version")
SELECT_USER = select(*USERS, VERSION).where(USERS.id == bindparam("id"))
SELECT_PAGE = select(*USERS).where(USERS.id > bindparam("after")).order_by(USERS.id)
SELECT_PAGE = SELECT_PAGE.limit(bindparam("count"))

router = APIRouter(prefix="/users", tags=["users"], route_class=JsonRoute)


INSERT = build_insertion(
    lambda condition: (
        f"""inserted AS (
        INSERT INTO users (username) SELECT CAST(:username AS text) WHERE {condition}
        RETURNING *, CAST(xmin AS text) AS version
    )"""
    ),
    "jsonb_build_object('user', to_jsonb(inserted), 'version', version)",
)


@router.post("", status_code=201, responses=problem_responses(409, 415))
async def create(user: UserIn, session: WriteSession, response: Response, key: Key = "") -> UserOut:
    """Create a user."""
    digest = digest_of(f"POST /users {user.model_dump_json()}")
    answer = await insert_once(session, INSERT, user.model_dump(), key, digest)
    etags.set_etag(response, answer["version"])
    response.headers["Location"] = f"/users/{answer['user']['id']}"
    return UserOut.model_validate(answer["user"])


@router.get("", responses=problem_responses())
async def list_users(reader: Read, after: After = 0, limit: Limit = 100) -> Page[UserOut]:
    """List users in the order of their ids, one page at a time."""
    rows = await reader.rows(SELECT_PAGE, {"after": after, "count": limit + 1})
    users = [UserOut.model_validate(row) for row in rows[:limit]]
    return Page(items=users, next=users[-1].id if len(rows) > limit else None)


@router.get("/{user_id}", responses=problem_responses(404))
async def read(user_id: Id, reader: Read, response: Response) -> UserOut:
    """Read a user. The ETag identifies the version of the user."""
    rows = await reader.rows(SELECT_USER, {"id": user_id})
    if not rows:
        raise etags.not_found(User)
    etags.set_etag(response, rows[0].version)
    return UserOut.model_validate(rows[0])


@router.patch("/{user_id}", responses=problem_responses(404, 412, 415, 428))
async def patch(
    user_id: Id, user: UserIn, session: WriteSession, response: Response, if_match: etags.IfMatch
) -> UserOut:
    """Change a user if the header If-Match lists the user's version."""
    change = update(User).values(username=user.username).returning(User, VERSION)
    row = await etags.write_unchanged(session, change, User, user_id, if_match)
    etags.set_etag(response, row[1])
    return UserOut.model_validate(row[0])


@router.delete("/{user_id}", status_code=204, responses=problem_responses(404, 412, 428))
async def remove(user_id: Id, session: WriteSession, if_match: etags.IfMatch) -> None:
    """Delete a user with all points, if the header If-Match lists the user's version."""
    await etags.write_unchanged(session, delete(User).returning(User.id), User, user_id, if_match)
