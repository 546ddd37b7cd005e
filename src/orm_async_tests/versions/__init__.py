"""Finds versions of libraries, and the known defects that affect them."""
