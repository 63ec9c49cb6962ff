"""A training's state after each epoch: after a crash it goes on as if there had been none."""

import inspect
import json
import os
import pathlib
import shutil
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from vae_keras.support.batches import Batches
from vae_keras.support.files import check_place, whole_or_not_at_all


class Backup(keras.callbacks.Callback):
    """Saves a training's whole state after each epoch, so that the same training can go on.

    `keras.callbacks.BackupAndRestore` writes weights and epoch one after the other and in place:
    killed in between, a training goes on with an epoch too many, or not at all. Here each epoch's
    state has a file of its own, and counts from the moment at which the record names it.

    Args:
        folder: where to save; made if it is not there.
        settings: what the training was called with. The backup of another training is refused.
        callbacks: others of this training, called before this one: what they count (patience, the
            best loss) is kept, too, where it is a number.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: dict[str, Any],
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        super().__init__()
        self.callbacks = callbacks
        self.states: list[dict[str, Any]] = [{} for _ in callbacks]
        self.folder, self.settings = pathlib.Path(folder), json.loads(json.dumps(settings))
        self.record = self.folder / "record.json"
        self.order_seed = 0
        self.logs: list[dict[str, float]] = []

    def restore(self, model: keras.Model, batches: Batches) -> int:
        """Load what an earlier run saved, if it did; return the number of epochs done.

        Raises:
            ValueError: the folder holds another training, or a damaged one.
            OSError: the folder cannot be made or read.
        """
        self.order_seed = batches.seed
        self.folder.mkdir(parents=True, exist_ok=True)
        check_place(self.record)
        if not self.record.exists():
            return 0
        try:
            record = json.loads(self.record.read_text())
            settings, self.order_seed, self.logs = (
                record["settings"],
                record["order_seed"],
                record["logs"],
            )
            live, self.states = record["live"], record["callbacks"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(self._refusal("a backup that cannot be read")) from error
        for name, value in self.settings.items():
            if settings.get(name) != value:
                raise ValueError(
                    self._refusal(
                        f"another training: {name}={settings.get(name)!r}, here {value!r}"
                    )
                )
        try:
            with warnings.catch_warnings():
                # Keras warns where an optimizer's state does not fit
                warnings.simplefilter("error")
                model.load_weights(self._state())
        except (OSError, ValueError, KeyError, UserWarning) as error:
            raise ValueError(self._refusal("a backup that cannot be read")) from error
        for name, value in live.items():
            setattr(model, name, value)
        batches.seed = self.order_seed
        return len(self.logs)

    def on_train_begin(self, logs=None):
        for callback, state in zip(self.callbacks, self.states, strict=False):
            vars(callback).update(state)  # after it has begun anew: a Backup stands last

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})
        live = {name: float(value) for name, value in getattr(self.model, "settings", {}).items()}
        record = {
            "settings": self.settings,
            "order_seed": self.order_seed,
            "live": live,
            "callbacks": [_numbers_of(callback) for callback in self.callbacks],
            "logs": self.logs,
        }
        try:
            self.model.save_weights(self._state())
            with whole_or_not_at_all(self.record) as file:
                pathlib.Path(file).write_text(json.dumps(record))
            for older in self.folder.glob("state-*.weights.h5"):
                if older != self._state():
                    older.unlink()
        except OSError as error:  # no space left, for one: a backup is not worth the training
            warnings.warn(
                f"epoch {epoch + 1} has no backup in {str(self.folder)!r}: {error}", stacklevel=2
            )

    def complete(self, history: keras.callbacks.History) -> None:
        """Let a history hold all epochs, those before a crash, too, and remove the backup."""
        history.history = {
            name: [logs[name] for logs in self.logs] for name in (self.logs or [{}])[0]
        }
        history.epoch = list(range(len(self.logs)))
        self.remove()

    def remove(self) -> None:
        """Remove the backup of a complete training, and its folder if nothing else is in it."""
        for file in (self.record, *self.folder.glob("state-*.weights.h5")):
            file.unlink(missing_ok=True)
        for unfinished in (*self.folder.glob(".state-*"), *self.folder.glob(".record.json.*")):
            shutil.rmtree(unfinished)  # killed while it was written
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _state(self):
        return self.folder / f"state-{len(self.logs)}.weights.h5"

    def _refusal(self, what):
        return (
            f"each training needs a backup_dir of its own: name another folder, or delete this "
            f"one to start anew. "
            f"Received: backup_dir={str(self.folder)!r}, which holds {what}"
        )


def _numbers_of(callback):
    """What a callback counts, and not what it was made with."""
    made_with = inspect.signature(type(callback).__init__).parameters
    counts = {
        name: value
        for name, value in vars(callback).items()
        if name not in made_with and not name.startswith("_")
    }
    return {
        name: float(value) if isinstance(value, np.floating) else value
        for name, value in counts.items()
        if isinstance(value, (int, float, np.floating))
    }
