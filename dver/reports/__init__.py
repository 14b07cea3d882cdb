"""Pages that people read in a browser and attach to a pull request."""
