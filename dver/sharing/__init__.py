"""Steps that transfer a project's data between its store and its remotes."""
