"""Results of operations as text, tables and JSON."""
