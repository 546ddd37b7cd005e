"""What tasks and connections did, and when: recorded, drawn as lanes, written as a trace."""
