"""What can go wrong on the way up."""


class EmbeddedError(Exception):
    """Something that the person who starts the processes can act on; the text says how."""
