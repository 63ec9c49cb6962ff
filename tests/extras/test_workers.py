"""Training on several machines, `train_on_workers`: here as processes that meet at 127.0.0.1.

Adam would hide a factor, so where steps are compared, the optimizer is SGD. Each worker has a folder of its own: what
one of them needs of another has to come over the network.
"""

import contextlib
import functools
import inspect
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
from unittest import mock

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from small import small_decoder, small_encoder, small_vae

from vae_keras import VAE, Autoencoder, load_data, load_model, train, train_on_workers, training
from vae_keras.extras import workers

several = pytest.mark.slow  # starts processes, which meet

EPOCHS = 4
PATIENCE = 200  # seconds, for what takes about ten


def digits(count):
    return load_data("digits")[0][0][:count]


def encoder(heads=("mean", "log_var")):
    return small_encoder(heads, kernel_regularizer=keras.regularizers.L2(0.5))


def autoencoder():
    keras.utils.set_random_seed(0)
    return Autoencoder(encoder(("code",)), small_decoder(activation="sigmoid"))


def noiseless_vae():
    keras.utils.set_random_seed(0)
    networks = encoder(), small_decoder()
    log_var = networks[0].get_layer("log_var")
    log_var.set_weights([0 * log_var.kernel.numpy(), 0 * log_var.bias.numpy() - 80])
    return VAE(*networks, seed=1)


def vae(**options):
    keras.utils.set_random_seed(0)
    return small_vae(**options)


def sgd(module=workers, learning_rate=0.01):
    return mock.patch.object(module, "make_adam", side_effect=lambda *_: keras.optimizers.SGD(learning_rate))


def by_sgd(build, images, held_out=None):
    """Two epochs in batches of 32."""
    with sgd():
        return train_on_workers(
            build, lambda: digits(images), 2, held_out and (lambda: digits(held_out)), 32, seed=1, verbose=False
        )


def noise():
    """One step on an image for each worker, which changes nothing."""
    count = len(workers._Workers())
    with sgd(learning_rate=0.0):
        return train_on_workers(
            lambda: vae(seed=1, sigma=0.1),
            lambda: np.repeat(digits(1), count, axis=0),
            1,
            batch_size=count,
            verbose=False,
        )


def whole():
    """With noise, by Adam; the chief draws weights and seeds. It may be killed, and started again."""
    rate = keras.optimizers.schedules.PolynomialDecay(3e-3, 12)
    return train_on_workers(
        small_vae, lambda: digits(67), EPOCHS, None, 32, rate, verbose=False, backup_dir="backup", save_as="vae.keras"
    )


def nan():
    """What each worker says when the loss is not finite."""
    build = functools.partial(vae, seed=1, beta=1e30)
    with pytest.raises(FloatingPointError) as stop:
        train_on_workers(build, lambda: digits(64), 2, batch_size=32, seed=1, verbose=False)
    pathlib.Path("nan.txt").write_text(str(stop.value))


JOBS = {
    "parts of 2 and 1": lambda: by_sgd(noiseless_vae, 67, held_out=33),
    "a part without images": lambda: by_sgd(noiseless_vae, 65),
    "autoencoder": lambda: by_sgd(autoencoder, 67),
    "noise": noise,
    "whole": whole,
}


def run(jobs, seed, killed_in_epoch=0):
    """What a worker's process does. An epoch is one call here, after which the process may kill itself."""
    look, calls = workers.TerminateOnNaN.on_train_batch_end, []

    def count_and_die(self, batch, logs=None):
        look(self, batch, logs)
        calls.append(batch)
        if len(calls) == killed_in_epoch:
            os.kill(os.getpid(), 9)

    workers.TerminateOnNaN.on_train_batch_end = count_and_die
    for job in jobs:
        if job == "nan":
            nan()
            continue
        calls.clear()
        keras.utils.set_random_seed(seed)
        save(JOBS[job](), f"{job}.npz", epochs_taken=len(calls))


def save(history, file, **more):
    model = history.model
    arrays = {f"weight{i:02d}": weight.numpy() for i, weight in enumerate(model.weights)}
    losses = {f"losses of {name}": np.array(values) for name, values in history.history.items()}
    seen = keras.ops.convert_to_numpy(model.metrics[0].count)  # images, in the last epoch
    np.savez(file, **arrays, **losses, seed=getattr(model, "seed", 0), seen=seen, **more)


def load(file):
    with np.load(file) as arrays:
        return dict(arrays)


