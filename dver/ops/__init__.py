"""One verb a module: typed in, result out, silent. Operations never import each other."""
