"""Changes of parameters on the command line, and in the files that have them."""
