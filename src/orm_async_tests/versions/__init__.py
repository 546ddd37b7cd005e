"""Which known defects hit which versions of the libraries, and how those versions are found."""
