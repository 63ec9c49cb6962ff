"""IWAE: the importance-weighted bound, its gradient, and that it behaves as a VAE does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import constant_decoder, constant_encoder, drawn, small_decoder, small_encoder, terms

from vae_keras import IWAE, VAE, load_model, log_likelihood, train


def small_iwae(samples=5, **options):
    return IWAE(small_encoder(), small_decoder(), samples=samples, **options)


def compiled(model, optimizer, **options):
    model.compile(optimizer, **{"jit_compile": False, "run_eagerly": True, **options})
    return model


def bound(model, x, step=4):
    """Minus the loss of each image."""
    reconstruction, kl = terms(model, x, step)
    return -(reconstruction + kl).numpy().astype("float64")


def log_normal(z, mean, log_var):
    return -0.5 * np.sum(np.log(2 * np.pi) + log_var + (z - mean) ** 2 / np.exp(log_var), axis=-1)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_terms_add_up_to_the_mean_of_the_weights(images, likelihood):
    iwae = small_iwae(samples=4, likelihood=likelihood, sigma=0.7, seed=1)
    mean, log_var = (np.repeat(head, 4, axis=0) for head in iwae.encode(images))  # the draws of an image side by side
    z = drawn(iwae.sampling, (mean, log_var)).numpy().astype("float64")
    log_p = -iwae.reconstruction(np.repeat(images, 4, axis=0), z.astype("float32")).numpy()
    log_weights = (log_p + log_normal(z, 0.0, 0.0 * z) - log_normal(z, mean, log_var)).reshape(-1, 4)
    np.testing.assert_allclose(bound(iwae, images), np.log(np.mean(np.exp(log_weights), axis=1)), rtol=1e-5)


@pytest.mark.slow
def test_one_draw_gives_the_elbo_of_that_draw(images):
    iwae = small_iwae(samples=1, seed=1)
    vae = VAE(iwae.encoder, iwae.decoder, seed=1)
    reconstruction, _ = terms(iwae, images)
    expected, kl = terms(vae, images)
    np.testing.assert_allclose(reconstruction, expected, rtol=1e-5)
    estimates = np.array([terms(iwae, images, n)[1] for n in range(400)]).mean(axis=1)
    assert abs(estimates.mean() - kl.numpy().mean()) < 5 * estimates.std() / np.sqrt(len(estimates))


@pytest.mark.slow
def test_the_bound_grows_with_the_draws_to_the_measured_likelihood(images):
    iwae = compiled(small_iwae(samples=3, sigma=0.2, seed=1), keras.optimizers.Adam(1e-2), run_eagerly=False)
    iwae.fit(images, batch_size=65, epochs=30, verbose=0)
    networks, x = (iwae.encoder, iwae.decoder), np.tile(images, (4, 1, 1, 1))
    one, five, fifty = (bound(IWAE(*networks, samples=k, sigma=0.2), x).mean() for k in (1, 5, 50))
    assert one + 0.1 < five
    assert five + 0.1 < fifty
    constant = 784 / 2 * np.log(2 * np.pi * 0.2**2)
    assert fifty - constant == pytest.approx(log_likelihood(iwae, images, samples=50, seed=1), abs=0.3)


def test_where_the_decoder_ignores_z_the_bound_reaches_the_likelihood(images):
    iwae = IWAE(constant_encoder(0.5, 0.3), constant_decoder(-1.0), samples=5000)
    expected = -iwae.reconstruction(images[:3], np.zeros((3, 2), "float32")).numpy()
    np.testing.assert_allclose(bound(iwae, images[:3]), expected, atol=0.2)


def test_the_gradient_is_the_slope_of_the_bound(images):
    x, iwae = images[:5], small_iwae(samples=6, sigma=0.5, seed=1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.add(*terms(iwae, x)))
    gradients = tape.gradient(loss, iwae.trainable_variables)
    rng, h = np.random.default_rng(0), 2**-6
    for weight, gradient in zip(iwae.trainable_variables, gradients, strict=True):
        at, random = weight.numpy(), rng.normal(size=weight.shape)
        direction = gradient.numpy() / np.linalg.norm(gradient) + random / np.linalg.norm(random)
        losses = []
        for step in (h, -h):
            weight.assign(at + step * direction)
            losses.append(-bound(iwae, x).sum())
        weight.assign(at)
        assert (losses[0] - losses[1]) / (2 * h) == pytest.approx(np.sum(gradient * direction), rel=0.02, abs=0.05)


@pytest.mark.parametrize(("beta", "reconstruction_weight"), [(1.0, 1.0), (0.3, 2.0)])
def test_evaluate_reports_the_weighted_sum_of_the_terms(images, beta, reconstruction_weight):
    iwae = compiled(small_iwae(beta=beta, reconstruction_weight=reconstruction_weight, seed=1), "sgd")
    loss, reconstruction, kl = iwae.evaluate(images, verbose=0)
    assert loss == pytest.approx(reconstruction_weight * reconstruction + beta * kl, rel=1e-5)


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 0.05), ("mixed_bfloat16", 0.2)])
def test_half_precision_takes_steps_of_the_same_size(images, policy, tolerance):
    """bfloat16 rounds to 0.4 %: a reconstruction is off by 0.1 nats, and so a draw's weight by a tenth."""
    steps = {}
    for name in ("float32", policy):
        keras.config.set_dtype_policy(name)
        try:
            keras.utils.set_random_seed(0)
            iwae = compiled(small_iwae(seed=1), keras.optimizers.SGD(0.01))
            before = iwae.get_weights()
            iwae.train_on_batch(images)
        finally:
            keras.config.set_dtype_policy("float32")
        steps[name] = np.concatenate([np.ravel(new - old) for new, old in zip(iwae.get_weights(), before, strict=True)])
    error = np.linalg.norm(steps[policy] - steps["float32"])
    assert error < tolerance * np.linalg.norm(steps["float32"])


