"""Loading.

A loader option says which related rows a query loads, and in how many statements. Under asyncio
you cannot read what the query did not load. A wrong option therefore raises an error, where
synchronous code would only be slower.
"""
