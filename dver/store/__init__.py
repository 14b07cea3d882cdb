"""The content-addressed store of this machine: packs, loose blobs, and the index database that finds them."""
