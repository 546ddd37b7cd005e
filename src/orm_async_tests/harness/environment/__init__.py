"""The environment of a variant: databases, servers, poolers, processes and event loops."""
