from asyncio import run
from dataclasses import dataclass

from shop_sessions import Repository, Service, Session
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import State


class Journal:
    def __init__(self) -> None:
        self.session = Session()

    async def write(self, statement) -> None:
        await self.session.execute(statement)


def build_service() -> Service:
    return Service(Session())


def build_repository() -> Repository:
    session = Session()
    repository = Repository(session=session)
    return repository


journal = Journal()  # OAT102
service = build_service()  # OAT102


class Registry:
    orders = build_repository()  # OAT102


def start(app) -> None:
    app.state.journal = Journal()  # OAT102


@dataclass
class Toolbox:
    factory: type[Service] = Service

    def __post_init__(self) -> None:
        self.session = Session()


toolbox = Toolbox()  # OAT102


def install(state: State) -> None:
    state.session = Session()  # OAT102
    state.factory = Session


class Orders:
    def __init__(self, session: AsyncSession | None = None) -> None:
        self.session = session or Session()


class Prices:
    def __init__(self, session: AsyncSession | None = None) -> None:
        self.session = Session() if session is None else session


class Users:
    def __init__(self, session: AsyncSession | None = None) -> None:
        if session is None:
            session = Session()
        self.session = session


default_orders = Orders()  # OAT102
default_prices = Prices()  # OAT102
default_users = Users()  # OAT102


# Right


class Unit:
    async def __aenter__(self) -> AsyncSession:
        self.session = Session()
        return self.session

    async def __aexit__(self, *_) -> None:
        await self.session.close()


class LazyJournal:
    def __init__(self) -> None:
        self.open = Session


class WithoutSelf:
    async def load(session: AsyncSession, statement):
        return await session.scalar(statement)


without_self = WithoutSelf()


class Invoices:
    def __init__(self, session: AsyncSession | None = None) -> None:
        self.session = session or None


invoices = Invoices()
unit = Unit()
lazy = LazyJournal()


def handle(request) -> None:
    request.state.journal = Journal()


if __name__ == "__main__":
    run(Journal().write("a"))
