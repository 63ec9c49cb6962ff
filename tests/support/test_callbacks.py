"""A training that goes wrong says what went wrong; TensorBoard gets terms and pictures.

(Backups: test_resume.py; progress: test_training.py.)
"""

import importlib.util

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from marks import slow
from small import constant_decoder, constant_encoder, small_autoencoder, small_decoder, small_vae
from tensorflow.core.util import event_pb2

from vae_keras import VAE, TensorBoard, TerminateOnNaN, train

NAN = float("nan")


def nan_in_its_decoder(model):
    model.decoder.layers[-2].bias.assign(np.full(784, NAN))
    return model


SICK = {
    "kl_loss and loss": lambda: VAE(constant_encoder(mean=1e20), constant_decoder()),  # its square overflows
    "reconstruction_loss and loss": lambda: nan_in_its_decoder(small_vae()),
    "kl_loss and reconstruction_loss and loss": lambda: VAE(constant_encoder(log_var=NAN), small_decoder()),
    "loss": lambda: nan_in_its_decoder(small_autoencoder()),
}


@pytest.mark.parametrize("terms", SICK)
def test_training_stops_at_the_first_loss_that_is_not_finite_and_names_the_term(eager, images, terms):
    with pytest.raises(FloatingPointError, match=f": {terms} stopped being finite by step 2.*learning_rate.*Received"):
        train(SICK[terms](), images, batch_size=65, verbose=False)


def test_it_serves_fit_too(images):
    vae = nan_in_its_decoder(small_vae(name="sick"))
    vae.compile("sgd", jit_compile=False)
    with pytest.raises(FloatingPointError, match=r"^sick: reconstruction_loss and loss .* by step 1\."):
        vae.fit(images, batch_size=65, callbacks=[TerminateOnNaN()], verbose=0)


def test_a_backup_before_the_first_nan_is_kept(eager, monkeypatch, images, tmp_path):
    def poison(self, epoch, logs=None):
        if epoch == 1:
            nan_in_its_decoder(self.model)

    monkeypatch.setattr(TerminateOnNaN, "on_epoch_begin", poison)
    with pytest.raises(FloatingPointError):
        train(small_vae(), images, epochs=2, verbose=False, backup_dir=tmp_path)
    healthy = small_vae()
    healthy.load_weights(tmp_path / "state-1.weights.h5")
    assert all(np.isfinite(weight).all() for weight in healthy.get_weights())


def events(folder):
    """Tag → step → value, of all that was written to a folder for TensorBoard."""
    found = {}
    for file in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = tf.make_ndarray(value.tensor)
    return found


def test_tensorboard_gets_both_terms_of_each_epoch(eager, images, tmp_path):
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path, images)
    logs = train(small_vae(), images, epochs=2, validation_data=images, verbose=False, callbacks=[board]).history
    for run, prefix in (("train", ""), ("validation", "val_")):
        written = events(tmp_path / run)
        for term in ("loss", "reconstruction_loss", "kl_loss"):
            values = written[f"epoch_{term}"]
            assert [float(values[step]) for step in (0, 1)] == pytest.approx(logs[prefix + term])


@pytest.mark.parametrize(
    ("build", "tags"),
    [
        (lambda: small_vae(2), {"reconstructions", "latent plane"}),
        slow(lambda: small_vae(3), {"reconstructions", "samples from the prior"}),
        slow(lambda: small_autoencoder(2), {"reconstructions"}),
    ],
    ids=["2-d VAE", "3-d VAE", "autoencoder"],
)
def test_tensorboard_gets_pictures_of_each_epoch(eager, images, tmp_path, build, tags):
    pytest.importorskip("tensorboard")
    train(build(), images, epochs=2, verbose=False, learning_rate=0.1, callbacks=[TensorBoard(tmp_path, images)])
    written = events(tmp_path / "pictures")
    assert set(written) == tags
    for steps in written.values():
        assert set(steps) == {0, 1}
        first, last = (tf.io.decode_png(steps[step][2]).numpy() for step in (0, 1))  # width, height, the image
        assert first.shape == last.shape
        assert first.std() > 5  # there is something to see
        assert not np.array_equal(first, last)  # and it has changed
    assert plt.get_fignums() == []


@pytest.mark.slow
def test_tensorboard_shows_images_of_any_shape(eager, tmp_path):
    pytest.importorskip("tensorboard")
    x, z = keras.Input((4, 6, 3)), keras.Input((3,))
    flat = keras.layers.Flatten()(x)
    heads = [keras.layers.Dense(3)(flat), keras.layers.Dense(3)(flat)]
    decoder = keras.Sequential([z, keras.layers.Dense(72), keras.layers.Reshape((4, 6, 3))])
    images = np.random.default_rng(0).random((20, 4, 6, 3)).astype("float32")
    train(VAE(keras.Model(x, heads), decoder), images, verbose=False, callbacks=[TensorBoard(tmp_path, images)])
    written = events(tmp_path / "pictures")
    assert set(written) == {"reconstructions", "samples from the prior"}
    samples = tf.io.decode_png(written["samples from the prior"][0][2]).numpy()
    assert samples.shape == (8 * 4, 8 * 6, 3)


def test_images_of_another_shape_than_the_models_are_told_before_the_first_step(eager, images, tmp_path):
    pytest.importorskip("tensorboard")
    vae = small_vae()
    board = TensorBoard(tmp_path, np.zeros((3, 4, 6, 3), "float32"))
    with pytest.raises(ValueError, match=r"TensorBoard's x must have shape \(n, 28, 28, 1\).*\(3, 4, 6, 3\)"):
        train(vae, images, verbose=False, callbacks=[board])
    assert vae.optimizer.iterations == 0


@pytest.mark.slow
def test_tensorboard_changes_no_training(eager, images, tmp_path):
    pytest.importorskip("tensorboard")

    def trained(callbacks):
        keras.utils.set_random_seed(0)
        vae = small_vae(3, seed=1)
        train(vae, images, epochs=2, seed=1, verbose=False, callbacks=callbacks)
        return vae.get_weights()

    for weight, other in zip(trained([]), trained([TensorBoard(tmp_path, images)]), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_without_the_package_tensorboard_says_what_to_install(monkeypatch, images):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        TensorBoard("logs", images)
