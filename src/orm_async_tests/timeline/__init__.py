"""Records what tasks and connections did and when, and draws it as lanes or writes it as a
trace.
"""
