"""Loading.

The loader options of a query determine which relationships the query loads and with how many
statements. Under asyncio you cannot read a relationship that no query has loaded. Under asyncio, a
missing loader option causes an error, but it only makes synchronous code slower.
"""
