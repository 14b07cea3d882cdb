"""The profiles of the data of a project: found by content, made where missing, kept and sent with the data."""