def start(folder, ports, jobs, killed=None, seed=0):
    """Start a process for each port; one of them may be killed in its third epoch."""
    here = str(pathlib.Path(__file__).parents[1])
    paths = os.pathsep.join([here, *filter(None, sys.path)])  # this process's vae_keras, wherever it is
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    addresses = [f"127.0.0.1:{port}" for port in ports]
    running = []
    for index in range(len(ports)):
        place = folder / str(index)
        place.mkdir(parents=True, exist_ok=True)
        tf_config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        code = (
            f"import vae_keras, test_workers; test_workers.run({jobs!r}, {seed + index}, {3 if index == killed else 0})"
        )
        environment = {**os.environ, **threads, "PYTHONPATH": paths, "no_proxy": "127.0.0.1", "VAE_KERAS_DEVICE": ""}
        environment["TF_CONFIG"] = json.dumps(tf_config)
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", code], cwd=place, env=environment, text=True, stderr=subprocess.PIPE
            )
        )
    return running


def finish(running):
    """Wait for processes; return what each wrote as its error, and fail where one hangs."""
    try:
        return [process.communicate(timeout=PATIENCE)[1] for process in running]
    finally:
        for process in running:
            process.kill()


@pytest.fixture(scope="module")
def ports():
    """Free ports; those of the workers have to be known before they begin."""

    def free(count):
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return [one.getsockname()[1] for one in sockets]

    if sys.platform == "win32":
        pytest.skip("several workers have not been tried on Windows")
    try:
        free(1)
    except OSError as error:
        pytest.skip(f"no process can be reached at 127.0.0.1 here: {error}")
    return free


@pytest.fixture(scope="module")
def two(ports, tmp_path_factory):
    """What two workers end with, by job and worker; and their folder."""
    folder = tmp_path_factory.mktemp("two")
    running = start(folder, ports(2), [*JOBS, "nan"])
    errors = finish(running)
    assert [process.returncode for process in running] == [0, 0], errors
    return folder, {job: [load(folder / str(index) / f"{job}.npz") for index in (0, 1)] for job in JOBS}


