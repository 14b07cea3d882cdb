"""Commands of the section "Review and release"."""
