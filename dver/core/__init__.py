"""The ground floor: errors, object ids, durable file operations, progress. No knowledge of any format."""
