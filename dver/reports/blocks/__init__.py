"""Documents of paragraphs, tables, lists and pictures, as Markdown and as HTML pages."""
