"""VAE_KERAS_DEVICE: what insists on a GPU does nothing on a CPU. TensorFlow calls parts of a CPU CPU:0 and CPU:1."""

import os
import pathlib
import subprocess
import sys

import nbformat
import pytest
import tensorflow as tf
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from small import small_autoencoder, small_vae

from vae_keras.support import device

NO_GPU = pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="here is a GPU")
TWO_CPUS = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
from small import small_vae
from vae_keras import train
x = np.zeros((4, 28, 28, 1), "float32")
with tf.device(sys.argv[1]):
    vae = small_vae()
    vae.compile("sgd", jit_compile=False, run_eagerly=True)
    vae.fit(x, verbose=0)
    print(*vae.evaluate(x, verbose=0))
"""
REPEATED = """
import os
import numpy as np
import tensorflow as tf
from small import small_vae
from vae_keras import make_vae, train
if not os.environ.get("TF_DETERMINISTIC_OPS"):
    tf.config.experimental.enable_op_determinism()
x = np.random.default_rng(0).random((60, 28, 28, 1)).astype("float32")

def trained(build):
    vae = build()
    train(vae, x, 1, batch_size=30, seed=2, validation_data=x[:9], verbose=False)
    vae.sample(3)
    return [weight.numpy() for weight in vae.weights]

for build in (lambda: small_vae(seed=1), lambda: small_vae(network="conv", seed=1)):
    np.random.seed(0); tf.random.set_seed(0)
    import keras
    keras.utils.set_random_seed(0)
    first = trained(build)
    keras.utils.set_random_seed(0)
    second = trained(build)
    print(all(np.array_equal(a, b) for a, b in zip(first, second)))
"""


def run(code, *arguments, **environment):
    places = [str(pathlib.Path(__file__).parents[1]), str(pathlib.Path(device.__file__).parents[2])]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(places), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=here, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@NO_GPU
def test_without_a_gpu_the_package_cannot_be_imported():
    done = run("import vae_keras", VAE_KERAS_DEVICE="GPU")
    assert done.returncode == 1
    assert "RuntimeError: VAE_KERAS_DEVICE insists on a GPU, and TensorFlow sees none" in done.stderr


@pytest.mark.slow
@NO_GPU
def test_without_a_gpu_a_notebook_fails_at_its_first_import(monkeypatch):
    monkeypatch.setenv("VAE_KERAS_DEVICE", "gpu")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from vae_keras import train")])
    with pytest.raises(CellExecutionError, match="insists on a GPU"):
        NotebookClient(notebook, timeout=120).execute()


@NO_GPU
@pytest.mark.parametrize("build", [small_vae, small_autoencoder])
@pytest.mark.parametrize(
    "method", ["fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"]
)
def test_a_model_that_is_elsewhere_is_not_used(monkeypatch, images, build, method):
    model = build()
    model.compile("sgd", jit_compile=False, run_eagerly=True)
    monkeypatch.setenv("VAE_KERAS_DEVICE", "GPU")
    with pytest.raises(RuntimeError, match=r"insists on GPU: build the model there. Received: \S+ on CPU:0"):
        getattr(model, method)(images[:4])
    monkeypatch.setenv("VAE_KERAS_DEVICE", "CPU")
    getattr(model, method)(images[:4])


@pytest.mark.slow
def test_a_model_is_used_on_the_one_device_that_is_named_and_on_no_other():
    there, elsewhere = (run(TWO_CPUS, place, VAE_KERAS_DEVICE="CPU:1") for place in ("CPU:1", "CPU:0"))
    assert there.returncode == 0, there.stderr[-2000:]
    assert len(there.stdout.split()) == 3  # the loss and its two terms
    assert elsewhere.returncode == 1
    assert "insists on CPU:1: build the model there" in elsewhere.stderr


@pytest.mark.parametrize("name", ["TPU", "0", "GPU:", "GPU:one", "a GPU"])
def test_a_device_that_there_is_not_is_named(monkeypatch, name):
    monkeypatch.setenv("VAE_KERAS_DEVICE", name)
    with pytest.raises(ValueError, match=f"VAE_KERAS_DEVICE must be .* Received: {name.upper()}"):
        device.check_device_is_seen()


def test_nothing_is_insisted_on_without_the_variable(monkeypatch):
    monkeypatch.delenv("VAE_KERAS_DEVICE", raising=False)
    device.check_device_is_seen()
    assert device.wanted_device() is None


@pytest.mark.slow
@pytest.mark.parametrize("by", ["the call", "the variable"])
def test_every_operation_of_a_training_can_be_deterministic(by):
    """TensorFlow raises an error for those that cannot; what a GPU needs is refused on a CPU, too."""
    done = run(REPEATED, **({"TF_DETERMINISTIC_OPS": "1"} if by == "the variable" else {}))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["True", "True"]
