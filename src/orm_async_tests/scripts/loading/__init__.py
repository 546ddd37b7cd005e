"""Loading.

A loader option says which related rows a query loads, and in how many statements. Under asyncio
you cannot read what the query did not load, so a wrong option is an error and not just slow.
"""
