"""Writing files: checkout plans and applying them."""
