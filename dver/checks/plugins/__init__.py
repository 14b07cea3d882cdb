"""Plug-ins: suites of other libraries, such as Pandera. Their code runs only if `checks.plugins` allows it."""
