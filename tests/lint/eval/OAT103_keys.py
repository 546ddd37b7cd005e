from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

ENGINE = web.AppKey("ENGINE", AsyncEngine)


async def health(request: web.Request):
    connection = request.app[ENGINE].connect()
    await connection.scalar(text("SELECT 1"))  # OAT103


# Right


async def ready(request: web.Request):
    async with request.app[ENGINE].connect() as connection:
        await connection.scalar(text("SELECT 1"))
