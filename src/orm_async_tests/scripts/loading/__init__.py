"""Loading.

Loader options say which related rows come with a query, and in how many statements. Under
asyncio they are not a matter of speed alone: what they do not load cannot be read.
"""
