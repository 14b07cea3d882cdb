"""Live data against a reference: windows, performance, alarms."""
