"""Model cards as Markdown and as pages."""
