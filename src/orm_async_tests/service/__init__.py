"""FastAPI beside the ORM: users and track points over HTTP (extra `service`)."""
