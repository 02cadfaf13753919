"""What an approval gives: one run of exactly the call that was approved, for a while.

Invariant: a grant is spent by the first attempt to use it, whether that attempt fits or not.
"""

GRANT_SECONDS = 600.0


class Grant:
    """Leave to run the call with this `seal`, until `until` on a monotonic clock, once."""

    def __init__(self, seal: str, until: float) -> None:
        self._seal = seal
        self._until = until
        self._spent = False

    def spend(self, seal: str, now: float) -> str | None:
        """Use it for the call with `seal`: None when that may run, else why not."""
        if self._spent:
            return "its approval has been used; it is good for one run"
        self._spent = True
        if seal != self._seal:
            return (
                "it is not the call that was approved any more (its arguments, files, folder or sandbox have changed)"
            )
        if now > self._until:
            return f"its approval is older than {int(GRANT_SECONDS)} s"
        return None
