"""What an agent imports to be recorded."""
