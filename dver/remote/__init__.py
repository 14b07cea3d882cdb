"""Storage elsewhere: the storage protocol, its implementations, and transfers to and from the store."""
