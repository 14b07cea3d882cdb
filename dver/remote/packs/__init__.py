"""Reading and building the packs of a remote."""
