"""One line of progress for a training, in a terminal and in a notebook."""

import sys

import keras
from tqdm import tqdm

PROGRESS = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
SHOWN = {
    "loss": "loss",
    "reconstruction_loss": "reconstruction",
    "kl_loss": "kl",
    "val_loss": "val_loss",
}


class ProgressLine(keras.callbacks.Callback):
    """One line per training, not per epoch: the loss, its two terms, and the held-out loss."""

    def __init__(self, name: str, epochs: int, done: int = 0) -> None:
        super().__init__()
        file = _NotebookLine() if _in_notebook() else sys.stdout
        self.bar = tqdm(
            total=epochs, initial=done, desc=name, file=file, ncols=100, bar_format=PROGRESS
        )

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix(
            {short: logs[name] for name, short in SHOWN.items() if name in logs}, refresh=False
        )
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()


def _in_notebook():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")  # ipykernel may be imported where no kernel runs


class _NotebookLine:
    """A file for tqdm whose text a notebook replaces in place: its web page keeps only the last."""

    encoding = "utf-8"  # lets tqdm draw a smooth bar

    def __init__(self):
        from IPython.display import display  # there is one in a notebook, and only there

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        if text := text.strip():
            self.handle.update({"text/plain": text}, raw=True)

    def flush(self):
        pass
