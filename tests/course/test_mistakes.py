"""Twelve mistakes that published VAE code makes, each planted in a copy of the package and caught by named tests.

A suite is only as good as what it catches. One process imports TensorFlow once; for each copy it imports the package
and the tests anew and runs the tests that are named here. They must pass on the healthy copy, and fail on the sick one.
"""

import json
import os
import pathlib
import subprocess
import sys
import typing

import pytest
from lessons import planted

pytestmark = pytest.mark.slow

TESTS = pathlib.Path(__file__).parents[1]


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
        "support/tensors.py",
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
        "exp(log_var) - 1.0 - log_var",
        "exp(2 * log_var) - 1.0 - 2 * log_var",
        [
            "test_losses.py::test_kl_has_the_value_of_the_closed_form",
            "test_losses.py::test_kl_agrees_with_monte_carlo",
        ],
    ),
    "2 a draw that takes log variance for log sigma": Plant(
        "layers.py",
        "exp(0.5 * log_var) * epsilon",
        "exp(log_var) * epsilon",
        [
            "test_layers.py::test_draws_have_the_encoders_mean_and_variance",
            "test_models.py::test_a_training_step_is_a_gradient_step_on_the_objective",
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
        "support/tensors.py",
        "return ops.exp(ops.minimum(v, 10.0)) * (1.0 + ops.relu(v - 10.0))",
        "return ops.exp(v)",
        [
            "test_losses.py::test_kl_and_its_gradient_are_finite_at_an_extreme_log_var",
            "test_layers.py::test_draw_and_gradient_are_finite_at_an_extreme_log_var",
            "test_models.py::test_loss_and_gradients_are_finite_at_an_extreme_log_var",
        ],
    ),
    "4 exp in float16": Plant(
        "support/tensors.py",
        'ops.cast(ops.convert_to_tensor(value), "float32")',
        "ops.convert_to_tensor(value)",
        [
            "test_losses.py::test_kl_and_its_gradient_are_finite_at_an_extreme_log_var",
            "test_losses.py::test_reconstruction_loss_sums_float16_images_in_float32",
        ],
    ),
    "5 metrics of batch means": Plant(
        "latent_model.py",
        "metric.update_state(weight * terms[metric.name])",
        "metric.update_state(keras.ops.mean(weight * terms[metric.name]))",
        [
            "test_models.py::test_a_short_last_batch_of_a_vae_weighs_what_it_should",
            "test_models.py::test_a_short_last_batch_of_an_autoencoder_weighs_what_it_should",
        ],
    ),
    "6 keys that are no metric's name": Plant(
        "latent_model.py",
        "return self.get_metrics_result()",
        'return {f"total_{name}": keras.ops.mean(term) for name, term in terms.items()}',
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
        "    @repeated_noise\n    def test_step(self, data):",
        "    @repeated_noise\n    def step_of_a_test(self, data):",
        ["test_models.py::test_evaluate_does_not_answer_zero[vae]"],
    ),
    "7 data taken for a tensor": Plant(
        "support/inputs.py",
        "    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)\n",
        "    x, y, weight = data, None, None\n",
        ["test_models.py::test_fit_evaluate_and_predict_take_whatever_holds_images[dense-dataset of tuples-vae]"],
    ),
    "7 targets dropped": Plant(
        "support/inputs.py",
        "y = x if y is None or len(y.shape) != len(x.shape) else tf.convert_to_tensor(y)",
        "y = x",
        [
            "support/test_like_any_keras_model.py::test_images_as_y_are_what_is_to_be_drawn",
            "test_any_shape.py::test_training_draws_the_target",
        ],
    ),
    "7 targets dropped in training": Plant(
        "models.py",
        "self.loss_terms(x, y, training=True)",
        "self.loss_terms(x, training=True)",
        ["test_any_shape.py::test_training_draws_the_target"],
    ),
    "7 targets dropped in the autoencoder's training": Plant(
        "models.py",
        "loss = reconstruction_loss(y, x_hat, HALF)",
        "loss = reconstruction_loss(x, x_hat, HALF)",
        ["test_any_shape.py::test_training_draws_the_target"],
    ),
    "7 weights dropped": Plant(
        "support/inputs.py",
        "x, weight = tf.convert_to_tensor(x), 1.0 if weight is None else weight",
        "x, weight = tf.convert_to_tensor(x), 1.0",
        [
            "support/test_like_any_keras_model.py::test_a_weight_weighs_its_image",
            "support/test_like_any_keras_model.py::test_an_image_of_weight_0_has_no_gradient",
        ],
    ),
    "7 settings that are traced as constants": Plant(
        "support/settings.py",
        "        return model.settings[self.name]",
        "        with tf.init_scope():\n            return float(model.settings[self.name])",
        [
            "support/test_like_any_keras_model.py::test_a_setting_acts_from_the_next_step_on_and_is_saved",
            "support/test_like_any_keras_model.py::test_a_callback_anneals_beta",
        ],
    ),
    "7 beta traced as a constant in training": Plant(
        "models.py",
        "            loss = self.reconstruction_weight * reconstruction + self.beta * kl\n            objective",
        "            with tf.init_scope():\n                beta = float(self.beta)\n"
        "            loss = self.reconstruction_weight * reconstruction + beta * kl\n            objective",
        [
            "support/test_like_any_keras_model.py::test_a_setting_acts_from_the_next_step_on_and_is_saved[beta-3.0]",
            "support/test_like_any_keras_model.py::test_a_callback_anneals_beta",
        ],
    ),
    "8 no get_config": Plant(
        "latent_model.py",
        '"encoder": self.encoder, "decoder": self.decoder}',
        '"decoder": self.decoder}',
        ["support/test_saving.py::test_an_untrained_and_uncompiled_model_can_be_saved"],
    ),
    "8 no from_config": Plant(
        "latent_model.py",
        "    def from_config(cls, config):",
        "    def of_config(cls, config):",
        ["support/test_saving.py::test_an_untrained_and_uncompiled_model_can_be_saved"],
    ),
    "8 not built: optimizer state lost": Plant(
        "latent_model.py",
        "        self.built = True",
        "        self.built = False",
        ["test_training.py::test_a_trained_model_can_be_saved_and_goes_on"],
    ),
    "9 no scale_loss": Plant(
        "models.py",
        "scaled = self.optimizer.scale_loss(objective)  # matters",
        "scaled = objective  # matters",
        ["test_models.py::test_mixed_precision_takes_steps_of_the_same_size[mixed_float16-vae]"],
    ),
    "9 no scale_loss in the autoencoder": Plant(
        "models.py",
        "scaled = self.optimizer.scale_loss(objective)\n",
        "scaled = objective\n",
        ["test_models.py::test_mixed_precision_takes_steps_of_the_same_size[mixed_float16-autoencoder]"],
    ),
    "9 noise in half precision": Plant(
        "layers.py",
        'super().__init__(**{"dtype": "float32", **kwargs})',
        "super().__init__(**kwargs)",
        [
            "test_layers.py::test_draws_are_made_in_float32_whatever_the_precision[mixed_float16]",
            "test_models.py::test_mixed_precision_keeps_its_losses_in_float32",
        ],
    ),
    "10 noise that looking at a model moves on": Plant(
        "models.py",
        "    @fresh_noise\n",
        "",
        ["test_models.py::test_what_is_done_between_two_fits_changes_nothing"],
    ),
    "10 an evaluation that draws anew": Plant(
        "models.py",
        "    @repeated_noise\n",
        "",
        ["test_models.py::test_evaluation_repeats_itself_and_has_noise"],
    ),
    "10 a seed that ignores the run's": Plant(
        "support/noise.py",
        "seed = random.randrange(2**31) if seed is None",
        "seed = 1337 if seed is None",
        [
            "test_models.py::test_without_a_seed_set_random_seed_decides",
            "test_layers.py::test_without_a_seed_set_random_seed_repeats_the_draw",
        ],
    ),
    "11 noise from a generator that counts draws": Plant(
        "support/noise.py",
        "if counter is None:",
        "if True:",
        [
            "test_layers.py::test_seed_and_step_alone_decide_the_draw_of_a_step",
            "test_layers.py::test_noise_does_not_depend_on_what_was_drawn_before_or_on_the_order_of_steps",
        ],
    ),
    "11 an order that ignores the step": Plant(
        "support/batches.py",
        "tf.cast(step, tf.int64)",
        "tf.constant(0, tf.int64)",
        ["test_training.py::test_every_epoch_sees_every_image_once_in_an_order_of_its_own[divisible]"],
    ),
    "11 an order from a generator": Plant(
        "support/batches.py",
        "tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)",
        "tf.random.shuffle(tf.range(count))",
        ["test_training.py::test_the_order_derives_from_seed_and_step"],
    ),
    "12 a mean of each replica's own": Plant(
        "support/replicas.py",
        "if not several():\n        return ops.mean(",
        "if True:\n        return ops.mean(",
        ["support/test_replicas.py::test_two_replicas_take_the_steps_of_one[equal parts-noiseless_vae]"],
    ),
    "12 the same noise on every replica": Plant(
        "support/noise.py",
        " + ANOTHER_REPLICA * _replica()",
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
    import vae_keras  # the copy: not all tests import it

    # without the course's own conftest.py: pytest would put its folder, and so the healthy package, before the copy
    places = ["--rootdir", str(tests), "--confcutdir", str(tests)]
    options = [*places, "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--tb=short"]
    code = pytest.main([*options, *dict.fromkeys(names)], plugins=[outcomes])
    imported = str(pathlib.Path(sys.modules["vae_keras"].__file__).parent.parent)
    sys.path.remove(copy)
    answers[copy] = {"code": int(code), "imported": imported, "outcomes": outcomes.found}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")
"""


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
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "REPLICAS_PARTS": "noiseless_vae noise"}
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
