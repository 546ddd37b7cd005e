"""Web.

Where a request ends and where its session ends are two things. FastAPI decides when
dependencies close; clients leave early; background tasks come late.
"""
