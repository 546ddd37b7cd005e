"""Provides what a variant needs: databases, servers, poolers, processes and event loops."""
