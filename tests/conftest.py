"""What all tests share: no figure on a screen, the offline digits, and nothing in the user's own folders.

TensorFlow is imported when the first test needs it, so that a run can say at once what it will do.
"""

import gc
import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session", autouse=True)
def light_garbage_collection():
    """What TensorFlow and Keras bring stays: no collection has to look through its 600,000 objects again."""
    import vae_keras  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path_factory):
    """No test reads or writes the user's caches, or needs a network."""
    home = tmp_path_factory.getbasetemp() / "keras"
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setenv("VAE_KERAS_DATA", "digits")


@pytest.fixture(autouse=True)
def fixed_seed():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def no_open_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def no_xla(monkeypatch):
    """XLA compiles for seconds what a test runs for milliseconds."""
    from vae_keras import training

    monkeypatch.setattr(training, "_xla_works", lambda: False)


@pytest.fixture
def eager(no_xla):
    """Steps are taken as they stand, and not traced first: sooner done where there are few."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def digits():
    from vae_keras import load_data

    return load_data("digits")


@pytest.fixture(scope="session")
def images(digits):
    """130 images: two batches of 64 and one of 2."""
    return digits[0][0][:130]


@pytest.fixture(scope="session")
def labels(digits):
    return digits[0][1][:130]


@pytest.fixture(scope="session")
def trained_vae(digits):
    """A VAE that has learned something: its codes differ between digits. Tests do not change it."""
    import keras
    from small import small_vae

    keras.utils.set_random_seed(0)
    vae = small_vae()
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    vae.fit(digits[0][0], batch_size=100, epochs=6, verbose=0)
    return vae
