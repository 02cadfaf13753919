import unittest

from shop.basket import Basket
from shop.receipt import receipt


class ReceiptTest(unittest.TestCase):
    def test_every_line_and_the_total_are_printed(self):
        basket = Basket()
        basket.add("pencil", 80, quantity=3)
        self.assertEqual(
            receipt(basket),
            "3 x pencil                  2.40\n"
            "--------------------------------\n"
            "total with tax              2.86",
        )


if __name__ == "__main__":
    unittest.main()
