"""Making the workspace an experiment, and bringing the workspace of before back."""
