"""Loading.

A loader option says which related rows a query loads, and in how many statements. Under asyncio it
is not only a matter of speed: you cannot read what the query did not load.
"""
