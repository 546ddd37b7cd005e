"""Contenders, which run in processes and sometimes in environments of their own."""
