import importlib
import os
import subprocess
import sys

import keras
import pytest

import vae_keras
from vae_keras.support import quiet

PROMISED = {
    "VAE", "Autoencoder", "Sampling", "active_units", "bernoulli_loss", "claim", "effective_beta", "elbo",
    "kl_divergence", "load_data", "log_likelihood", "make_autoencoder", "make_vae", "reconstruction_loss",
}  # fmt: skip


def test_everything_that_is_promised_can_be_imported():
    assert set(vae_keras.__all__) >= PROMISED
    assert len(vae_keras.__all__) == len(set(vae_keras.__all__))
    assert all(callable(getattr(vae_keras, name)) for name in vae_keras.__all__)


@pytest.mark.slow
@pytest.mark.parametrize("level", [{}, {"TF_CPP_MIN_LOG_LEVEL": "3"}], ids=["first", "started by a process that did"])
def test_importing_prints_nothing(level):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | level
    command = [sys.executable, "-c", "import vae_keras"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    ["sys.stderr = None", "os.close(2)", "os.close(2); sys.stderr = None", "sys.stderr.close()"],
    ids=["as under pythonw", "descriptor closed", "both", "closed by Python"],
)
def test_it_can_be_imported_without_a_stderr(start):
    code = f"import os, sys; {start}; import vae_keras; print('imported', vae_keras.support.quiet is not None)"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "imported True\n"), done.stderr


@pytest.mark.slow
def test_what_is_written_to_stderr_afterwards_is_seen():
    code = "import os, vae_keras; os.write(2, b'seen')"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stderr == "seen"


def test_another_backend_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError, match=r"set KERAS_BACKEND=tensorflow .* Received: backend 'jax'"):
        importlib.reload(quiet)
