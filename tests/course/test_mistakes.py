"""Twelve mistakes that published VAE code makes, each planted in a copy of the package and caught by named tests.

A suite is only as good as what it catches. One process imports TensorFlow once; for each copy it imports the package
and the tests anew and runs the tests that are named here. They must pass on the healthy copy, and fail on the sick one.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing

import pytest

import vae_keras

TESTS = pathlib.Path(__file__).parents[1]
PACKAGE = pathlib.Path(vae_keras.__file__).parent


class Plant(typing.NamedTuple):
    file: str
    old: str  # stands in the file once
    new: str
    caught_by: list


PLANTS = {
    "1 KL averaged over latents": Plant(
        "losses.py",
        "0.5 * ops.sum(",
        "0.5 * ops.mean(",
        [
            "test_losses.py::test_kl_is_a_sum_over_latent_dimensions",
            "test_models.py::test_the_vaes_terms_are_sums_over_pixels_and_latents",
        ],
    ),
    "1 reconstruction averaged over pixels": Plant(
        "losses.py",
        "return ops.sum(values, axis=",
        "return ops.mean(values, axis=",
        [
            "test_losses.py::test_reconstruction_loss_is_a_sum_over_pixels",
            "test_losses.py::test_bernoulli_loss_is_a_sum_over_pixels",
            "test_models.py::test_the_vaes_terms_are_sums_over_pixels_and_latents",
        ],
    ),
    "2 KL with the sign of the slide": Plant(
        "losses.py",
        "return 0.5 * ops.sum(",
        "return -0.5 * ops.sum(",
        [
            "test_losses.py::test_kl_has_the_value_of_the_closed_form",
            "test_losses.py::test_kl_is_positive_away_from_the_prior",
        ],
    ),
    "2 KL that takes log variance for log sigma": Plant(
        "losses.py",
        "safe_exp(log_var) - 1.0 - log_var",
        "safe_exp(2 * log_var) - 1.0 - 2 * log_var",
        [
            "test_losses.py::test_kl_has_the_value_of_the_closed_form",
            "test_losses.py::test_kl_agrees_with_monte_carlo",
        ],
    ),
    "3 sigmoid, then cross-entropy": Plant(
        "losses.py",
        "ops.softplus(logits) - x * logits",
        "-ops.log(ops.clip(x * ops.sigmoid(logits) + (1 - x) * ops.sigmoid(-logits), 1e-7, 1))",  # right for x = 0 or 1
        [
            "test_losses.py::test_bernoulli_gradient_is_minus_1_at_logit_minus_17",
            "test_models.py::test_the_bernoulli_vaes_gradient_survives_a_confident_mistake",
        ],
    ),
    "4 exp overflows": Plant(
        "losses.py",
        "return ops.exp(ops.minimum(v, 10.0)) * (1.0 + ops.relu(v - 10.0))",
        "return ops.exp(v)",
        [
            "test_losses.py::test_kl_and_its_gradient_are_finite_at_an_extreme_log_var",
            "test_layers.py::test_draw_and_gradient_are_finite_at_an_extreme_log_var",
            "test_models.py::test_loss_and_gradients_are_finite_at_an_extreme_log_var",
        ],
    ),
    "4 exp in float16": Plant(
        "losses.py",
        'ops.cast(ops.convert_to_tensor(value), "float32")',
        "ops.convert_to_tensor(value)",
        [
            "test_losses.py::test_kl_and_its_gradient_are_finite_at_an_extreme_log_var",
            "test_losses.py::test_reconstruction_loss_sums_float16_images_in_float32",
        ],
    ),
    "5 metrics of batch means": Plant(
        "models.py",
        "self.kl_tracker.update_state(kl)",
        "self.kl_tracker.update_state(ops.mean(kl))",
        ["test_models.py::test_a_short_last_batch_of_a_vae_weighs_what_it_should"],
    ),
    "6 keys that are no metric's name": Plant(
        "models.py",
        "return self.get_metrics_result()",
        'return {"total_loss": ops.mean(loss), "kl": ops.mean(kl)}',
        [
            "test_models.py::test_the_keys_of_a_step_are_the_names_of_the_metrics[vae]",
            "test_models.py::test_the_epochs_logs_are_the_epochs_mean[vae]",
        ],
    ),
    "7 no call": Plant(
        "models.py",
        '    def call(self, x, training=None):\n        """x̂',
        '    def reconstruction_of(self, x, training=None):\n        """x̂',
        ["test_models.py::test_calling_a_model_reconstructs_through_the_mean"],
    ),
    "7 no test_step": Plant(
        "models.py",
        "    def test_step(self, data):",
        "    def step_of_a_test(self, data):",
        ["test_models.py::test_evaluate_does_not_answer_zero[vae]"],
    ),
    "7 data taken for a tensor": Plant(
        "support/inputs.py",
        "    x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)\n",
        "    x, sample_weight = data, None\n",
        ["test_models.py::test_fit_evaluate_and_predict_take_whatever_holds_images[dense-dataset of tuples-vae]"],
    ),
    "8 no get_config": Plant(
        "models.py",
        '            "encoder": keras.saving.serialize_keras_object(self.encoder),\n',
        "",
        ["support/test_saving.py::test_an_untrained_and_uncompiled_model_can_be_saved"],
    ),
    "8 no from_config": Plant(
        "models.py",
        "    def from_config(cls, config):",
        "    def of_config(cls, config):",
        ["support/test_saving.py::test_an_untrained_and_uncompiled_model_can_be_saved"],
    ),
    "8 not built: optimizer state lost": Plant(
        "models.py",
        "        self.built = True",
        "        self.built = False",
        ["test_training.py::test_a_trained_model_can_be_saved_and_goes_on"],
    ),
    "9 no scale_loss": Plant(
        "models.py",
        "scaled = self.optimizer.scale_loss(objective)",
        "scaled = objective",
        ["test_models.py::test_mixed_precision_takes_steps_of_the_same_size[mixed_float16-vae]"],
    ),
    "9 noise in float32 alone": Plant(
        "layers.py",
        "return ops.cast(z, self.compute_dtype)",
        "return z",
        [
            "test_layers.py::test_draws_have_the_compute_dtype",
            "test_models.py::test_mixed_precision_keeps_its_losses_in_float32",
        ],
    ),
    "10 noise that predicting and evaluating move on": Plant(
        "models.py",
        "self.loss_terms(x, noise_seed, training=True)",
        "self.loss_terms(x, training=True)",
        ["test_models.py::test_what_is_done_between_two_fits_changes_nothing"],
    ),
    "10 a seed that ignores the run's": Plant(
        "models.py",
        "seed = random.randrange(2**31) if seed is None",
        "seed = 1337 if seed is None",
        ["test_models.py::test_without_a_seed_set_random_seed_decides"],
    ),
    "11 noise from a generator that counts draws": Plant(
        "layers.py",
        "if noise_seed is None:",
        "if True:",
        ["test_layers.py::test_a_noise_seed_alone_decides_the_draw"],
    ),
    "11 an order that ignores the step": Plant(
        "training.py",
        "tf.cast(step, tf.int64)",
        "tf.constant(0, tf.int64)",
        ["test_training.py::test_every_epoch_sees_every_image_once_in_an_order_of_its_own[divisible]"],
    ),
    "11 an order from a generator": Plant(
        "training.py",
        "tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)",
        "tf.random.shuffle(tf.range(count))",
        ["test_training.py::test_the_order_derives_from_seed_and_step"],
    ),
    "12 a mean of each replica's own": Plant(
        "models.py",
        "if replica is None or replica.num_replicas_in_sync == 1:",
        "if True:",
        ["support/test_replicas.py::test_two_replicas_take_the_steps_of_one[equal parts-noiseless_vae]"],
    ),
    "12 the same noise on every replica": Plant(
        "models.py",
        " + replica * 2**32",
        "",
        [
            "support/test_replicas.py::test_each_replica_draws_noise_of_its_own[training]",
            "support/test_replicas.py::test_each_replica_draws_noise_of_its_own[evaluating]",
        ],
    ),
}
HEALTHY = "healthy"

