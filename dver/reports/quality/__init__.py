"""Pages of profiles and of the results of checks."""
