"""Which objects a remote holds, and in which packs."""
