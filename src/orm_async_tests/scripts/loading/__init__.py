"""Loading.

A query's loader options determine which relationships it loads and with how many statements. Under
asyncio you cannot read a relationship that no query has loaded. A missing loader option therefore
raises an error under asyncio, but only makes synchronous code slower.
"""
