"""The sign-off report: gathered from the database, drawn, and written as HTML, JSON and CSV."""
