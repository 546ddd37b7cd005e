"""What a variant finds around it: databases, servers, poolers, processes, event loops."""
