"""Views of results: terminal, JSON, Markdown, HTML, pictures. They compute nothing."""
