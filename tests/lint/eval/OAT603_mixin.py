from datetime import UTC, datetime

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Dated:
    created: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))  # OAT603


class Invoice(Dated, Base):
    __tablename__ = "invoices"
