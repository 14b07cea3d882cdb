"""The command line: the only place that prints, asks, formats or exits."""
