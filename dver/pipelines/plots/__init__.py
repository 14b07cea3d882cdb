"""Plots: data points and definitions become Vega-Lite, HTML and PNG. Independent of Git and the store."""
