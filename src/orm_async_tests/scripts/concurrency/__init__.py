"""Concurrency.

An AsyncSession uses one connection and one transaction at a time. Tasks that share a session also
share its transaction, its identity map and its errors. Give each task its own session.
"""
