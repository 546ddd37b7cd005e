"""What a script is written with: variants, options, defects, and what is known of a run."""
