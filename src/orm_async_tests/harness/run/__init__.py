"""Running scripts: fixtures, observation, commands."""
