"""Suites: the rules for data, as files and stages write them (docs/format/checks.md)."""
