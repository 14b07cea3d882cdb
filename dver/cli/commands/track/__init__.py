"""Commands of the section "Track data"."""
