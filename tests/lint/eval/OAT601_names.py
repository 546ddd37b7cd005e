import uuid

from receipt_numbers import NUMBER, YEAR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def code() -> str:
    return uuid.uuid4().hex


class Base(DeclarativeBase):
    pass


PREFIX = code()
SUFFIX = "-" + PREFIX


class Coupon(Base):
    __tablename__ = "coupons"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(default=SUFFIX)  # OAT601


class Receipt(Base):
    __tablename__ = "receipts"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(default=NUMBER)  # OAT601
    year: Mapped[int] = mapped_column(default=YEAR)


# Right


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(default=code)
