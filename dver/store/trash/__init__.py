"""The trash of the store: objects that gc removed and can still restore."""
