"""Training and evaluation of the networks: data sets, transforms, losses, metrics, trainers, export of weights."""
