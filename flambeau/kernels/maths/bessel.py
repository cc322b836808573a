"""The Bessel functions j0, j1, y0, y1 in float64; the modified ones i0, i1, k0, k1, as they are and
scaled by exp(-abs(x)), k by exp(x).

i: up to 12 by their series in x**2 / 4, made minimax; beyond as exp(x) / sqrt(x) times a polynomial of 1 / x.
k: up to 2 by their series, beyond as exp(-x) / sqrt(x) times a polynomial of (x - 1) / (x + 1).
j, y: up to 8 by polynomials of x**2, beyond as waves.
"""

from ..language import abs, copysign, cos, exp, fma, log, seldom, sin, sqrt, where
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


# fit_maths "j0 first": 2**-70.60, "j0 near": 2**-54.06, "y0 near": 2**-57.22, "0 far P", "0 far Q": 2**-60.51, 2**-55.58
J0_FIRST = (
    0.015625, -0.00043402777777777634, 6.781684027761595e-06, -6.781684020664207e-08, 4.709501217019938e-10,
    -2.4026186353076767e-12, 9.269775045362537e-15,
)  # fmt: skip
J0_NEAR = (
    8.793873470842997e-05, 0.0007453607032954457, 0.0015945269601800205, 0.0016415498481614286,
    0.001016282304030322, 0.0004246092710342029, 0.00012855143271723221, 2.9604901719933405e-05,
    5.372900815122023e-06, 7.896707039772985e-07, 9.57497522451374e-08, 9.99804849680281e-09,
    7.509778761920549e-10, 9.901088333852664e-11,
)  # fmt: skip
Y0_NEAR = (
    -0.382250654459425, -0.8284358903604587, 1.6470964788745472, 0.14412632369302264, -1.0775477338216106,
    0.6721770783431915, -0.21895747096163362, 0.046367047681258745, -0.007025741057574547,
    0.00080615860625394, -7.279541821644806e-05, 5.321318419062264e-06, -3.218514620781113e-07,
    1.639114087845151e-08, -7.126514440366536e-10, 2.685488984995395e-11, -9.777388270521466e-13,
)  # fmt: skip
P0 = (
    1.0, -0.0010986328124998365, 2.7380883679752056e-05, -2.183919187240998e-06, 3.620347407803653e-07,
    -1.0240311498609842e-07, 4.3857940554160495e-08, -2.552427181984318e-08, 1.7488431797058075e-08,
    -1.1898749958867049e-08, 6.877647306985757e-09, -2.9494225299783844e-09, 8.036642458808081e-10,
    -1.0252832799300716e-10,
)  # fmt: skip
Q0 = (
    -0.015625, 0.00014305114745725308, -6.930785953726583e-06, 8.238395848997401e-07,
    -1.8159243773301768e-07, 6.380800014760653e-08, -3.157610223312907e-08, 1.8677673326441027e-08,
    -1.0761960711204479e-08, 4.955895666061903e-09, -1.4973054593364166e-09, 2.1392769513253814e-10,
)  # fmt: skip

# fit_maths "j1 first": 2**-64.16, "j1 near": 2**-56.34, "y1 near": 2**-55.34, "1 far P", "1 far Q": 2**-60.43, 2**-55.50
J1_FIRST = (
    0.005208333333333307, -0.00010850694444408684, 1.356336803743557e-06, -1.1302802207823464e-08,
    6.727270666593971e-11, -2.964307105761929e-13,
)  # fmt: skip
J1_NEAR = (
    4.0232757124382825e-05, 0.0001489086539919995, 0.00021255683740963762, 0.00016677846521645853,
    8.402550596247715e-05, 2.9712492637293903e-05, 7.815812086646602e-06, 1.5936461250952186e-06,
    2.5974594034160333e-07, 3.466706468096405e-08, 3.853295914061812e-09, 3.7042210434440603e-10,
    2.6226281623933335e-11, 3.13751135792406e-12,
)  # fmt: skip
Y1_NEAR = (
    0.07075985882118005, -0.24337743079193114, 0.023367571720993973, 0.23507209206669735,
    -0.1963983985993105, 0.0785478692224294, -0.019628756833062977, 0.0034224907398895535,
    -0.0004438173436066098, 4.467433022258739e-05, -3.6009997664596e-06, 2.3804914587771122e-07,
    -1.3153344442216131e-08, 6.170962062118235e-10, -2.4935903385737274e-11, 8.361622189298247e-13,
)  # fmt: skip
P1 = (
    1.0, 0.0018310546874998276, -3.520399330576491e-05, 2.580995456450314e-06, -4.103065454826261e-07,
    1.1318539809487812e-07, -4.7683522025758615e-08, 2.7446892234691548e-08, -1.8676505263120773e-08,
    1.2656358346144687e-08, -7.299042116514403e-09, 3.1260447078331046e-09, -8.511165685550098e-10,
    1.0852759255530773e-10,
)  # fmt: skip
Q1 = (
    0.046875, -0.00020027160644141149, 8.47096064796889e-06, -9.505846231371063e-07, 2.0295964576879317e-07,
    -6.989922203100921e-08, 3.41404708229973e-08, -2.0032786703903222e-08, 1.149039400471512e-08,
    -5.278052077637299e-09, 1.5923350598551537e-09, -2.2730366516297608e-10,
)  # fmt: skip

