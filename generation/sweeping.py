"""The worker's regular sweep, for whatever else has to be tidied from time to time.

Apps above this one connect to `swept`; a receiver that fails is logged and harms nothing else.
"""

from typing import Final

from django.dispatch import Signal

swept: Final = Signal()
