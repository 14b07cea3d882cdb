"""The history of a clone: commits, their names, and the commits that Git keeps."""
