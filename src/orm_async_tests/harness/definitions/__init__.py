"""The classes and decorators with which a script is written."""
