"""How good a set of weights is, on photographs it was not trained on."""
