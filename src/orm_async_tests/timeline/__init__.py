"""Records what tasks and connections do, and draws timelines or writes trace files."""
