"""A FastAPI application that stores users and track points. It needs the extra `service`."""
