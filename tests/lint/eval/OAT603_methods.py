from datetime import UTC, datetime, time

from loan_models import Base, Card, Loan
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column


async def lend(session: AsyncSession, card: Card):
    session.add(Loan(due=card.due()))  # OAT603


async def lend_naive(session: AsyncSession, card: Card):
    session.add(Loan(due=card.due().replace(tzinfo=None)))


class Visit(Base):
    __tablename__ = "visit"
    id: Mapped[int] = mapped_column(primary_key=True)
    began: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended: Mapped[datetime | None] = mapped_column(DateTime)

    def begin(self):
        self.began = datetime.now(UTC)

    def end(self):
        self.ended = datetime.now(UTC)  # OAT603

    def end_at_noon(self):
        self.ended = datetime.combine(self.began.date(), time(12))
