"""The Python API. `import dver` exposes it; import nothing from here directly."""
