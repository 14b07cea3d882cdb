"""The sessions that `dver demo` plays."""
