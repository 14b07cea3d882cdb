"""Images, recordings and texts: what is measured of each file, and the collections of a directory."""