@pytest.mark.parametrize("log_var", [-100.0, 100.0])
def test_loss_and_gradients_are_finite_at_an_extreme_log_var(images, log_var):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        iwae = IWAE(constant_encoder(log_var=log_var), small_decoder(), seed=1)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-5), initial_scale=1.0)
        assert np.isfinite(compiled(iwae, optimizer).train_on_batch(images)).all()
        assert iwae.optimizer.iterations == 1
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_saved_model_is_the_same_again(tmp_path, images):
    iwae = small_iwae(samples=7, sigma="learned", likelihood="gaussian", beta=0.5, seed=3)
    train(iwae, images, epochs=1, verbose=False)
    iwae.save(tmp_path / "iwae.keras")
    again = load_model(tmp_path / "iwae.keras")
    assert type(again) is IWAE
    assert (again.options, again.sigma, again.seed) == (iwae.options, iwae.sigma, 3)
    assert again.evaluate(images, verbose=0) == iwae.evaluate(images, verbose=0)


@pytest.mark.slow
def test_training_goes_on_after_a_kill_unless_the_number_of_draws_is_another(tmp_path, images, eager):
    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    options = {"epochs": 2, "seed": 0, "verbose": False, "backup_dir": tmp_path / "backup"}
    with pytest.raises(KeyboardInterrupt):
        train(small_iwae(seed=1), images, callbacks=[Killed()], **options)
    with pytest.raises(ValueError, match="another training: samples=5, here 6"):
        train(small_iwae(samples=6, seed=1), images, **options)
    assert len(train(small_iwae(seed=1), images, **options).history["loss"]) == 2


@pytest.mark.slow
def test_fit_in_a_graph_and_by_xla_lowers_the_loss(digits):
    (x_train, _), (x_test, _) = digits
    iwae = compiled(small_iwae(seed=1), keras.optimizers.Adam(1e-2), run_eagerly=False, jit_compile="auto")
    untrained = iwae.evaluate(x_test, verbose=0)[0]
    iwae.fit(x_train, batch_size=100, epochs=3, verbose=0)
    assert iwae.evaluate(x_test, verbose=0)[0] < untrained / 2
