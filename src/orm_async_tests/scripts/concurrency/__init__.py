"""Concurrency.

An AsyncSession is one conversation with one connection. Tasks that share a session also share its
transaction, its identity map and its errors. Give each task a session of its own.
"""
