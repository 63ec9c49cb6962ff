"""Variants of the VAE, one idea per file."""
