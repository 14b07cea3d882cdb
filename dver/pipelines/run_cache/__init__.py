"""The run cache: entries by run key, and sharing them through remotes."""