# The zeros of J0 and J1 up to 8, each in two parts.
J0_ZEROS = ((2.404825557695773, -1.176691651530894e-16), (5.520078110286311, 8.088597146146722e-17))
J1_ZEROS = (
    (3.8317059702075125, -1.5269184090088067e-16),
    (7.015586669815619, -9.414165653410389e-17),
)

TWO_OVER_PI = 0.6366197723675814


def bessel_j_near(a, order):
    """J(a) for a of [0, 8]: up to 1 by its series, made minimax, beyond as a product with its zeros."""
    first, near, zeros = ((J0_FIRST, J0_NEAR, J0_ZEROS), (J1_FIRST, J1_NEAR, J1_ZEROS))[order]
    # In powers of this the quotient has positive coefficients: nothing cancels.
    product = polynomial(fma(a * a, -0.015625, 1.0), near)
    for zero, low in zeros:
        product = product * (((a - zero) - low) * (a + zero))
    z = a * a
    start = fma(z * z, polynomial(z, first), fma(z, (-0.25, -0.125)[order], 1.0))
    if order == 1:
        start, product = 0.5 * a * start, a * product
    return where(a < 1.0, start, product)


def smooth(x, coefficients):
    """Y without its logarithm and pole, for x of [0, 8]."""
    return polynomial(fma(x * x, 0.03125, -1.0), coefficients)


def waves(a, order):
    """sin(a), cos(a) and their two factors in J and Y beyond 8.

    J = sqrt(2 / (pi a)) (P cos(angle) - Q sin(angle)), Y the same of (P sin + Q cos), angle = a - (2 order + 1) pi / 4.
    Source: DLMF 10.17.3, 10.17.4; P and Q are polynomials of (8 / a)**2, Q times 8 / a. The sine and the cosine of
    the angle are sums of those of a: a difference of a and pi / 4 would be rounded.
    """
    inverse = 8.0 / a
    w = inverse * inverse
    p = polynomial(w, (P0, P1)[order])
    q = polynomial(w, (Q0, Q1)[order]) * inverse
    scale = sqrt(inverse * 0.039788735772973836)  # 1 / (8 pi)
    return sin(a), cos(a), scale * (p + q), scale * (p - q)


@scalar("bessel_j0 float64")
def bessel_j0(x, dtype):
    a = abs(x)
    s, c, plus, minus = waves(a, 0)
    return seldom(a > 8.0, fma(c, plus, s * minus), bessel_j_near(a, 0))


@scalar("bessel_j1 float64")
def bessel_j1(x, dtype):
    a = abs(x)
    s, c, plus, minus = waves(a, 1)
    value = seldom(a > 8.0, fma(s, plus, -(c * minus)), bessel_j_near(a, 1))
    return where(x < 0.0, -value, where(x == 0.0, x, value))


@scalar("bessel_y0 float64")
def bessel_y0(x, dtype):
    s, c, plus, minus = waves(x, 0)
    near = fma(TWO_OVER_PI * log(x), bessel_j_near(x, 0), smooth(x, Y0_NEAR))
    return where(x < 0.0, float("nan"), seldom(x > 8.0, fma(s, plus, -(c * minus)), near))


@scalar("bessel_y1 float64")
def bessel_y1(x, dtype):
    s, c, plus, minus = waves(x, 1)
    near = fma(log(x), bessel_j_near(x, 1), -(1.0 / x))
    near = fma(TWO_OVER_PI, near, x * smooth(x, Y1_NEAR))
    value = seldom(x > 8.0, -fma(c, plus, s * minus), near)
    return where(x == 0.0, float("-inf"), where(x < 0.0, float("nan"), value))
