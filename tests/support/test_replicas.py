"""Training on several devices at once, tf.distribute.MirroredStrategy: here on two logical CPUs.

Keras sums the gradients of the replicas, so a replica has to bring its share of the mean over the batch, not a mean of
its own; and its noise has to be its own. The optimizer is SGD: Adam would hide a factor.
"""

import functools
import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

STEPS = {"equal parts": 64, "parts of 2 and 1": 67, "a part without images": 65}  # images, in batches of 64

# Logical devices can be made before TensorFlow starts, and only then: so all parts run in a process of their own.
SCRIPT = """
import contextlib, itertools, os, sys
import vae_keras
import keras, numpy as np, tensorflow as tf
from small import small_decoder, small_encoder, small_vae
from vae_keras import IWAE, VAE, Autoencoder, load_data, train

counts = sys.argv[1:]
tf.config.set_visible_devices([], "GPU")
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategies = {1: contextlib.nullcontext, 2: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope}
x = load_data("digits")[0][0]
found = {}


def encoder(heads):
    return small_encoder(heads, kernel_regularizer=keras.regularizers.L2(0.5))


def autoencoder():
    return Autoencoder(encoder(("code",)), small_decoder(activation="sigmoid"))


def noiseless_vae(kind=VAE, **options):
    networks = encoder(("mean", "log_var")), small_decoder()
    log_var = networks[0].get_layer("log_var")
    log_var.set_weights([0 * log_var.kernel.numpy(), 0 * log_var.bias.numpy() - 80])
    return kind(*networks, seed=1, **options)


def noiseless_iwae():
    return noiseless_vae(IWAE, samples=3)


def learning_sigma():
    vae = noiseless_vae(sigma="learned")
    vae.log_sigma.assign(-0.75)  # near its best: far from it, this gradient is by far the largest
    return vae


def conv_vae():
    networks = small_encoder(network="conv"), small_decoder(network="conv")
    log_var = networks[0].get_layer("log_var")
    log_var.set_weights([0 * log_var.kernel.numpy(), 0 * log_var.bias.numpy() - 80])
    return VAE(*networks, seed=1)


def conv_autoencoder():
    return Autoencoder(small_encoder(("code",), network="conv"), small_decoder(2, "conv", "sigmoid"))


made = (autoencoder, noiseless_vae, noiseless_iwae, learning_sigma, conv_vae, conv_autoencoder)
kinds = {kind.__name__: kind for kind in made}


def compiled(build, replicas, learning_rate=0.01):
    keras.utils.set_random_seed(0)
    with strategies[replicas]():
        model = build()
        model.compile(keras.optimizers.SGD(learning_rate), jit_compile=False, run_eagerly=replicas == 1)
    return model


def keep(name, model, metrics=None):
    found.update({f"{part}: {name}/{i}": weight.numpy() for i, weight in enumerate(model.trainable_variables)})
    if metrics:
        found[f"{part}: {name}/metrics"] = np.array([metrics[key] for key in sorted(metrics)])


trained = [f"train {kind}" for kind in ("noiseless_vae", "conv_vae", "conv_autoencoder")]
parts = [*kinds, "noise", *trained]
wanted = os.environ.get("REPLICAS_PARTS", "").split() or parts  # a planted mistake needs two
for part, replicas in itertools.product(wanted, strategies):
    if part in kinds:
        model = compiled(kinds[part], replicas, 1.5e-3 if part == "learning_sigma" else 0.01)
        keep(f"0/{replicas}", model)
        untrained = model.get_weights()
        for images in map(int, counts):
            model.set_weights(untrained)
            history = model.fit(x[:images], batch_size=64, shuffle=False, verbose=0).history
            keep(f"{images}/{replicas}", model, history)
    if part.startswith("train "):
        model = compiled(kinds[part.split()[1]], replicas)
        history = train(model, x[:301], epochs=2, seed=1, verbose=False).history  # 125, 125 and 51
        keep(f"{replicas}", model, history)
    if part == "noise":
        model = compiled(lambda: small_vae(seed=1, sigma=0.1), replicas, learning_rate=0.0)
        same_image = np.repeat(x[:1], replicas, axis=0)  # one for each replica
        tested = model.evaluate(same_image, batch_size=replicas, verbose=0)[1]
        history = model.fit(same_image, batch_size=replicas, epochs=2, verbose=0).history  # two steps
        found[f"{part}: {replicas}"] = [tested, *history["reconstruction_loss"]]

np.savez(sys.stdout.buffer, **found)
"""


@functools.cache
def all_found():
    here = str(pathlib.Path(__file__).parents[1])
    paths = os.pathsep.join([here, *filter(None, sys.path)])  # this process's vae_keras, wherever it is
    environment = {**os.environ, "PYTHONPATH": paths, "VAE_KERAS_DATA": "digits", "VAE_KERAS_DEVICE": ""}
    command = [sys.executable, "-c", SCRIPT, *map(str, STEPS.values())]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    with np.load(io.BytesIO(done.stdout)) as arrays:
        return dict(arrays)


def found(part):
    """What the script found in one of its parts."""
    named = (key.split(": ") for key in all_found())
    return {name: all_found()[f"{key}: {name}"] for key, name in named if key == part}


def weights(part, run):
    return [array for key, array in found(part).items() if key.startswith(f"{run}/") and not key.endswith("metrics")]


@pytest.mark.parametrize(
    "kind",
    ["autoencoder", "noiseless_vae", "noiseless_iwae", "learning_sigma", "conv_vae", "conv_autoencoder"],
)
@pytest.mark.parametrize("images", STEPS.values(), ids=STEPS)
def test_two_replicas_take_the_steps_of_one(kind, images):
    before, one, two = (weights(kind, run) for run in ("0/1", f"{images}/1", f"{images}/2"))
    for old, alone, together in zip(before, one, two, strict=True):
        np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
        assert np.abs(alone - old).max() > 2e-5  # a factor of 2 would show


@pytest.mark.parametrize(
    ("kind", "images"), [(kind, n) for kind in ("autoencoder", "noiseless_vae", "conv_vae") for n in STEPS.values()]
)
def test_two_replicas_report_the_losses_of_one(kind, images):
    one, two = (found(kind)[f"{images}/{replicas}/metrics"] for replicas in (1, 2))
    assert len(one) == (1 if kind == "autoencoder" else 3)
    np.testing.assert_allclose(two, one, rtol=1e-6)


@pytest.mark.parametrize("step", [0, 1], ids=["evaluating", "training"])
def test_each_replica_draws_noise_of_its_own(step):
    one, two = (found("noise")[replicas][step] for replicas in ("1", "2"))
    assert two != pytest.approx(one, rel=1e-4)  # a mean of two draws, of which the first is that of one replica


def test_a_replica_does_not_draw_the_next_steps_noise_of_another():
    one, two = (found("noise")[replicas] for replicas in ("1", "2"))
    of_the_second = 2 * two[1] - one[1]
    assert of_the_second != pytest.approx(one[2], rel=1e-4)


@pytest.mark.parametrize("kind", ["noiseless_vae", "conv_vae", "conv_autoencoder"])
def test_train_with_its_own_batch_size_works_on_two_replicas_as_on_one(kind):
    one, two = (found(f"train {kind}")[f"{replicas}/metrics"] for replicas in (1, 2))
    assert one.shape == (1 if kind == "conv_autoencoder" else 3, 2)  # the terms of two epochs
    np.testing.assert_allclose(two, one, rtol=1e-4)
