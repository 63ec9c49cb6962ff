"""A training that goes wrong says what went wrong. (Backups: test_resume.py; progress: test_training.py.)"""

import numpy as np
import pytest
from small import constant_decoder, constant_encoder, small_autoencoder, small_decoder, small_vae

from vae_keras import VAE, train
from vae_keras.callbacks import TerminateOnNaN

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
def test_training_stops_at_the_first_loss_that_is_not_finite_and_names_the_term(no_xla, images, terms):
    with pytest.raises(FloatingPointError, match=f": {terms} stopped being finite by step 2.*learning_rate.*Received"):
        train(SICK[terms](), images, batch_size=65, verbose=False)


def test_it_serves_fit_too(images):
    vae = nan_in_its_decoder(small_vae(name="sick"))
    vae.compile("sgd", jit_compile=False)
    with pytest.raises(FloatingPointError, match=r"^sick: reconstruction_loss and loss .* by step 1\."):
        vae.fit(images, batch_size=65, callbacks=[TerminateOnNaN()], verbose=0)


def test_a_backup_before_the_first_nan_is_kept(no_xla, monkeypatch, images, tmp_path):
    def poison(self, epoch, logs=None):
        if epoch == 1:
            nan_in_its_decoder(self.model)

    monkeypatch.setattr(TerminateOnNaN, "on_epoch_begin", poison)
    with pytest.raises(FloatingPointError):
        train(small_vae(), images, epochs=2, verbose=False, backup_dir=tmp_path)
    healthy = small_vae()
    healthy.load_weights(tmp_path / "state.weights.h5")
    assert all(np.isfinite(weight).all() for weight in healthy.get_weights())
