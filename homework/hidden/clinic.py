"""The lecturer's models for the bug clinic: seed, latent dimension, hidden units. Keep them from students."""

from vae_keras.homework.clinic import TASKS

MODELS = [[11, 2, 3], [12, 7, 9], [13, 3, 16], [14, 10, 4]]
EXAMPLES = {f"clinic.{name}": MODELS for name in TASKS}
