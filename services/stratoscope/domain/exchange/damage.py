"""What is wrong with an export, and where."""


class Damaged(ValueError):
    """An export can't be taken in: `what` is wrong with it at `where`, both for a person."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where

    def within(self, where: str) -> "Damaged":
        """The same, in a larger whole."""
        return Damaged(self.what, f"{where}: {self.where}" if self.where else where)
