"""What dver placed in the workspace, and whether data is unchanged, modified or out of date."""
