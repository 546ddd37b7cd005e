"""Records what tasks and connections did, and when. Draws a timeline, or writes a trace file."""
