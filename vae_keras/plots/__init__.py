"""The course's pictures. Every function takes Matplotlib axes, or makes them, and returns them.

A picture of one panel takes and returns `ax`; one of several takes `axes`, in reading order, and
returns an array.
"""

from vae_keras.plots.ablation import (
    plot_aggregate_posteriors,
    plot_cell_shares,
    plot_latent_planes,
    plot_memorizing,
    plot_moves,
    plot_rate_distortion,
    plot_sigma_histograms,
    plot_unit_variances,
)
from vae_keras.plots.alt import describe_figures
from vae_keras.plots.autoencoder import (
    plot_code_box,
    plot_compression_rows,
    plot_error_against_size,
    plot_nearest_distances,
)
from vae_keras.plots.curves import plot_history
from vae_keras.plots.densities import (
    plot_density,
    plot_draws,
    plot_empirical_cdfs,
    plot_gaussians,
    plot_gradient_estimates,
    plot_power_laws,
)
from vae_keras.plots.digits import plot_digit_rows, plot_manifold
from vae_keras.plots.graphs import plot_reparameterization_graph
from vae_keras.plots.interpolation import (
    plot_distances_along_paths,
    plot_norms_along_paths,
    plot_stretch,
)
from vae_keras.plots.latent import plot_codes, plot_codes_and_manifold
from vae_keras.plots.objective import (
    plot_generative_model,
    plot_kl_landscape,
    plot_kl_pictures,
    plot_loss_histogram,
    plot_sigma_effect,
    plot_true_posteriors,
)
from vae_keras.plots.posterior import (
    plot_clouds,
    plot_compression,
    plot_kl_per_dimension,
    plot_point_and_distribution,
    plot_posterior_bells,
    plot_posteriors,
    plot_reparameterization,
    plot_widths,
)
from vae_keras.plots.schema import plot_schema

describe_figures()

__all__ = [
    "plot_aggregate_posteriors",
    "plot_cell_shares",
    "plot_clouds",
    "plot_code_box",
    "plot_codes",
    "plot_codes_and_manifold",
    "plot_compression",
    "plot_compression_rows",
    "plot_density",
    "plot_digit_rows",
    "plot_distances_along_paths",
    "plot_draws",
    "plot_empirical_cdfs",
    "plot_error_against_size",
    "plot_gaussians",
    "plot_generative_model",
    "plot_gradient_estimates",
    "plot_history",
    "plot_kl_landscape",
    "plot_kl_per_dimension",
    "plot_kl_pictures",
    "plot_latent_planes",
    "plot_loss_histogram",
    "plot_manifold",
    "plot_memorizing",
    "plot_moves",
    "plot_nearest_distances",
    "plot_norms_along_paths",
    "plot_point_and_distribution",
    "plot_posterior_bells",
    "plot_posteriors",
    "plot_power_laws",
    "plot_rate_distortion",
    "plot_reparameterization",
    "plot_reparameterization_graph",
    "plot_schema",
    "plot_sigma_effect",
    "plot_sigma_histograms",
    "plot_stretch",
    "plot_true_posteriors",
    "plot_unit_variances",
    "plot_widths",
]