# Runs the named tests on each copy. Arguments: a file that holds {folder of the copy: tests}, and one for the answers.
DRIVER = """
import json, os, pathlib, sys
import keras, sklearn.datasets, tensorflow  # once: that takes long
import pytest

tests = pathlib.Path.cwd()
tools = tests.parent / "tools"
OURS = {"vae_keras", *(file.stem for folder in (tests, tools) for file in folder.rglob("*.py"))}
HELPERS = [str(tests), str(tools)]  # where tests import from
sys.path[:0] = HELPERS


class Outcomes:
    def __init__(self):
        self.found = {}

    def pytest_collectreport(self, report):
        if report.failed:
            self.found[report.nodeid] = ["error", str(report.longrepr)]

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            outcome = report.outcome if report.when == "call" else "error"
            self.found[report.nodeid] = [outcome, str(report.longrepr)[-600:] if report.failed else ""]


answers = {}
for copy, names in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")).items():
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    keras.saving.get_custom_objects().clear()
    keras.backend.clear_session()
    sys.path.insert(0, copy)
    os.environ["PYTHONPATH"] = os.pathsep.join([copy, *HELPERS])  # for tests that start a process
    outcomes = Outcomes()
    options = ["--rootdir", str(tests), "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--tb=short"]
    code = pytest.main([*options, *dict.fromkeys(names)], plugins=[outcomes])
    imported = str(pathlib.Path(sys.modules["vae_keras"].__file__).parent.parent)
    sys.path.remove(copy)
    answers[copy] = {"code": int(code), "imported": imported, "outcomes": outcomes.found}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")
"""


