"""The kinds of steps, one module each. `registry` knows them all."""
