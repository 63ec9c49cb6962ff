"""What happens beside a training: a line of progress, a stop at the first NaN, a backup after each epoch."""

import json
import math
import os
import pathlib
import shutil
import sys
import warnings
from typing import Any

import keras
from tqdm import tqdm

from vae_keras.support.files import whole_or_not_at_all


class TerminateOnNaN(keras.callbacks.Callback):
    """Stops a training at the first loss that is not finite and says which term it was.

    Keras' callback of this name looks at the loss alone and only stops: what is drawn afterwards is drawn from NaN.

    Raises:
        FloatingPointError: a loss is NaN or infinite.
    """

    def on_train_batch_end(self, batch, logs=None):
        terms = {name: float(value) for name, value in (logs or {}).items()}
        broken = [name for name in terms if not math.isfinite(terms[name])]
        if not broken:
            return
        # By now a NaN has spread through the weights to every term. The term that broke first has counted most steps.
        counts = {metric.name: getattr(metric, "broken_steps", 0) for metric in self.model.metrics}
        steps = {name: int(keras.ops.convert_to_numpy(count)) for name, count in counts.items()}
        first = [name for name in broken if steps.get(name, 0) == max(steps.values(), default=0)]
        first.sort(key=lambda name: name == "loss")  # the sum of the others comes last
        raise FloatingPointError(
            f"{self.model.name}: {' and '.join(first)} stopped being finite by step "
            f"{self.model.optimizer.iterations.numpy()}. Try a lower learning_rate, or look at what the networks give "
            f"for these images. Received: {', '.join(f'{name}={value:.4g}' for name, value in terms.items())}"
        )


class Backup(keras.callbacks.Callback):
    """Saves a training's whole state after each epoch, so that the same training can go on after a crash.

    `keras.callbacks.BackupAndRestore` writes weights and epoch one after the other and in place: killed in between, a
    training goes on with an epoch too many, or not at all. Here one file holds the state and is replaced at once; the
    epoch follows from the optimizer's step.

    Args:
        folder: where to save; made if it is not there.
        settings: what the training was called with. The backup of another training is refused.
        steps: per epoch.
    """

    def __init__(self, folder: str | os.PathLike, settings: dict[str, Any], steps: int) -> None:
        super().__init__()
        self.folder, self.settings, self.steps = pathlib.Path(folder), settings, steps
        self.state, self.record = self.folder / "state.weights.h5", self.folder / "record.json"
        self.seeds: dict[str, Any] = {}
        self.logs: list[dict[str, float]] = []

    def restore(self, model: keras.Model, seeds: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Load what an earlier run saved, if it did; return the number of epochs done and the run's seeds.

        Raises:
            ValueError: the folder holds another training, or a damaged one.
            OSError: the folder cannot be made or read.
        """
        self.seeds = seeds
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.state.exists():
            return 0, seeds
        try:
            record = json.loads(self.record.read_text())
            settings, self.seeds, self.logs = record["settings"], record["seeds"], record["logs"]
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise ValueError(self._refusal("a backup that cannot be read")) from error
        for name, value in self.settings.items():
            if settings.get(name) != value:
                raise ValueError(self._refusal(f"another training: {name}={settings.get(name)!r}, here {value!r}"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Keras warns where an optimizer's state does not fit, and skips it
                model.load_weights(self.state)
        except (OSError, ValueError, KeyError, UserWarning) as error:
            raise ValueError(self._refusal("a backup that cannot be read")) from error
        epochs_done = int(model.optimizer.iterations.numpy()) // self.steps
        self.logs = self.logs[:epochs_done]  # killed between the two files, the record is one epoch ahead
        return epochs_done, self.seeds

    def _refusal(self, what):
        return (
            f"each training needs a backup_dir of its own: name another folder, or delete this one to start anew. "
            f"Received: backup_dir={str(self.folder)!r}, which holds {what}"
        )

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})
        record = {"settings": self.settings, "seeds": self.seeds, "logs": self.logs}
        try:
            with whole_or_not_at_all(self.record) as file:
                pathlib.Path(file).write_text(json.dumps(record))
            self.model.save_weights(self.state)  # whole or not at all, too
        except OSError as error:  # no space left, for one: a backup is not worth the training
            warnings.warn(f"epoch {epoch + 1} has no backup in {str(self.folder)!r}: {error}", stacklevel=2)

    def history(self) -> dict[str, list[float]]:
        """The logs of all epochs, those before a crash included, as in Keras' `History.history`."""
        return {name: [logs[name] for logs in self.logs] for name in (self.logs or [{}])[0]}

    def remove(self) -> None:
        """Remove the backup of a training that is complete, and its folder if nothing else is in it."""
        for file in (self.state, self.record):
            file.unlink(missing_ok=True)
            for unfinished in self.folder.glob(f".{file.name}.*"):  # killed while it was written
                shutil.rmtree(unfinished)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


PROGRESS = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
SHOWN = {"loss": "loss", "reconstruction_loss": "reconstruction", "kl_loss": "kl", "val_loss": "val_loss"}


class ProgressLine(keras.callbacks.Callback):
    """One line per training instead of one per epoch, with the loss, its two terms, and the held-out loss."""

    def __init__(self, name: str, epochs: int, done: int = 0) -> None:
        super().__init__()
        file = _NotebookLine() if _in_notebook() else sys.stdout
        self.bar = tqdm(total=epochs, initial=done, desc=name, file=file, ncols=100, bar_format=PROGRESS)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({short: logs[name] for name, short in SHOWN.items() if name in logs}, refresh=False)
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()


def _in_notebook():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")  # ipykernel may be imported where no kernel runs


class _NotebookLine:
    """A file for tqdm whose text a notebook replaces in place: pages made from the notebook keep only the last."""

    encoding = "utf-8"  # lets tqdm draw a smooth bar

    def __init__(self):
        from IPython.display import display  # there is one in a notebook, and only there

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        if text := text.strip():
            self.handle.update({"text/plain": text}, raw=True)

    def flush(self):
        pass
