"""A project's settings, and the projects of one Git repository."""
