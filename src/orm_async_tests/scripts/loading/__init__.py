"""Loading.

The loader options of a query determine which relationships the query loads and with how many
statements. Under asyncio you cannot read a relationship that no query has loaded. A missing loader
option causes an error under asyncio, but makes synchronous code only slower.
"""
