"""Model cards: what a version of a model is, how it was made, and how good it is."""
