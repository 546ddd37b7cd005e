"""A TaskGroup raises an ExceptionGroup, which `except IntegrityError` does not catch.

If a task fails, a TaskGroup cancels its other tasks, and raises an ExceptionGroup that contains the
errors of all tasks. To handle one kind of error, write `except*`, which also handles an error that
the ExceptionGroup contains. The same applies to the task groups of AnyIO. In contrast, gather()
raises the first error itself, and the other tasks continue (test27).

Docs: https://docs.python.org/3/library/asyncio-task.html#task-groups
Symptom: you get ExceptionGroup "unhandled errors in a TaskGroup".
"""

from asyncio import TaskGroup, gather

from sqlalchemy.exc import IntegrityError

from orm_async_tests.harness import Observation, Sessions, main_of, right, variant, wrong
from orm_async_tests.models import User


async def add_user(Session: Sessions, user_id: int) -> None:
    async with Session() as session:
        session.add(User(id=user_id, username="guide"))
        await session.commit()


@wrong
async def except_error(Session: Sessions) -> dict[str, bool]:
    """insert a duplicate in a TaskGroup, with `except IntegrityError`"""
    is_handled = False
    try:
        async with TaskGroup() as tasks:
            tasks.create_task(add_user(Session, 1))
    except IntegrityError:
        is_handled = True
    return {"error handled": is_handled}


@right
async def except_star(Session: Sessions) -> dict[str, bool]:
    """insert a duplicate in a TaskGroup, with `except* IntegrityError`"""
    is_handled = False
    try:
        async with TaskGroup() as tasks:
            tasks.create_task(add_user(Session, 1))
    except* IntegrityError:
        is_handled = True
    return {"error handled": is_handled}


@right
async def inside_the_task(Session: Sessions) -> dict[str, bool]:
    """insert a duplicate in a TaskGroup, and handle IntegrityError inside the task"""

    async def add_or_ignore() -> bool:
        try:
            await add_user(Session, 1)
        except IntegrityError:
            return True
        return False

    async with TaskGroup() as tasks:
        task = tasks.create_task(add_or_ignore())
    return {"error handled": task.result()}


@variant
async def gathered(Session: Sessions) -> dict[str, bool]:
    """insert a duplicate in gather(), with `except IntegrityError`"""
    is_handled = False
    try:
        await gather(add_user(Session, 1))
    except IntegrityError:
        is_handled = True
    return {"error handled": is_handled}


def check(
    except_error: Observation,
    except_star: Observation,
    inside_the_task: Observation,
    gathered: Observation,
) -> None:
    assert isinstance(except_error.error, ExceptionGroup)
    assert [type(error) for error in except_error.error.exceptions] == [IntegrityError]
    assert except_star.value == inside_the_task.value == gathered.value == {"error handled": True}


main = main_of(__name__)
