"""What keeps the books in order: the audit, the archive, and who is alive."""
