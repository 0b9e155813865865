"""Generators of cases; each module has `case(rng)`, which returns a description and a function without arguments."""
