"""One module a verb, each with its click command in `command`. Loaded when the verb is given, not before."""
