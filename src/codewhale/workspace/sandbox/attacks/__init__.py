"""Programs that try what a cage must forbid. They run inside, by themselves, and import nothing but each other."""
