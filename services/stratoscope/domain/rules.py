"""By which rules intake judges and folds messages.

The number goes up with any change that makes an old message a different record, a different state
or a different verdict. A dead letter keeps the version of its verdict and a projection the one it
was begun with, so that a rebuild can tell a changed rule from damage.

2: a message that can't be read taints the state; at most 1,000,000 JSON values a message; the
levels of a patch's value are counted without the patch.
"""

from typing import Final

RULE_VERSION: Final = 2
