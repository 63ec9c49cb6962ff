"""Runs the explorer's JavaScript, where Node.js is installed."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from vae_keras.explorer.page import script

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node.js: it runs the explorer's JavaScript")


def run_js(code, *given):
    """What the last expression of `code` is, with the front end before it and `given` as JSON."""
    told = f"\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify({code}));"
    command = [NODE, "--input-type=module"]
    done = subprocess.run(command, input=script() + told, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def images_of(shape, count=40):
    return np.random.default_rng(0).random((count, *shape), dtype="float32")
