"""Storage backends: directories, S3, HTTP and fsspec filesystems."""
