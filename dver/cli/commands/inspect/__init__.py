"""Commands of the section "Inspect data"."""
