"""What led to what: walks along declared causes, and what they show."""
