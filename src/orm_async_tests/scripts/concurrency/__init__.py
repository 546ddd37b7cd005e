"""Concurrency.

An AsyncSession is one conversation with one connection. Tasks that share it share its
transaction, its identity map and its errors: give each task a session of its own.
"""
