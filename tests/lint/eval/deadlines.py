import asyncio


async def in_time(work, seconds: float):
    try:
        async with asyncio.timeout(seconds):
            return await work()
    except TimeoutError:
        return None


async def waits(work):
    try:
        return await asyncio.wait_for(work(), 1)
    except TimeoutError:
        return None


async def three_times(work, seconds: float):
    for _ in range(3):
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except TimeoutError:
            print("again")
    raise RuntimeError("too slow")
