"""Models and datasets with names: registering versions, packages for serving, model cards."""
