"""The lowest layer: errors, object ids, durable file operations, progress. It knows no format."""
