"""Loading.

Loader options determine which relationships a query loads, and with how many statements. If a
loader option is missing, synchronous code only becomes slower, but asyncio code raises an error.
"""
