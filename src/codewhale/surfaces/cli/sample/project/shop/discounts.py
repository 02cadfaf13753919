"""Discounts by quantity."""

LEVELS = ((50, 15), (10, 5))
"""(from this quantity on, percent off), largest first."""


def percent_off(quantity):
    """The discount, in percent, for so many pieces of one article."""
    for least, percent in LEVELS:
        if quantity > least:
            return percent
    return 0
