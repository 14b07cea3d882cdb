"""Git: the only package that runs `git` or imports GitPython."""
