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
        ".chi2": "Chi2",
        ".constraint_registry": "biject_to transform_to",
        ".continuous_bernoulli": "ContinuousBernoulli",
        ".dirichlet": "Dirichlet",
        ".exp_family": "ExponentialFamily",
        ".exponential": "Exponential",
        ".fishersnedecor": "FisherSnedecor",
        ".gamma": "Gamma",
        ".generalized_pareto": "GeneralizedPareto",
        ".geometric": "Geometric",
        ".gumbel": "Gumbel",
        ".half_cauchy": "HalfCauchy",
        ".half_normal": "HalfNormal",
        ".independent": "Independent",
        ".inverse_gamma": "InverseGamma",
        ".kl": "kl_divergence register_kl",
        ".kumaraswamy": "Kumaraswamy",
        ".laplace": "Laplace",
        ".lkj_cholesky": "LKJCholesky",
        ".log_normal": "LogNormal",
        ".logistic_normal": "LogisticNormal",
        ".lowrank_multivariate_normal": "LowRankMultivariateNormal",
        ".mixture_same_family": "MixtureSameFamily",
        ".multinomial": "Multinomial",
        ".multivariate_normal": "MultivariateNormal",
        ".negative_binomial": "NegativeBinomial",
        ".normal": "Normal",
        ".one_hot_categorical": "OneHotCategorical OneHotCategoricalStraightThrough",
        ".pareto": "Pareto",
        ".poisson": "Poisson",
        ".relaxed_bernoulli": "RelaxedBernoulli",
        ".relaxed_categorical": "RelaxedOneHotCategorical",
        ".studentT": "StudentT",
        ".transformed_distribution": "TransformedDistribution",
        ".uniform": "Uniform",
        ".von_mises": "VonMises",
        ".weibull": "Weibull",
        ".wishart": "Wishart",
        ".transforms": (
            "AbsTransform AffineTransform CatTransform ComposeTransform "
            "CorrCholeskyTransform CumulativeDistributionTransform ExpTransform "
            "IndependentTransform LowerCholeskyTransform PositiveDefiniteTransform "
            "PowerTransform ReshapeTransform SigmoidTransform SoftmaxTransform "
            "SoftplusTransform StackTransform StickBreakingTransform TanhTransform "
            "Transform identity_transform"
        ),
    },
    submodules=(
        "bernoulli", "beta", "binomial", "categorical", "cauchy", "chi2",
        "constraint_registry", "constraints", "continuous_bernoulli", "dirichlet",
        "distribution", "exp_family", "exponential", "fishersnedecor", "gamma",
        "generalized_pareto", "geometric", "gumbel", "half_cauchy", "half_normal",
        "independent", "inverse_gamma", "kl", "kumaraswamy", "laplace", "lkj_cholesky",
        "log_normal", "logistic_normal", "lowrank_multivariate_normal",
        "mixture_same_family", "multinomial", "multivariate_normal", "negative_binomial",
        "normal", "one_hot_categorical", "pareto", "poisson", "relaxed_bernoulli",
        "relaxed_categorical", "studentT", "transformed_distribution", "transforms",
        "uniform", "utils", "von_mises", "weibull", "wishart",
    ),
)  # fmt: skip
listed(__name__)
