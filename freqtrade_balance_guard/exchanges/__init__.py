"""What is known and what was shown of exchanges; imports no other part."""
