"""How is a statement of SQLite read? Word by word, so that every piece of it can be found again."""
