"""Web.

In a web application, a request and its database session do not end at the same time. FastAPI
decides when a dependency closes the session. A client may disconnect before the response, and
background tasks run after it.
"""
