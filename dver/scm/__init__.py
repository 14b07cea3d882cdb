"""Everything that talks to Git."""
