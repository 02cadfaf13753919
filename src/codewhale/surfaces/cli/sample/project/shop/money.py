"""Amounts in whole cents."""


def part_of(cents, percent):
    """`percent` percent of an amount, half a cent rounded up."""
    return (cents * percent + 50) // 100


def show(cents):
    """The amount as people write it."""
    return f"{cents // 100}.{cents % 100:02d}"
