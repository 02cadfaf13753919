import unittest

from shop.basket import Basket


class BasketTest(unittest.TestCase):
    def test_a_single_piece_costs_its_price(self):
        basket = Basket()
        basket.add("pencil", 80)
        self.assertEqual(basket.net(), 80)

    def test_ten_pieces_are_enough_for_the_discount(self):
        basket = Basket()
        basket.add("pencil", 80, quantity=10)
        self.assertEqual(basket.net(), 760)

    def test_tax_is_added_once(self):
        basket = Basket()
        basket.add("notebook", 250, quantity=2)
        self.assertEqual(basket.total(), 595)


if __name__ == "__main__":
    unittest.main()
