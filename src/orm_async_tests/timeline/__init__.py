"""Records what tasks and connections did and when, and draws a timeline or writes a trace file."""
