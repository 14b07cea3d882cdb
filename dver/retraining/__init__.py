"""Retraining: new data, an experiment, a new version of the model, and the decision whether it is promoted."""
