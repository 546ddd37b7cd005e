from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Loan(Base):
    __tablename__ = "loan"
    id: Mapped[int] = mapped_column(primary_key=True)
    due: Mapped[datetime]


class Card(NamedTuple):
    last: int

    def due(self) -> datetime:
        return datetime.fromtimestamp(self.last, UTC)
