"""A FastAPI application that stores users and track points, and needs the extra `service`."""
