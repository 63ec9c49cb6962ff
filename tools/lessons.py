"""Plant a mistake of the subject in a copy of the package, and see which claims of the notebooks notice.

`python tools/lessons.py` plants one after another and runs the notebook that teaches it, on the offline digits; with
a part of a name, `python tools/lessons.py transposed`, only those. Each mistake must be caught by a claim of the row
that it belongs to.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import tempfile
import typing

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[1]
GENTLE = '''
def claim(statement, holds, evidence=""):
    """Say whether it holds, and go on."""
    import numpy as np
    truth = np.asarray(holds)
    print(("holds: " if truth.dtype == bool and truth.size == 1 and truth else "fails: ") + statement)
'''
DRAW = "return mean + exp(0.5 * log_var) * epsilon"
KL_SUM = "return 0.5 * ops.sum("
OBJECTIVE = (  # of a VAE's training step, with what follows it there and not in the test step
    "            loss = self.reconstruction_weight * reconstruction + self.beta * kl\n            objective"
)


class Mistake(typing.NamedTuple):
    row: str  # whose claim must notice
    notebook: str
    file: str
    old: str  # stands in the file once
    new: str


MISTAKES = {
    "the loss of an autoencoder is a mean over pixels": Mistake(
        "L02", "01", "support/tensors.py", "return ops.sum(values, axis=", "return ops.mean(values, axis="
    ),
    "the decoder of an autoencoder ignores the code": Mistake(
        "L03",
        "01",
        "models.py",
        "        (z,) = outputs(self.encoder, x, training=True)  # (batch, latent)\n",
        "        z = 0.0 * outputs(self.encoder, x, training=True)[0]\n",
    ),
    "make_autoencoder has another activation": Mistake(
        "B02", "01", "networks.py", 'ACTIVATION = "gelu"', 'ACTIVATION = "relu"'
    ),
    "a sample of an autoencoder is the reconstruction of nothing": Mistake(
        "L07",
        "01",
        "models.py",
        "return self.decode(low + (high - low) * ops.convert_to_numpy(share_of_box))",
        "return self.decode(0.0 * ops.convert_to_numpy(share_of_box))",
    ),
    "the draw forgets epsilon": Mistake("L08", "02", "layers.py", DRAW, "return mean + 0.0 * epsilon"),
    "the log-variance is the same for all images": Mistake(
        "L09",
        "02",
        "networks.py",
        '    return keras.Model(images, outputs if len(heads) > 1 else outputs[0], name="encoder")',
        "    outputs[1:] = [0.0 * head - 2.0 for head in outputs[1:]]\n"
        '    return keras.Model(images, outputs if len(heads) > 1 else outputs[0], name="encoder")',
    ),
    "the manifold's grid is transposed": Mistake(
        "L10",
        "02",
        "plots/digits.py",
        "np.stack([z1.ravel(), z2.ravel()], axis=1)",
        "np.stack([z2.ravel(), z1.ravel()], axis=1)",
    ),
    "the draw takes the variance for the standard deviation": Mistake(
        "L14", "02", "layers.py", "exp(0.5 * log_var) * epsilon", "exp(log_var) * epsilon"
    ),
    "the draw ignores the encoder's mean": Mistake(
        "L14", "02", "layers.py", "return mean + exp(0.5", "return 0.0 * mean + exp(0.5"
    ),
    "the gradient stops at the draw": Mistake(
        "L14",
        "02",
        "layers.py",
        DRAW,
        "return ops.stop_gradient(mean + exp(0.5 * log_var) * epsilon)",
    ),
    "the reconstruction loss is a mean over pixels": Mistake(
        "L18", "02", "support/tensors.py", "return ops.sum(values, axis=", "return ops.mean(values, axis="
    ),
    "the reconstruction loss lacks its ½": Mistake("L18", "02", "losses.py", "/ (2.0 * sigma**2)", "/ sigma**2"),
    "the reconstruction loss takes sigma for sigma²": Mistake(
        "L18", "02", "losses.py", "(2.0 * sigma**2)", "(2.0 * sigma)"
    ),
    "KL takes the standard deviation for the variance": Mistake(
        "L20", "02", "losses.py", "exp(log_var) - 1.0 - log_var", "exp(0.5 * log_var) - 1.0 - log_var"
    ),
    "KL is a mean over latent dimensions": Mistake("L21", "02", "losses.py", KL_SUM, "return 0.5 * ops.mean("),
    "KL has the slide's sign": Mistake("L21", "02", "losses.py", KL_SUM, "return -0.5 * ops.sum("),
    "KL lacks its ½": Mistake("L21", "02", "losses.py", KL_SUM, "return ops.sum("),
    "the ELBO adds KL": Mistake(
        "B01",
        "02",
        "measures/likelihood.py",
        "np.mean(np.concatenate(log_likelihoods)) - np.mean(",
        "np.mean(np.concatenate(log_likelihoods)) + np.mean(",
    ),
    "the bound of k draws is a sum, not a mean": Mistake(
        "B01",
        "02",
        "measures/likelihood.py",
        "np.logaddexp.reduce(log_weights, axis=0) - math.log(samples)",
        "np.logaddexp.reduce(log_weights, axis=0)",
    ),
    "the training step adds another KL": Mistake(
        "L23",
        "02",
        "models.py",
        OBJECTIVE,
        "            kl = 2.0 * kl\n" + OBJECTIVE,
    ),
    "the training step goes uphill": Mistake(
        "L23",
        "02",
        "models.py",
        "        gradients = tape.gradient(scaled, self.trainable_variables)\n"
        "        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))\n"
        "        return self.track(weight, loss=loss, reconstruction_loss",
        "        gradients = [-g for g in tape.gradient(scaled, self.trainable_variables)]\n"
        "        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))\n"
        "        return self.track(weight, loss=loss, reconstruction_loss",
    ),
    "samples are drawn with half the prior's standard deviation": Mistake(
        "L24",
        "02",
        "models.py",
        "return self.decode(keras.random.normal((whole",
        "return self.decode(0.5 * keras.random.normal((whole",
    ),
    "all samples are one image": Mistake(
        "L24",
        "02",
        "models.py",
        'return self.decode(keras.random.normal((whole_number(n, "n"), self.latent_dim), seed=seed))',
        "return np.repeat(self.decode(keras.random.normal((1, self.latent_dim), seed=seed)), n, axis=0)",
    ),
    "coverage measures the same direction again": Mistake(
        "L24",
        "02",
        "measures/likeness.py",
        "return nearest_distance(real, samples)",
        "return nearest_distance(samples, real)",
    ),
    "beta is ignored": Mistake(
        "L26",
        "03",
        "models.py",
        OBJECTIVE,
        "            loss = self.reconstruction_weight * reconstruction + kl\n            objective",
    ),
    "the weight of the reconstruction is ignored": Mistake(
        "L26",
        "03",
        "models.py",
        OBJECTIVE,
        "            loss = reconstruction + self.beta * kl\n            objective",
    ),
    "no noise in training": Mistake("L31", "03", "layers.py", DRAW, "return mean + 0.0 * epsilon"),
    "the distance to the prior forgets the codes' scale": Mistake(
        "L28",
        "03",
        "measures/latent_space.py",
        "    lines = np.random.default_rng(seed)",
        "    z = z / z.std()\n    lines = np.random.default_rng(seed)",
    ),
    "cells of equal width in place of equal probability": Mistake(
        "L29",
        "03",
        "measures/latent_space.py",
        "ring = rings * chi2(2).cdf(np.sum(z**2, axis=1))",
        "ring = rings * np.sum(z**2, axis=1) ** 0.5 / 8",
    ),
    "sigma is not squared against KL": Mistake("L31", "03", "losses.py", "(2.0 * sigma**2)", "(2.0 * sigma)"),
    "effective_beta forgets that a mean divides": Mistake(
        "L32", "03", "measures/published.py", '(n_pixels if pixels == "mean" else 1)', "1"
    ),
    "effective_beta forgets the ½ of the squared error": Mistake(
        "L32", "03", "measures/published.py", '"squared": 2.0', '"squared": 1.0'
    ),
    "active units are counted by their widths": Mistake(
        "L33",
        "03",
        "measures/latent_space.py",
        "int(np.sum(np.var(mean, axis=0) > threshold))",
        "int(np.sum(np.abs(mean).max(axis=0) > -1.0))",
    ),
    "the interpolation runs between the wrong ends": Mistake(
        "L34",
        "04",
        "latent_model.py",
        "return self.decode(PATHS[path](z_a, z_b, steps))",
        "return self.decode(PATHS[path](z_b, z_a, steps))",
    ),
    "the line is a sphere": Mistake("L34", "04", "paths.py", '"linear": linear_path', '"linear": spherical_path'),
    "the rise is measured from the middle": Mistake(
        "L35", "04", "measures/walks.py", "values[:, [0, -1]].mean()", "values[:, [5, 5]].mean()"
    ),
    "the stretch is the smallest singular value": Mistake(
        "L38",
        "04",
        "measures/latent_space.py",
        "np.linalg.eigvalsh(jacobian @ jacobian.transpose(0, 2, 1))[:, -1]",
        "np.linalg.eigvalsh(jacobian @ jacobian.transpose(0, 2, 1))[:, 0]",
    ),
    "Sampling passes no gradient": Mistake(
        "L39",
        "05",
        "layers.py",
        DRAW,
        "return ops.stop_gradient(mean + exp(0.5 * log_var) * epsilon)",
    ),
    "Sampling draws with the variance": Mistake(
        "L40", "05", "layers.py", "exp(0.5 * log_var) * epsilon", "exp(log_var) * epsilon"
    ),
    "Sampling uses one epsilon for all dimensions": Mistake(
        "L40",
        "05",
        "layers.py",
        "epsilon = keras.random.normal(ops.shape(mean), seed=self.seed_generator)",
        "epsilon = keras.random.normal((ops.shape(mean)[0], 1), seed=self.seed_generator)",
    ),
}


def planted(mistake, folder):
    """A copy of the package, with the mistake in it if there is one; the folder that holds the copy."""
    package = folder / "vae_keras"
    shutil.copytree(ROOT / "vae_keras", package, ignore=shutil.ignore_patterns("__pycache__"))
    if mistake is not None:
        file = package / mistake.file
        text = file.read_text("utf-8")
        found = text.count(mistake.old)
        assert found == 1, f"{mistake.file} holds this {found} times, not once: {mistake.old}"
        file.write_text(text.replace(mistake.old, mistake.new), "utf-8")
    return str(folder.resolve())


def claims_of(notebook):
    """Row → the claims of its section that failed; and the first error that is no claim, if any."""
    row, failed, error = "", {}, None
    for cell in notebook.cells:
        for heading in (
            re.findall(r"<small>(.*?)</small>$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else ()
        ):
            row = heading
        for output in cell.get("outputs", []):
            if output.output_type == "error" and error is None:
                error = row, f"{output.ename}: {output.evalue}".splitlines()[0][:100]
            lines = output.get("text", "").splitlines()
            for statement in (line.removeprefix("fails: ") for line in lines if line.startswith("fails: ")):
                failed.setdefault(row, []).append(statement)
    return failed, error


def run(name):
    """The claims that fail with this mistake, or of the healthy package."""
    mistake = MISTAKES[name]
    (path,) = (ROOT / "notebooks").glob(f"{mistake.notebook}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    setup = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    with tempfile.TemporaryDirectory() as folder:
        copy = f"import sys; sys.path.insert(0, {planted(mistake, pathlib.Path(folder))!r})"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(copy))
        notebook.cells.insert(setup + 2, nbformat.v4.new_code_cell(GENTLE))
        NotebookClient(notebook, timeout=1200, allow_errors=True, resources={"metadata": {"path": folder}}).execute()
    return claims_of(notebook)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of the names of mistakes; all without any")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="notebooks at once")
    options = parser.parse_args()
    os.environ |= {"VAE_KERAS_DATA": "digits", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"), "1")
    names = [name for name in MISTAKES if not options.names or any(part in name for part in options.names)]
    missed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (failed, error) in zip(names, pool.map(run, names), strict=True):
            mistake = MISTAKES[name]
            own = failed.get(mistake.row, [])
            missed += not own
            print(f"{'caught' if own else 'MISSED'} {mistake.row} {name}", flush=True)
            for row, statements in failed.items():
                print(f"       {row}: {'; '.join(statements)}"[:220], flush=True)
            if error:
                print(f"       error in {error[0]}: {error[1]}", flush=True)
    raise SystemExit(missed)


if __name__ == "__main__":
    main()
