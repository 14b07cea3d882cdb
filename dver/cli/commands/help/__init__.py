"""Commands of the section "Get help"."""
