"""Commands of the section "Run experiments"."""
