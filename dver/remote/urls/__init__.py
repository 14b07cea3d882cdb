"""Files at URLs outside of the project: what is there, whether it changed, and its content."""
