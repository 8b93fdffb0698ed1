"""Answers over request-reply: looking, comparing, causes, sessions."""
