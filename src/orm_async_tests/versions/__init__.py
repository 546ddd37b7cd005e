"""Which known defects affect which versions of the libraries, and how those versions are found."""
