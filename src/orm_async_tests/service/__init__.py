"""A FastAPI application for users and track points. It needs the extra `service`."""
