"""Decoding: how a generator's probabilities become items of the catalogue and nothing else."""