def planted(plant, folder):
    """A copy of the package with a mistake in it."""
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    if plant is not None:
        file = folder / PACKAGE.name / plant.file
        text = file.read_text(encoding="utf-8")
        assert text.count(plant.old) == 1, (
            f"{plant.file} holds this {text.count(plant.old)} times, not once: {plant.old}"
        )
        file.write_text(text.replace(plant.old, plant.new), encoding="utf-8")
    return str(folder.resolve())


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    copies = {HEALTHY: planted(None, folder / "healthy")}
    copies |= {mistake: planted(plant, folder / str(i)) for i, (mistake, plant) in enumerate(PLANTS.items())}
    tests = {copies[mistake]: plant.caught_by for mistake, plant in PLANTS.items()}
    tests = {copies[HEALTHY]: [name for names in tests.values() for name in names], **tests}
    todo, done = folder / "todo.json", folder / "done.json"
    todo.write_text(json.dumps(tests), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    command = [sys.executable, "-c", DRIVER, str(todo), str(done)]
    ran = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
    found = json.loads(done.read_text(encoding="utf-8"))
    return {name: found[copy] | {"copy": copy} for name, copy in copies.items()}


def outcomes_of(answer, name):
    """Outcomes of a named test, or of all its variants where the name has no brackets."""
    found = answer["outcomes"].items()
    return [outcome for node, outcome in found if node == name or node.startswith(name + "[")]


def test_all_mistakes_of_the_list_are_planted():
    assert {int(mistake.split()[0]) for mistake in PLANTS} == set(range(1, 13))


def test_the_healthy_copy_passes_the_named_tests(answers):
    answer = answers[HEALTHY]
    assert answer["imported"] == answer["copy"]
    assert answer["code"] == pytest.ExitCode.OK, answer["outcomes"]
    for name in [name for plant in PLANTS.values() for name in plant.caught_by]:
        assert {outcome for outcome, _ in outcomes_of(answer, name)} == {"passed"}, name


@pytest.mark.parametrize("mistake", PLANTS)
def test_mistake_is_caught_by_the_named_tests(answers, mistake):
    answer = answers[mistake]
    assert answer["imported"] == answer["copy"]
    assert answer["code"] == pytest.ExitCode.TESTS_FAILED, answer["outcomes"]
    for name in PLANTS[mistake].caught_by:
        found = outcomes_of(answer, name)
        assert "failed" in [outcome for outcome, _ in found], f"{name} does not fail: {found}"
        assert "error" not in [outcome for outcome, _ in found], f"{name} cannot run: {found}"
        broken = [why for _, why in found if any(kind in why for kind in ("ImportError", "NameError", "SyntaxError"))]
        assert not broken, f"the plant does not run: {broken[0]}"
