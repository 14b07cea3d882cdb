"""Files of data turned into profiles, in one pass."""
