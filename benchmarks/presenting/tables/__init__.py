"""Tables: from records to rows, and to CSV, Markdown and LaTeX."""
