"""The networks of `make_networks` in PyTorch, trained as one does there; the images stay on the device."""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

torch.set_float32_matmul_precision("high")  # TF32 on an NVIDIA GPU, as TensorFlow does; no effect on a CPU


class TorchVAE(nn.Module):
    """A 2-d VAE, "dense" or "conv": images `(batch, 1, 28, 28)` → mean loss in nats per image."""

    def __init__(self, network: str):
        super().__init__()
        relu = nn.ReLU()
        if network == "dense":
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), relu, nn.Linear(512, 256), relu)
            last = [nn.Linear(512, 784), nn.Unflatten(1, (1, 28, 28))]
            self.decoder = nn.Sequential(nn.Linear(2, 256), relu, nn.Linear(256, 512), relu, *last)
        else:
            convs = [nn.Conv2d(1, 32, 3, 2, 1), relu, nn.Conv2d(32, 64, 3, 2, 1), relu]
            self.encoder = nn.Sequential(*convs, nn.Flatten(), nn.Linear(7 * 7 * 64, 16), relu)
            first = [nn.Linear(2, 7 * 7 * 64), relu, nn.Unflatten(1, (64, 7, 7))]
            double = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
            convs = [nn.ConvTranspose2d(64, 64, **double), relu, nn.ConvTranspose2d(64, 32, **double), relu]
            self.decoder = nn.Sequential(*first, *convs, nn.ConvTranspose2d(32, 1, 3, padding=1))
        hidden = 256 if network == "dense" else 16
        self.mean, self.log_var = nn.Linear(hidden, 2), nn.Linear(hidden, 2)

    def forward(self, x):
        h = self.encoder(x)
        mean, log_var = self.mean(h), self.log_var(h)
        logits = self.decoder(mean + torch.exp(log_var / 2) * torch.randn_like(mean))
        reconstruction = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        return reconstruction + (mean**2 + torch.exp(log_var) - 1 - log_var).sum(1).mean() / 2


class Trainer:
    """Trains epoch by epoch; compiled: by torch.compile."""

    def __init__(self, network: str, x: np.ndarray, batch_size: int, learning_rate: float, compiled: bool):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.x = torch.from_numpy(x.reshape(-1, 1, 28, 28)).to(self.device)
        self.batch_size = batch_size
        model = TorchVAE(network).to(self.device)
        self.loss = torch.compile(model) if compiled else model
        self.adam = torch.optim.Adam(model.parameters(), learning_rate, fused=True)

    def epoch(self) -> float:
        """One pass over the images; its seconds."""
        begin, total = time.perf_counter(), torch.zeros((), device=self.device)
        for rows in torch.randperm(len(self.x), device=self.device).split(self.batch_size):
            loss = self.loss(self.x[rows])
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            total += loss.detach()
        total.item()  # waits for a GPU
        return time.perf_counter() - begin
