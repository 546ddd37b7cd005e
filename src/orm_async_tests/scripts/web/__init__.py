"""Web.

In a web application, a request and its database session do not end at the same time. FastAPI
decides when a dependency closes the request's session. A client may disconnect before it gets the
response. Background tasks run after FastAPI has sent the response.
"""
