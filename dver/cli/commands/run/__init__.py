"""Commands of the section "Run pipelines"."""
