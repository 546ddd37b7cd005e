from loan_models import Card, Loan
from sqlalchemy.ext.asyncio import AsyncSession


async def lend(session: AsyncSession, card: Card):
    session.add(Loan(due=card.due()))  # OAT603


async def lend_naive(session: AsyncSession, card: Card):
    session.add(Loan(due=card.due().replace(tzinfo=None)))
