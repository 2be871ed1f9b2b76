"""How fast usr is, beside a floor made by hand and beside what users would pick instead."""
