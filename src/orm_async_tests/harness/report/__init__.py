"""From observations to a verdict, and its presentation as text and JSON."""
