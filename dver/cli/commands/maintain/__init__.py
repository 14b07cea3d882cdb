"""Commands of the section "Maintain"."""
