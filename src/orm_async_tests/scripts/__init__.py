"""The numbered scripts: one claim each."""
