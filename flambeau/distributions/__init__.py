"""Probability distributions: samples, densities, entropies, divergences.

Read: distribution.py, constraints.py, location_scale.py, normal.py, categorical.py, kl.py; one distribution a file.
May import: floors 1 to 5.
"""

from ..nn.lazy_names import listed, table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".distribution": "Distribution",
        ".bernoulli": "Bernoulli",
        ".beta": "Beta",
        ".binomial": "Binomial",
        ".categorical": "Categorical",
        ".cauchy": "Cauchy",
        ".dirichlet": "Dirichlet",
        ".exponential": "Exponential",
        ".gamma": "Gamma",
        ".geometric": "Geometric",
        ".independent": "Independent",
        ".kl": "kl_divergence register_kl",
        ".laplace": "Laplace",
        ".multivariate_normal": "MultivariateNormal",
        ".normal": "Normal",
        ".one_hot_categorical": "OneHotCategorical OneHotCategoricalStraightThrough",
        ".poisson": "Poisson",
        ".uniform": "Uniform",
    },
    submodules=(
        "bernoulli", "beta", "binomial", "categorical", "cauchy", "constraints", "dirichlet",
        "distribution", "exponential", "gamma", "geometric", "independent", "kl", "laplace",
        "multivariate_normal", "normal", "one_hot_categorical", "poisson", "uniform", "utils",
    ),
)  # fmt: skip
listed(__name__)
