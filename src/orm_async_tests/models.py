"""Declares the two tables that all scripts share: users, and the points of their walks."""

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, Index, MetaData, func
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(AsyncAttrs, DeclarativeBase):
    """The declarative base, which maps datetime to timestamptz and fetches server defaults."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: DateTime(timezone=True)}
    # Without eager_defaults, an UPDATE expires updated_at, and reading it raises MissingGreenlet.
    __mapper_args__ = {"eager_defaults": True}


class User(Base):
    """A person who records walks."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    points: Mapped[list["TrackPoint"]] = relationship(
        back_populates="user",
        cascade="all, delete-orphan",
        order_by="TrackPoint.id",
        passive_deletes=True,  # the foreign key deletes the points, so the collection is not loaded
    )

    def __repr__(self) -> str:
        return f"<User {self.__dict__.get('id')}>"  # never loads an attribute (test6)


class TrackPoint(Base):
    """A point of a walk: a position in degrees (WGS 84) and a time."""

    __tablename__ = "track_points"
    __table_args__ = (  # queries use both orders of a user's points (docs/scale.md)
        Index("ix_track_points_user_id_id", "user_id", "id"),
        Index("ix_track_points_user_id_date", "user_id", "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    lat: Mapped[float]
    lon: Mapped[float]
    date: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    user: Mapped[User] = relationship(back_populates="points")

    def __repr__(self) -> str:
        return f"<TrackPoint {self.__dict__.get('id')}>"
