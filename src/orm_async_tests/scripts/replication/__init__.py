"""Replication.

A hot standby is a server that copies its primary, answers reads, and lags a moment behind. Your
program must decide to which server it sends each statement, and what it does when the primary
fails. No library makes these decisions for you.
"""
