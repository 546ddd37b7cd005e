"""A FastAPI application that stores users and track points. The application needs the extra
`service`.
"""
