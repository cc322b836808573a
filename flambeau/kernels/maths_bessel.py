"""The modified Bessel functions i0 and i1, as they are and scaled by exp(-abs(x)), in float64.

Up to 12 by their series in x**2 / 4, made minimax; beyond as exp(x) / sqrt(x) times a polynomial of 1 / x.
"""

from .language import abs, copysign, exp, sqrt, where
from .maths_common import polynomial, scalar

# fit_maths "i0 small": 2**-59.4, "i0 large": 2**-55.8
I0_SMALL = (
    1.0, 1.0, 0.25000000000000006, 0.027777777777777547, 0.0017361111111114584, 6.944444444417575e-05,
    1.9290123458034026e-06, 3.93675988538341e-08, 6.151187405017817e-10, 7.594057263540077e-12,
    7.594071127004425e-14, 6.275978351408142e-16, 4.359015902736961e-18, 2.5760756612916788e-20,
    1.325450990177266e-22, 5.608669975694809e-25, 2.7010856406982253e-27, 3.1289548678648894e-30,
    5.540590925228397e-32,
)  # fmt: skip
I0_LARGE = (
    0.3989422804014327, 0.04986778505009765, 0.028050629166864467, 0.02921937205897119,
    0.04475054964665959, 0.08926163058252631, 0.376720167057722, -11.099703159536316, 696.8962885337015,
    -30952.91798929941, 1059090.5406546008, -27997878.401672494, 573156456.5141495, -9048916397.465506,
    108984391423.97945, -981409632204.4849, 6386620897866.219, -28320768033426.633, 76458203935725.14,
    -94706885272938.03,
)  # fmt: skip

# fit_maths "i1 small": 2**-61.8, "i1 large": 2**-55.7
I1_SMALL = (
    1.0, 0.5, 0.08333333333333334, 0.006944444444444414, 0.00034722222222226154, 1.1574074074047338e-05,
    2.7557319225099445e-07, 4.920949858348394e-09, 6.834652644703916e-11, 7.594057600452008e-13,
    6.903697999046813e-15, 5.2300021285936266e-17, 3.352989006782756e-19, 1.8404226473164768e-21,
    8.826433763031684e-24, 3.5242902890226627e-26, 1.5647527485770425e-28, 1.9237175876539752e-31,
    2.851353149428619e-33,
)  # fmt: skip
I1_LARGE = (
    0.3989422804014327, -0.14960335515061654, -0.04675104841319331, -0.04090719727140728,
    -0.05751858008933747, -0.11182131344628841, -0.1572005537508647, -9.169200145137799, 455.7519659898596,
    -18906.918512233413, 594240.5036318505, -14375917.059601499, 268160286.06726408, -3847452909.507505,
    42096904875.3471, -345541467395.0618, 2067161255094.3845, -8553489841174.665, 22014284949751.918,
    -26682360436105.09,
)  # fmt: skip



def bessel_i(x, small, large, order, scaled):
    """I_order(abs(x)), times exp(-abs(x)) if `scaled`."""
    a = abs(x)
    far = a > 12.0
    half = 0.5 * where(far, 12.0, a)
    near = polynomial(half * half, small)
    if order == 1:
        near = near * half
    b = where(far, a, 12.0)
    tail = polynomial(1.0 / b, large) / sqrt(b)
    if scaled:
        near = near * exp(-2.0 * half)
    else:
        grown = exp(0.5 * b)  # twice, since exp(b) overflows before the product does
        tail = tail * grown * grown
    return where(far, tail, near)


@scalar("i0 float64")
def i0(x, dtype):
    return bessel_i(x, I0_SMALL, I0_LARGE, 0, scaled=False)


@scalar("i0e float64")
def i0e(x, dtype):
    return where(abs(x) == float("inf"), 0.0, bessel_i(x, I0_SMALL, I0_LARGE, 0, scaled=True))


@scalar("i1 float64")
def i1(x, dtype):
    return copysign(bessel_i(x, I1_SMALL, I1_LARGE, 1, scaled=False), x)


@scalar("i1e float64")
def i1e(x, dtype):
    return copysign(where(abs(x) == float("inf"), 0.0, bessel_i(x, I1_SMALL, I1_LARGE, 1, scaled=True)), x)
