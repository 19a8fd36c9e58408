"""What authors of plugins test with; nothing here is imported by the command."""
