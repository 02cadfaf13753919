"""A basket and what it costs."""

from shop.discounts import percent_off
from shop.money import part_of

TAX_PERCENT = 19


class Basket:
    """Lines of (article, price of one in cents, quantity)."""

    def __init__(self):
        self.lines = []

    def add(self, article, cents, quantity=1):
        self.lines.append((article, cents, quantity))

    def net(self):
        """All lines with their discounts, without tax."""
        return sum(line_total(cents, quantity) for _, cents, quantity in self.lines)

    def total(self):
        """What the customer pays."""
        net = self.net()
        return net + part_of(net, TAX_PERCENT)


def line_total(cents, quantity):
    """One line after its discount."""
    full = cents * quantity
    return full - part_of(full, percent_off(quantity))
