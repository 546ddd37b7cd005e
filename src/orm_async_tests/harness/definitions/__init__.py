"""Provides the classes and decorators for writing scripts."""
