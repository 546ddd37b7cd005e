"""The same scripts on many stacks: versions, drivers, event loops, poolers, servers."""
