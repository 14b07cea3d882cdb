"""How objects are stored: packs, loose blobs, chunks, and the index database."""
