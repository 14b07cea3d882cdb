"""Git integration: hooks, checks of commits and pushes, and merges of pointers and lock files."""
