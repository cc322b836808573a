"""The modified Bessel functions i0, i1, k0, k1, as they are and scaled by exp(-abs(x)) (exp(x) for k), in float64.

i: up to 12 by their series in x**2 / 4, made minimax; beyond as exp(x) / sqrt(x) times a polynomial of 1 / x.
k: up to 2 by their series, beyond as exp(-x) / sqrt(x) times a polynomial of (x - 1) / (x + 1).
"""

from ..language import abs, copysign, exp, fma, log, sqrt, where
from .common import from_table, horner, polynomial, scalar
from .tables import I0E_TABLE, I1E_TABLE

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

# fit_maths "k0 small": 2**-57.5, "k0 large": 2**-59.9
K0_SMALL = (
    -0.5772156649015329, 0.42278433509846747, 0.23069608377461004, 0.03489215745650361,
    0.002614787618461178, 0.00011848039474559483, 3.61262187465866e-06, 7.935380841692062e-08,
    1.3145247681063733e-09, 1.8070565263599325e-11,
)  # fmt: skip
K0_LARGE = (
    1.144463018796674, 0.16108433077406317, -0.08901755965965098, 0.06398005626764411,
    -0.05049660854751662, 0.05048058968549703, -0.07911411375251426, 0.1760566184845781,
    -0.4009146277781709, 0.7948050271863757, -1.308683584321145, 1.764148375711789, -1.930610325778146,
    1.697896516165825, -1.1820773936565683, 0.6366340601565282, -0.2558177732648541, 0.07220556432286826,
    -0.012774302992613895, 0.0010662695148375876,
)  # fmt: skip

# fit_maths "k1 small": 2**-56.9, "k1 large": 2**-60.0
K1_SMALL = (
    1.0, 0.15443132980306476, -0.6727843350984287, -0.18157516696138434, -0.01918218983576301,
    -0.0011153595055845636, -4.142244550320112e-05, -1.0715904585486929e-06, -2.041483277845973e-08,
    -3.1806473191990617e-10,
)  # fmt: skip
K1_LARGE = (
    1.6361535548269122, -0.652774988183366, 0.4959489439400554, -0.42288059333059275, 0.37576199199303767,
    -0.3513980666647363, 0.36370569332418445, -0.4546530605960182, 0.6878726034088543, -1.1052760027044986,
    1.6481064244763548, -2.1160714129353204, 2.256073180829953, -1.9538124025030814, 1.346791049068774,
    -0.7203211581723792, 0.2879458686915175, -0.080941017458359, 0.014271307127109795,
    -0.00118777782290105,
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


# fit_maths "i0e far", "i1e far": 2**-29.48, 2**-29.20; in powers of 1 / x from the first on, x from 14.7 on; 1 / sqrt(2 pi)
# in two parts
I0E_FAR = (0.049867548, 0.0280829705, 0.027871782, 0.0658033565)
I1E_FAR = (-0.149603069, -0.0467900485, -0.0392821282, -0.0829817727)
INVERSE_ROOT = (0.39894229173660278, -1.1335170e-08)


def scaled_bessel_float32(a, table, far, odd):
    """exp(-a) I(a) for a >= 0: by table up to 14.8, beyond as a polynomial of 1 / a, over sqrt(a)."""
    slope, d, start = from_table(where(a > 14.8, 14.8, a), table, shift=1.0, steps=8)
    if odd:
        start = where(a < 0.125, a, start)  # that piece is x + c1 x + ...
    b = where(a > 14.8, a, 14.8)
    inverse = 1.0 / b
    tail = INVERSE_ROOT[0] + fma(inverse, polynomial(inverse, far), INVERSE_ROOT[1])
    tail = tail / sqrt(b)
    return where(a > 14.8, tail, fma(slope, d, start))


@scalar("i0e float32")
def i0e_float32(x, dtype):
    return scaled_bessel_float32(abs(x), I0E_TABLE, I0E_FAR, odd=False)


@scalar("i1e float32")
def i1e_float32(x, dtype):
    return copysign(scaled_bessel_float32(abs(x), I1E_TABLE, I1E_FAR, odd=True), x)


@scalar("i1 float64")
def i1(x, dtype):
    return copysign(bessel_i(x, I1_SMALL, I1_LARGE, 1, scaled=False), x)


@scalar("i1e float64")
def i1e(x, dtype):
    return copysign(
        where(abs(x) == float("inf"), 0.0, bessel_i(x, I1_SMALL, I1_LARGE, 1, scaled=True)), x
    )


def bessel_k(x, small, large, order, scaled):
    """K_order(x), times exp(x) if `scaled`; inf at 0, NaN below."""
    far = x > 2.0
    a = where(far, 2.0, x)
    z = 0.25 * a * a
    near = polynomial(z, small)
    logarithm = log(a) - 0.6931471805599453  # of a / 2, which may be 0
    if order == 0:
        near = near - logarithm * polynomial(z, I0_SMALL)
    else:
        near = logarithm * (0.5 * a * polynomial(z, I1_SMALL)) + near / a
    b = where(far, where(x > 1e300, 1e300, x), 2.0)
    tail = horner((b - 1.0) / (b + 1.0), large) / sqrt(b)  # its terms cancel: not in two parts
    if scaled:
        tail = where(x == float("inf"), 0.0, tail)
        near = near * exp(a)
    else:
        shrunk = exp(-0.5 * b)
        tail = tail * shrunk * shrunk
    return where(x == 0.0, float("inf"), where(x < 0.0, float("nan"), where(far, tail, near)))


@scalar("k0 float64")
def k0(x, dtype):
    return bessel_k(x, K0_SMALL, K0_LARGE, 0, scaled=False)


@scalar("k0e float64")
def k0e(x, dtype):
    return bessel_k(x, K0_SMALL, K0_LARGE, 0, scaled=True)


@scalar("k1 float64")
def k1(x, dtype):
    return bessel_k(x, K1_SMALL, K1_LARGE, 1, scaled=False)


@scalar("k1e float64")
def k1e(x, dtype):
    return bessel_k(x, K1_SMALL, K1_LARGE, 1, scaled=True)
