"""A FastAPI application for users and track points, which needs the extra `service`."""
