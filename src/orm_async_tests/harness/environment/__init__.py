"""The things that a variant needs around it: databases, servers, poolers, processes and event
loops.
"""
