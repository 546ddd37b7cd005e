"""Provides databases, servers, poolers, processes and event loops to variants."""
