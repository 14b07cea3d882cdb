"""Rules proposed from profiles, and added to files."""
