"""An association proxy or hybrid property raises MissingGreenlet unless its relationship is loaded.

An association proxy and a hybrid property read a relationship, and a lazy load of this relationship
raises MissingGreenlet. Let the query load the relationship, for example with selectinload(). If a
query uses an association proxy only to filter, it need not load the relationship.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/associationproxy.html
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/hybrid.html
"""

from sqlalchemy import ForeignKey, MetaData, insert, select
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test241")
    id: Mapped[int] = mapped_column(primary_key=True)


class Tag(Base):
    __tablename__ = "tags"
    name: Mapped[str]
    walk_id: Mapped[int | None] = mapped_column(ForeignKey("test241.walks.id"))


class Walk(Base):
    __tablename__ = "walks"
    tags: Mapped[list[Tag]] = relationship(order_by=Tag.id)
    tag_names: AssociationProxy[list[str]] = association_proxy("tags", "name")

    @hybrid_property
    def is_tagged(self) -> bool:
        return len(self.tags) > 0


async def seed(connection: AsyncConnection) -> None:
    await connection.execute(insert(Walk))
    await connection.execute(insert(Tag).values(name="alps", walk_id=1))


@wrong
async def proxy(session: AsyncSession) -> dict[str, object]:
    """load a walk, and read its association proxy"""
    walk = (await session.scalars(select(Walk))).one()
    return {"tags": list(walk.tag_names)}


@wrong
async def hybrid(session: AsyncSession) -> dict[str, object]:
    """load a walk, and read its hybrid property"""
    walk = (await session.scalars(select(Walk))).one()
    return {"is tagged": walk.is_tagged}


@right
async def loaded(session: AsyncSession) -> dict[str, object]:
    """load a walk with its tags, and read its association proxy and its hybrid property"""
    walk = (await session.scalars(select(Walk).options(selectinload(Walk.tags)))).one()
    return {"tags": list(walk.tag_names), "is tagged": walk.is_tagged}


@right
async def in_the_query(session: AsyncSession) -> dict[str, object]:
    """filter a query by the association proxy"""
    query = select(Walk.id).where(Walk.tag_names == "alps")
    return {"walks": list(await session.scalars(query))}


def check(
    proxy: Observation, hybrid: Observation, loaded: Observation, in_the_query: Observation
) -> None:
    assert proxy.code == hybrid.code == "xd2s"
    assert loaded.value == {"tags": ["alps"], "is tagged": True}
    assert in_the_query.value == {"walks": [1]}


main = main_of(__name__)