@pytest.fixture
def one(tmp_path, monkeypatch):
    """What one worker ends with, in this process."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def of(job):
        save(JOBS[job](), "one.npz")
        return load("one.npz")

    return of


SAME_STEPS = ["parts of 2 and 1", "a part without images", "autoencoder"]


@several
@pytest.mark.parametrize("job", SAME_STEPS)
def test_two_workers_take_the_steps_of_one(two, one, job):
    build = autoencoder if job == "autoencoder" else noiseless_vae
    alone, together, untrained = one(job), two[1][job][0], build().weights
    for i, before in enumerate(untrained):
        name = f"weight{i:02d}"
        np.testing.assert_allclose(together[name], alone[name], rtol=0, atol=1e-6)
        assert np.abs(alone[name] - before.numpy()).max() > 1e-4  # a factor of 2 would show


@several
def test_two_workers_report_the_losses_of_one(two, one):
    alone, together = one("parts of 2 and 1"), two[1]["parts of 2 and 1"][0]
    losses = [name for name in alone if name.startswith("losses")]
    assert len(losses) == 6  # three terms, and those of held-out images
    for name in losses:
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-6)


@several
def test_every_image_is_one_workers(two):
    assert {job: results[0]["seen"] for job, results in two[1].items()} == {
        "parts of 2 and 1": 33,  # of those held out
        "a part without images": 65,
        "autoencoder": 67,
        "noise": 2,
        "whole": 67,
    }


def test_one_worker_takes_the_steps_of_train(one, no_xla):
    with sgd(training):
        model = noiseless_vae()
        train(model, digits(67), 2, batch_size=32, seed=1, verbose=False)
    alone = one("parts of 2 and 1")
    for i, weight in enumerate(model.weights):
        np.testing.assert_allclose(alone[f"weight{i:02d}"], weight.numpy(), rtol=0, atol=1e-6)


def test_one_worker_saves_what_it_returns_and_leaves_no_backup(one):
    alone = one("whole")
    assert len(alone["losses of loss"]) == EPOCHS
    assert not os.path.exists("backup")
    for i, weight in enumerate(load_model("vae.keras").weights):
        np.testing.assert_array_equal(weight.numpy(), alone[f"weight{i:02d}"])


def test_one_worker_that_stopped_goes_on_from_its_backup(one, monkeypatch):
    keras.utils.set_random_seed(3)
    whole_run = one("whole")
    keras.utils.set_random_seed(3)
    epochs = []

    def stop_in_the_third(*_, **__):
        epochs.append(1)
        if len(epochs) == 3:
            raise KeyboardInterrupt

    stopping = mock.patch.object(workers.TerminateOnNaN, "on_train_batch_end", stop_in_the_third)
    with stopping, pytest.raises(KeyboardInterrupt):
        one("whole")
    assert os.path.exists("backup")
    keras.utils.set_random_seed(4)  # the backup knows weights and seeds
    again = one("whole")
    for name in [name for name in whole_run if name.startswith("weight")]:
        np.testing.assert_array_equal(again[name], whole_run[name])


def test_an_autoencoder_s_box_holds_all_codes(one):
    with sgd():
        model = train_on_workers(autoencoder, digits(67), 1, batch_size=32, seed=1, verbose=False).model
    codes = model.encode(digits(67))
    np.testing.assert_allclose(model.code_box, [codes.min(axis=0), codes.max(axis=0)])


def of_two(monkeypatch):
    """Worker 0 of two, as it sees itself; no other is there."""
    cluster = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    return workers._Workers()


@pytest.mark.parametrize(
    ("message", "backup_dir", "what"),
    [
        (
            "x aborted by: Network /job:worker/replica:0/task:1: down",
            None,
            r"worker 1 \(b:2\) is gone, .*it begins anew",
        ),
        ("no reason", "kept", "another worker is gone, .*last epoch saved in backup_dir='kept'"),
    ],
)
def test_a_lost_worker_is_named(monkeypatch, message, backup_dir, what):
    here = of_two(monkeypatch)
    with pytest.raises(ConnectionError, match=what), here.naming_a_lost_one(backup_dir):
        raise tf.errors.UnavailableError(None, None, message)


def test_of_one_worker_an_error_stays_what_it_is(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(tf.errors.UnavailableError), workers._Workers().naming_a_lost_one(None):
        raise tf.errors.UnavailableError(None, None, "no reason")


def test_a_port_that_is_taken_is_said(monkeypatch, capsys):
    here = of_two(monkeypatch)
    taken = mock.Mock(side_effect=tf.errors.UnknownError(None, None, "Could not start gRPC server"))
    monkeypatch.setattr(workers, "_strategy", taken)
    with pytest.raises(ConnectionError, match="worker 0 of 2, at a:1, cannot be reached there: choose a port"):
        here.start(verbose=True)
    assert capsys.readouterr().out == "worker 0 of 2, at a:1, waits for the others\n"


@several
@pytest.mark.parametrize("job", JOBS)
def test_all_workers_end_with_the_same(two, job):
    first, second = two[1][job]
    assert first.keys() == second.keys()
    for name in first:  # weights, losses, and the seed that the chief drew
        np.testing.assert_array_equal(first[name], second[name])


@several
def test_each_worker_draws_noise_of_its_own(two, one):
    name = "losses of reconstruction_loss"
    assert two[1]["noise"][0][name] != pytest.approx(one("noise")[name], rel=1e-4)  # a mean of two draws, and the first


@several
def test_all_workers_stop_where_the_loss_is_not_finite(two):
    first, second = ((two[0] / str(index) / "nan.txt").read_text() for index in (0, 1))
    assert first == second
    assert "stopped being finite" in first


@several
def test_the_chief_alone_writes_files(two):
    left = [
        {path.name for path in (two[0] / str(index)).iterdir()} - {"nan.txt", *(f"{job}.npz" for job in JOBS)}
        for index in (0, 1)
    ]
    assert left == [{"vae.keras"}, set()]  # the backup is gone: the training is complete
    model = load_model(two[0] / "0" / "vae.keras")
    for i, weight in enumerate(model.weights):
        np.testing.assert_array_equal(weight.numpy(), two[1]["whole"][0][f"weight{i:02d}"])


@pytest.fixture(scope="module")
def killed(ports, tmp_path_factory):
    """Of jobs whose worker 0 or 1 was killed: their folders and ports, and what the other worker wrote and returned."""
    at = {victim: (tmp_path_factory.mktemp("killed"), ports(2)) for victim in (0, 1)}
    running = {victim: start(*at[victim], ["whole"], killed=victim) for victim in at}
    errors = finish([*running[0], *running[1]])
    found = {}
    for victim, processes in running.items():
        assert processes[victim].returncode == -9, errors
        other = 1 - victim
        found[victim] = *at[victim], errors[2 * victim + other], processes[other].returncode
    return found


VICTIMS = pytest.mark.parametrize("victim", [0, 1], ids=["the chief", "another"])


@several
@VICTIMS
def test_where_a_worker_is_killed_the_other_stops_and_says_which(killed, victim):
    _, ports, error, code = killed[victim]
    assert code == 1
    assert error.count("Error: ") == 1
    assert "tensorflow" not in error  # no line of its trace
    last = error.strip().splitlines()[-1]
    assert last.startswith(f"ConnectionError: worker {victim} (127.0.0.1:{ports[victim]}) is gone")
    assert "Start the same command again on all workers" in last
    assert "backup_dir='backup'" in last


@pytest.fixture(scope="module")
def again(killed, tmp_path_factory):
    """The same jobs, started again, in copies of their folders, on the same ports."""
    folders, running = {}, {}
    for victim, (folder, ports, *_) in killed.items():
        folders[victim] = tmp_path_factory.mktemp("again") / "of"
        shutil.copytree(folder, folders[victim])
        running[victim] = start(folders[victim], ports, ["whole"], seed=10)
    errors = finish([*running[0], *running[1]])
    assert [process.returncode for process in [*running[0], *running[1]]] == [0, 0, 0, 0], errors
    return {
        victim: (folder, [load(folder / str(index) / "whole.npz") for index in (0, 1)])
        for victim, folder in folders.items()
    }


@several
@VICTIMS
def test_a_job_that_is_started_again_ends_as_one_that_nobody_killed(two, again, victim):
    for whole, resumed in zip(two[1]["whole"], again[victim][1], strict=True):
        assert resumed["epochs_taken"] == EPOCHS - (2 if victim == 0 else 3)  # the chief alone saves, after an epoch
        for name in whole.keys() - {"epochs_taken"}:  # the losses of the epochs before are among them
            np.testing.assert_array_equal(resumed[name], whole[name])


@several
@VICTIMS
def test_a_job_that_was_killed_leaves_no_half_files(again, victim):
    folder = again[victim][0]
    assert {path.name for path in (folder / "0").iterdir()} == {"vae.keras", "whole.npz"}
    assert {path.name for path in (folder / "1").iterdir()} == {"whole.npz"}


def _names(state):
    names = []
    state.visit(names.append)
    return names


@several
def test_a_backup_serves_another_number_of_workers(killed, one):
    shutil.copytree(killed[1][0] / "0" / "backup", "backup")
    before = json.loads((pathlib.Path("backup") / "record.json").read_text())
    with h5py.File(f"backup/state-{len(before['logs'])}.weights.h5") as state:
        noise = next(state[name][()] for name in sorted(_names(state)) if name.endswith("vars/seed0"))
    resumed = one("whole")
    assert resumed["seed"] == noise[0]  # the chief's, and not the one that this process drew
    assert list(resumed["losses of loss"][:3]) == [logs["loss"] for logs in before["logs"]]
    assert len(resumed["losses of loss"]) == EPOCHS


def cluster(index=0, job="worker", **jobs):
    return json.dumps({"cluster": jobs or {"worker": ["a:1", "b:1"]}, "task": {"type": job, "index": index}})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{'cluster'", "is no JSON"),
        ("[1, 2]", "must name a cluster of workers and this worker's task"),
        ('{"cluster": {"worker": ["a:1"]}}', "must name a cluster"),
        (cluster(ps=["a:1"]), "must name a cluster of workers"),
        (cluster(worker=["a:1"], ps=["b:1"]), "must name workers alone: worker 0 is the chief"),
        (cluster(job="evaluator"), "must name workers alone"),
        (cluster(worker="a:1"), "must name each worker's host and port"),
        (cluster(worker=["a:1", "b"]), "must name each worker's host and port"),
        (cluster(worker=[]), "must name each worker's host and port"),
        (cluster(worker=["a:1", "a:1"]), "names an address twice"),
        (cluster(2), "must give this worker an index from 0 to 1"),
        (cluster(-1), "must give this worker an index from 0 to 1"),
        (cluster("0"), "must give this worker an index from 0 to 1"),
    ],
)
def test_a_malformed_tf_config_is_refused(monkeypatch, text, what):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"TF_CONFIG {what}.* It must look like .* Received: TF_CONFIG=") as error:
        train_on_workers(small_vae, digits(10))
    assert text in str(error.value) or repr(text) in str(error.value)


def test_its_example_is_none_of_these():
    assert workers._read_tf_config(workers.EXAMPLE) == (["host0:2222", "host1:2222"], 0)


@pytest.mark.parametrize("text", ["", "{}"])
def test_an_empty_tf_config_is_one_worker(text):
    assert len(workers._read_tf_config(text)[0]) == 1


def test_a_batch_has_an_image_for_each_worker(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", workers.EXAMPLE)
    with pytest.raises(ValueError, match=r"larger one, or start fewer workers\. Received: batch_size=1 for 2 workers"):
        train_on_workers(small_vae, digits(10), batch_size=1)


def test_images_that_are_there_already_come_too_late(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", workers.EXAMPLE)
    workers._strategy.cache_clear()
    keras.ops.ones(1)
    with pytest.raises(RuntimeError, match=r"call train_on_workers first.* x=lambda: load_data\(\)\[0\]\[0\]"):
        train_on_workers(small_vae, digits(10), verbose=False)


def test_workers_that_were_started_otherwise_are_named(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", workers.EXAMPLE)
    here = workers._Workers()
    monkeypatch.setattr(here, "sum", lambda own: np.stack([own[0], own[0] + [0, 1]]))  # and what worker 1 sends
    with pytest.raises(ValueError, match=r"same settings and images.* worker 1 \(host1:2222\) has another seed than"):
        here.check_agreement({"epochs": 2, "seed": 1})


@pytest.mark.parametrize("count", [1, 999, 1001, 2500])
def test_every_held_out_image_is_evaluated_once_and_in_large_batches(count):
    order, batches = workers._in_order(count)
    found = [indices.tolist() for indices in order.take(batches).as_numpy_iterator()]
    assert [*itertools.chain(*found)] == [*range(count)]
    assert min(map(len, found)) >= min(count, 1000)


PAGE = pathlib.Path(__file__).parents[2] / "docs" / "several_machines.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def configurations(script, folder, **environment):
    """The TF_CONFIG of each worker that a shell script of the page starts; its commands are replaced by others."""
    commands = {
        "python": 'printf "%s\\n" "$TF_CONFIG"',
        "scontrol": 'printf "%s\\n" node7 node9',
        "srun": 'shift; SLURM_PROCID=0 "$@"; SLURM_PROCID=1 "$@"',
    }
    for name, line in commands.items():
        (folder / name).write_text(f"#!/bin/bash\n{line}\n")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **environment}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    return [workers._read_tf_config(line) for line in done.stdout.splitlines()]


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@needs_bash
def test_the_pages_slurm_job_names_each_node_and_task(tmp_path):
    [script] = [block for block in blocks("bash") if "#SBATCH" in block]
    found = configurations(script, tmp_path, SLURM_JOB_ID="4712345", SLURM_JOB_NODELIST="node[7,9]")
    assert found == [(["node7:22345", "node9:22345"], 0), (["node7:22345", "node9:22345"], 1)]


@needs_bash
def test_the_pages_kubernetes_job_names_each_pod(tmp_path):
    yaml = pytest.importorskip("yaml")
    service, job = yaml.safe_load_all(blocks("yaml")[0])
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["selector"] == {"job-name": name}
    count = job["spec"]["completions"]
    assert job["spec"]["parallelism"] == count
    hosts = [f"{name}-{index}.{pod['subdomain']}:2222" for index in range(count)]  # a pod's name in an Indexed Job
    *_, script = pod["containers"][0]["command"]
    for index in range(count):
        assert configurations(script, tmp_path, JOB_COMPLETION_INDEX=str(index)) == [(hosts, index)]


@needs_bash
def test_the_pages_local_workers_are_two(tmp_path):
    [script] = [block for block in blocks("bash") if "#SBATCH" not in block]
    found = configurations(script, tmp_path)
    assert sorted(found) == [(["127.0.0.1:2222", "127.0.0.1:2223"], index) for index in (0, 1)]


def test_the_pages_script_is_a_program():
    [script] = blocks("python")
    called = {}
    with mock.patch(
        "vae_keras.train_on_workers", side_effect=lambda *given, **options: called.update(options, given=given)
    ):
        exec(compile(script, "train.py", "exec"), {})
    build, images = called["given"]
    assert isinstance(build(), VAE)
    assert len(images()) > len(called["validation_data"]()) > called["batch_size"] / 10
    inspect.signature(train_on_workers).bind(*called.pop("given"), **called)
