"""Commands of the section "Share data"."""
