"""The receipt as text."""

from shop.basket import line_total
from shop.money import show

WIDTH = 32


def receipt(basket):
    """One line for each article, then the total."""
    lines = [
        _line(f"{quantity} x {article}", show(line_total(cents, quantity)))
        for article, cents, quantity in basket.lines
    ]
    return "\n".join([*lines, "-" * WIDTH, _line("total with tax", show(basket.total()))])


def _line(left, right):
    return left + right.rjust(WIDTH - len(left))
