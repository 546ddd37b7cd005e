"""The embedded PostgreSQL: binaries from a wheel, a lifecycle of our own (POSIX)."""
