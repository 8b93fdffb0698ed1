"""By which rules intake judges and folds messages.

The number goes up with any change that makes an old message a different record, a different state
or a different verdict. A dead letter keeps the version of its verdict and a projection the one it
was begun with, so that a rebuild can tell a changed rule from damage.
"""

from typing import Final

RULE_VERSION: Final = 1
