"""The sections of a report, one module each. `../build.py` has the list."""
