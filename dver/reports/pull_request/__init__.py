"""Reports for pull requests: what a branch changes in data, stages, params, metrics, plots and models."""
