"""Commands of the section "Compare runs"."""
