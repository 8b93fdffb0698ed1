"""Why an expression is not taken."""


class ExpressionRefused(ValueError):
    """An expression that is not taken; `position` is the character (from 0) that it is about."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"{reason} (at character {position + 1})")
        self.position = position
        self.reason = reason
