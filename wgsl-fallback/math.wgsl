// Elementary functions. WGSL promises little of its own: exp within 3 + 2|x| ULP, sin and cos within 2^-11 and only in [-pi, pi], and
// nothing for NaN and infinities. These stay within 4 ULP where the device rounds additions and multiplications correctly.
// Polynomials are near-minimax (Chebyshev) fits over the reduced interval.
//
// A device may take subnormal f32 for zero in arithmetic and comparisons, and keep their bits where they are only moved. What depends
// on a sign or on being zero is therefore decided by the bits, so that no function sees one number as both.

//# bits f32
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn is_zero(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0u; }
// x > 0 and x < 0.
fn is_positive(x: f32) -> bool { return bitcast<u32>(x) - 1u < 0x7f800000u; }
fn is_negative(x: f32) -> bool { return bitcast<u32>(x) - 0x80000001u < 0x7f800000u; }
// Integers in the order of the numbers, -0 before 0.
fn order(x: f32) -> i32 { return bitcast<i32>(x) ^ ((bitcast<i32>(x) >> 31u) & 0x7fffffff); }

//# bits f64
fn is_nan(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ffffffffffffffflu) > 0x7ff0000000000000lu; }
fn is_zero(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ffffffffffffffflu) == 0lu; }
// x > 0 and x < 0.
fn is_positive(x: f64) -> bool { return bitcast<u64>(x) - 1lu < 0x7ff0000000000000lu; }
fn is_negative(x: f64) -> bool { return bitcast<u64>(x) - 0x8000000000000001lu < 0x7ff0000000000000lu; }
// Integers in the order of the numbers, -0 before 0.
fn order(x: f64) -> i64 { return bitcast<i64>(x) ^ ((bitcast<i64>(x) >> 63u) & 0x7fffffffffffffffli); }

//# f32
// A constant expression may not be infinite or NaN; a variable hides it.
fn from_bits(bits: u32) -> f32 {
    var hidden = bits;
    return bitcast<f32>(hidden);
}
fn infinity() -> f32 { return from_bits(0x7f800000u); }
fn not_a_number() -> f32 { return from_bits(0x7fc00000u); }
fn is_infinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }

// x without its lowest bit. Shader compilers simplify (a + b) - a to b, and can't do so through this.
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffffffeu); }

// 2^n for a normal result.
fn power_of_two(n: i32) -> f32 { return bitcast<f32>(bitcast<u32>(n + 127) << 23u); }

// x * 2^n in two steps, so that results in the subnormal range are rounded once.
fn scale(x: f32, n: i32) -> f32 {
    let half = n / 2;
    return x * power_of_two(half) * power_of_two(n - half);
}

// The quotient, promised for divisors of up to 2^126: beyond, the reciprocal that it may be computed with is subnormal.
fn m_div(a: f32, b: f32) -> f32 {
    let factor = select(1.0f, 0.25f, (bitcast<u32>(b) & 0x7fffffffu) > 0x7e800000u);
    return a / (b * factor) * factor;
}

// e^r - 1 for |r| <= ln(2)/2.
fn expm1_reduced(r: f32) -> f32 {
    var y = 0.00019893894204869866f;
    y = y * r + 0.001393626444041729f;
    y = y * r + 0.00833330862224102f;
    y = y * r + 0.04166644066572189f;
    y = y * r + 0.1666666716337204f;
    y = y * r + 0.5f;
    return r + r * r * y;
}

// x minus the multiple n of ln(2); the first part has few enough bits that its product is exact.
fn minus_ln2(x: f32, n: f32) -> f32 {
    return (x - n * 0.693145751953125f) - n * 1.428606765330187e-6f;
}

fn m_exp(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    if x > 88.8f {
        return infinity();
    }
    if x < -104.0f {
        return 0.0f;
    }
    let n = round(x * 1.4426950408889634f);
    return scale(1.0f + expm1_reduced(minus_ln2(x, n)), i32(n));
}

fn m_exp2(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    if x >= 128.0f {
        return infinity();
    }
    if x < -151.0f {
        return 0.0f;
    }
    let n = round(x);
    return scale(1.0f + expm1_reduced((x - n) * 0.6931471805599453f), i32(n));
}

fn m_expm1(x: f32) -> f32 {
    // Also -0.
    if is_nan(x) || abs(x) < 5e-8f {
        return x;
    }
    if x > 88.8f {
        return infinity();
    }
    if x < -18.0f {
        return -1.0f;
    }
    let n = round(x * 1.4426950408889634f);
    let y = expm1_reduced(minus_ln2(x, n));
    if n > 25.0f {
        return scale(1.0f + y, i32(n));
    }
    let power = power_of_two(i32(n));
    return power * y + (power - 1.0f);
}

// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)].
fn log1p_reduced(f: f32) -> f32 {
    var y = 0.0698070228099823f;
    y = y * f - 0.11494546383619308f;
    y = y * f + 0.11689071357250214f;
    y = y * f - 0.12424037605524063f;
    y = y * f + 0.14248551428318024f;
    y = y * f - 0.1666785031557083f;
    y = y * f + 0.20000730454921722f;
    y = y * f - 0.2499999701976776f;
    y = y * f + 0.3333333134651184f;
    return f * f * (f * y - 0.5f);
}

// A positive finite x as 2^exponent * (1 + fraction), with 1 + fraction in [sqrt(1/2), sqrt(2)].
struct Split {
    exponent: f32,
    fraction: f32,
}

fn split(x: f32) -> Split {
    var bits = bitcast<u32>(x);
    var bias = 127;
    if bits < 0x00800000u {
        // A subnormal: its significand as an integer.
        bits = bitcast<u32>(f32(bits));
        bias = 127 + 149;
    }
    // 0x3f3504f3 is sqrt(1/2).
    let above = bits - 0x3f3504f3u;
    let exponent = bitcast<i32>(above) >> 23u;
    let fraction = bitcast<f32>((above & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    return Split(f32(exponent + 127 - bias), fraction);
}

fn m_log(x: f32) -> f32 {
    if !is_positive(x) || is_infinite(x) {
        return log_edge(x);
    }
    let s = split(x);
    let y = log1p_reduced(s.fraction) + s.exponent * 1.428606765330187e-6f;
    return s.exponent * 0.693145751953125f + (s.fraction + y);
}

fn log_edge(x: f32) -> f32 {
    if is_zero(x) {
        return -infinity();
    }
    return select(x, not_a_number(), is_negative(x));
}

fn m_log2(x: f32) -> f32 {
    if !is_positive(x) || is_infinite(x) {
        return log_edge(x);
    }
    let s = split(x);
    // log(1 + f) in two parts, and log2(e) as 1.4375 + 0.0052: the large product is exact.
    let rest = log1p_reduced(s.fraction);
    let high = bitcast<f32>(bitcast<u32>(s.fraction + rest) & 0xfffff000u);
    let low = (s.fraction - high) + rest;
    let small = high * 0.005195040888963407f + low * 1.4426950408889634f;
    return s.exponent + (high * 1.4375f + small);
}

fn m_log1p(x: f32) -> f32 {
    // Also -0.
    if is_nan(x) || abs(x) < 5e-8f {
        return x;
    }
    if x <= -1.0f {
        return select(not_a_number(), -infinity(), x == -1.0f);
    }
    if is_infinite(x) {
        return x;
    }
    // 1 + x is rounded: what is lost is added again, relative to the sum.
    let u = opaque(1.0f + x);
    let lost = select(x - (u - 1.0f), 1.0f - (u - x), x >= 1.0f);
    let s = split(u);
    if s.exponent == 0.0f {
        return x + log1p_reduced(x);
    }
    let y = log1p_reduced(s.fraction) + (s.exponent * 1.428606765330187e-6f + lost / u);
    return s.exponent * 0.693145751953125f + (s.fraction + y);
}

// x - quadrant * pi/2, in [-pi/4, pi/4].
struct Angle {
    rest: f32,
    quadrant: u32,
}

// pi/2 in four parts, of which the first three have so few bits that their products with a small integer are exact.
fn reduce_small(x: f32) -> Angle {
    let n = round(x * 0.6366197723675814f);
    let rest = ((x - n * 1.5703125f) - n * 4.837512969970703e-4f) - n * 7.549533620476723e-8f;
    return Angle(rest - n * 2.5633440682570896e-12f, bitcast<u32>(i32(n)));
}

// The upper and the lower word of a product.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2<u32>((a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u), (cross << 16u) | (low & 0xffffu));
}

// The bits of 2/pi behind 32 zeros.
const TWO_OVER_PI = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);

// After Payne and Hanek: x is an integer times a power of two, and whole turns in its product with 2/pi need not be computed.
fn reduce_large(x: f32) -> Angle {
    let bits = bitcast<u32>(x);
    let significand = (bits & 0x7fffffu) | 0x800000u;
    // Ninety-six bits of 2/pi from the one on whose product is worth less than a full turn.
    let start = ((bits >> 23u) & 0xffu) - 120u;
    let at = start / 32u;
    let shift = start % 32u;
    var table = TWO_OVER_PI;
    let w = vec4<u32>(table[at], table[at + 1u], table[at + 2u], table[at + 3u]);
    let shifted = (w.xyz << vec3<u32>(shift)) | select(w.yzw >> vec3<u32>(32u - shift), vec3<u32>(0u), shift == 0u);
    // The low ninety-six bits of the product: two bits of quadrant, the rest fraction.
    let middle = multiply_wide(significand, shifted.y);
    let low = multiply_wide(significand, shifted.z).x;
    let second = middle.y + low;
    let first = significand * shifted.x + middle.x + select(0u, 1u, second < low);
    let fraction = (first << 2u) | (second >> 30u);
    // To the nearest quadrant: from one half on the fraction counts back from the next.
    let back = (fraction >> 31u) == 1u;
    let quadrant = (first >> 30u) + (fraction >> 31u);
    let lower = select(second << 2u, 0u - (second << 2u), back);
    let upper_word = select(fraction, ~fraction + select(0u, 1u, lower == 0u), back);
    // The fraction and pi/2 in two parts each: the product of the first ones is exact.
    let turn = f32(upper_word & 0xfff00000u) * 2.3283064365386963e-10f;
    let turn_low = f32(upper_word & 0xfffffu) * 2.3283064365386963e-10f + f32(lower) * 5.421010862427522e-20f;
    let rest = turn * 1.5703125f + (turn * 4.838267948966192e-4f + turn_low * 1.5707963267948966f);
    let negative = x < 0.0f;
    return Angle(select(rest, -rest, negative != back), select(quadrant, 0u - quadrant, negative));
}

fn sin_or_cos(x: f32, ahead: u32) -> f32 {
    if is_nan(x) || is_infinite(x) {
        return not_a_number();
    }
    var angle: Angle;
    if abs(x) < 4000.0f {
        angle = reduce_small(x);
    } else {
        angle = reduce_large(x);
    }
    let r = angle.rest;
    let z = r * r;
    let quadrant = angle.quadrant + ahead;
    var y: f32;
    if (quadrant & 1u) == 0u {
        y = 2.7246021545579424e-06f;
        y = y * z - 0.00019840056484099478f;
        y = y * z + 0.008333331905305386f;
        y = y * z - 0.1666666716337204f;
        y = r + r * z * y;
    } else {
        y = -2.729769903453416e-07f;
        y = y * z + 2.480057446518913e-05f;
        y = y * z - 0.00138888880610466f;
        y = y * z + 0.0416666679084301f;
        y = 1.0f - (0.5f * z - z * z * y);
    }
    return select(y, -y, (quadrant & 2u) != 0u);
}

fn m_sin(x: f32) -> f32 {
    // sin x is x here, with the sign of zero.
    if abs(x) < 1e-4f {
        return x;
    }
    return sin_or_cos(x, 0u);
}

fn m_cos(x: f32) -> f32 {
    return sin_or_cos(x, 1u);
}

fn m_tanh(x: f32) -> f32 {
    let magnitude = abs(x);
    if is_nan(x) || magnitude < 1e-4f {
        return x;
    }
    if magnitude < 0.55f {
        let z = x * x;
        var y = 0.002495379652827978f;
        y = y * z - 0.008504769764840603f;
        y = y * z + 0.02181326039135456f;
        y = y * z - 0.053964197635650635f;
        y = y * z + 0.133333221077919f;
        y = y * z - 0.3333333432674408f;
        return x + x * z * y;
    }
    let y = 1.0f - 2.0f / (m_exp(2.0f * min(magnitude, 10.0f)) + 1.0f);
    return select(y, -y, x < 0.0f);
}

// erf(x) for |x| <= 0.92.
fn erf_small(x: f32) -> f32 {
    let z = x * x;
    var y = 8.367267582798377e-05f;
    y = y * z - 0.0008142425795085728f;
    y = y * z + 0.0052010491490364075f;
    y = y * z - 0.026859425008296967f;
    y = y * z + 0.11283696442842484f;
    y = y * z - 0.37612634897232056f;
    y = y * z + 0.12837916612625122f;
    // Not x + x * y, whose product may be subnormal where the sum is not.
    return x * (1.0f + y);
}

// factor * (1 - erf(x)) for x in [0.9, 10.3]: e^(-x^2) times a slowly varying factor, fitted in (x - 2)/(x + 2).
fn erfc_tail(x: f32, factor: f32) -> f32 {
    let t = (x - 2.0f) / (x + 2.0f);
    var y = 4.677032120525837e-05f;
    y = y * t - 0.0015876503894105554f;
    y = y * t + 0.001131537719629705f;
    y = y * t + 0.008777186274528503f;
    y = y * t - 0.008020471781492233f;
    y = y * t - 0.0542258620262146f;
    y = y * t + 0.16405075788497925f;
    y = y * t - 0.16603019833564758f;
    y = y * t - 0.09276381880044937f;
    y = y * t + 1.2769783735275269f;
    // The square in two parts, because its rounding would be magnified by the exponential.
    let high = bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
    let low = (high - x) * (high + x);
    return m_exp(-high * high) * m_exp(low) * (factor * (y / (1.0f + 2.0f * x)));
}

fn m_erf(x: f32) -> f32 {
    let magnitude = abs(x);
    if is_nan(x) {
        return x;
    }
    if magnitude < 0.92f {
        return erf_small(x);
    }
    let y = 1.0f - erfc_tail(min(magnitude, 4.0f), 1.0f);
    return select(y, -y, x < 0.0f);
}

// erfc(x) times a factor, which comes in where the tail is still normal: the product may be, though erfc(x) is not.
fn m_erfc(x: f32, factor: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    if abs(x) < 0.92f {
        return factor * (1.0f - erf_small(x));
    }
    // The exponential is zero from here on.
    let magnitude = min(abs(x), 10.3f);
    if x < 0.0f {
        return factor * (2.0f - erfc_tail(magnitude, 1.0f));
    }
    return erfc_tail(magnitude, factor);
}

// Exact, by long division of the significands, eight bits at a time.
fn m_rem(a: f32, b: f32) -> f32 {
    let x = bitcast<u32>(a) & 0x7fffffffu;
    let y = bitcast<u32>(b) & 0x7fffffffu;
    if x >= 0x7f800000u || y > 0x7f800000u || y == 0u {
        return not_a_number();
    }
    if x < y {
        return a;
    }
    let divisor = significand(y);
    var rest = significand(x) % divisor;
    var steps = max(x >> 23u, 1u) - max(y >> 23u, 1u);
    while steps > 0u && rest != 0u {
        let step = min(steps, 8u);
        rest = (rest << step) % divisor;
        steps -= step;
    }
    let magnitude = scale(f32(rest), i32(max(y >> 23u, 1u)) - 150);
    return bitcast<f32>(bitcast<u32>(magnitude) | (bitcast<u32>(a) & 0x80000000u));
}

fn significand(bits: u32) -> u32 {
    return (bits & 0x7fffffu) | select(0u, 0x800000u, bits >= 0x800000u);
}

// The upper twelve bits of a significand: products of two such numbers are exact.
fn upper(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// x^y for positive, finite x != 1 and finite y, as 2^(y log2 x) with the logarithm to 36 bits.
fn pow_positive(x: f32, y: f32) -> f32 {
    let parts = split(x);
    let f = parts.fraction;
    // log(1 + f) = 2 atanh(s), s = f / (2 + f) in two parts.
    let sum = opaque(2.0f + f);
    let sum_low = f - (sum - 2.0f);
    let s = upper(f / sum);
    let sum_high = upper(sum);
    let s_low = (((f - s * sum_high) - s * (sum - sum_high)) - s * sum_low) / sum;
    let z = (s + s_low) * (s + s_low);
    var cubic = 0.23337164521217346f;
    cubic = cubic * z + 0.2855057418346405f;
    cubic = cubic * z + 0.4000012278556824f;
    cubic = cubic * z + 0.6666666865348816f;
    cubic = cubic * z * (s + s_low);
    // 2 log2(e) = 2.884765625 + 0.000624...
    let high = s * 2.884765625f;
    let low = s * 0.0006244567779268f + s_low * 2.8853900817779268f + cubic * 1.4426950408889634f;
    let lead = opaque(parts.exponent + high);
    let rest = ((parts.exponent - lead) + high) + low;
    let log_high = opaque(lead + rest);
    let log_low = rest - (log_high - lead);

    let estimate = y * log_high;
    if estimate > 200.0f {
        return infinity();
    }
    if estimate < -200.0f {
        return 0.0f;
    }
    let head = upper(y) * upper(log_high);
    let tail = y * ((log_high - upper(log_high)) + log_low) + (y - upper(y)) * upper(log_high);
    let n = round(head + tail);
    let r = (head - n) + tail;
    if n > 128.0f {
        return infinity();
    }
    return scale(1.0f + expm1_reduced(r * 0.6931471805599453f), i32(n));
}

fn m_pow(x: f32, y: f32) -> f32 {
    if is_zero(y) || (!is_nan(x) && x == 1.0f) {
        return 1.0f;
    }
    if is_nan(x) || is_nan(y) {
        return not_a_number();
    }
    let magnitude = bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu);
    if is_infinite(y) {
        if magnitude == 1.0f {
            return 1.0f;
        }
        return select(0.0f, infinity(), (magnitude > 1.0f) == is_positive(y));
    }
    // All floats from 2^24 on are even integers.
    let whole = bitcast<u32>(trunc(y)) == bitcast<u32>(y);
    let odd = whole && abs(y) < 16777216.0f && (i32(y) & 1) != 0;
    let negative = (bitcast<u32>(x) >> 31u) == 1u;
    var result: f32;
    if is_zero(x) || is_infinite(x) {
        result = select(0.0f, infinity(), is_zero(x) == is_negative(y));
    } else if negative && !whole {
        return not_a_number();
    } else if magnitude == 1.0f {
        result = 1.0f;
    } else {
        result = pow_positive(magnitude, y);
    }
    return select(result, -result, negative && odd);
}

//# f64
// A constant expression may not be infinite or NaN; a variable hides it.
fn from_bits(bits: u64) -> f64 {
    var hidden = bits;
    return bitcast<f64>(hidden);
}
fn infinity() -> f64 { return from_bits(0x7ff0000000000000lu); }
fn not_a_number() -> f64 { return from_bits(0x7ff8000000000000lu); }
fn is_infinite(x: f64) -> bool { return (bitcast<u64>(x) & 0x7ffffffffffffffflu) == 0x7ff0000000000000lu; }

// x without its lowest bit. Shader compilers simplify (a + b) - a to b and regroup sums, and can't do so through this.
fn opaque(x: f64) -> f64 { return bitcast<f64>(bitcast<u64>(x) & 0xfffffffffffffffelu); }

// 2^n for a normal result.
fn power_of_two(n: i32) -> f64 { return bitcast<f64>(u64(n + 1023) << 52u); }

// x * 2^n in two steps, so that results in the subnormal range are rounded once.
fn scale(x: f64, n: i32) -> f64 {
    let half = n / 2;
    return x * power_of_two(half) * power_of_two(n - half);
}

fn m_div(a: f64, b: f64) -> f64 { return a / b; }

// e^r - 1 for |r| <= ln(2)/2.
fn expm1_reduced(r: f64) -> f64 {
    var y = 1.608823831243539414e-10lf;
    y = y * r + 2.092055382009492115e-9lf;
    y = y * r + 2.505206661446339765e-8lf;
    y = y * r + 2.755725655782700455e-7lf;
    y = y * r + 2.755731925152785652e-6lf;
    y = y * r + 0.00002480158734290737176lf;
    y = y * r + 0.0001984126984126163332lf;
    y = y * r + 0.001388888888887657473lf;
    y = y * r + 0.008333333333333334228lf;
    y = y * r + 0.04166666666666668009lf;
    y = y * r + 0.1666666666666666667lf;
    y = y * r + 0.5lf;
    return r + r * r * y;
}

// x minus the multiple n of ln(2); the first part has few enough bits that its product is exact.
fn minus_ln2(x: f64, n: f64) -> f64 {
    return opaque(x - n * LN2_HIGH) - n * LN2_LOW;
}
const LN2_HIGH = 0.693147180369123816490173339844lf;
const LN2_LOW = 1.908214929270587816e-10lf;

fn m_exp(x: f64) -> f64 {
    if is_nan(x) {
        return x;
    }
    if x > 709.8lf {
        return infinity();
    }
    if x < -745.2lf {
        return 0.0lf;
    }
    let n = round(x * 1.442695040888963407lf);
    return scale(1.0lf + expm1_reduced(minus_ln2(x, n)), i32(n));
}

fn m_exp2(x: f64) -> f64 {
    if is_nan(x) {
        return x;
    }
    if x >= 1024.0lf {
        return infinity();
    }
    if x < -1076.0lf {
        return 0.0lf;
    }
    let n = round(x);
    return scale(1.0lf + expm1_reduced((x - n) * 0.6931471805599453094lf), i32(n));
}

fn m_expm1(x: f64) -> f64 {
    // Also -0.
    if is_nan(x) || abs(x) < 1e-16lf {
        return x;
    }
    if x > 709.8lf {
        return infinity();
    }
    if x < -38.0lf {
        return -1.0lf;
    }
    let n = round(x * 1.442695040888963407lf);
    let y = expm1_reduced(minus_ln2(x, n));
    if n > 55.0lf {
        return scale(1.0lf + y, i32(n));
    }
    let power = power_of_two(i32(n));
    return power * y + (power - 1.0lf);
}

// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)].
fn log1p_reduced(f: f64) -> f64 {
    let s = f / (2.0lf + f);
    let z = s * s;
    var y = 0.1092708895127702824lf;
    y = y * z + 0.1043517617647943582lf;
    y = y * z + 0.1176793994662800512lf;
    y = y * z + 0.1333326435087324029lf;
    y = y * z + 0.1538461629281493694lf;
    y = y * z + 0.181818181745506711lf;
    y = y * z + 0.2222222222225558936lf;
    y = y * z + 0.2857142857142849369lf;
    y = y * z + 0.4000000000000000007lf;
    y = y * z + 0.6666666666666666667lf;
    return -s * (f - z * y);
}

// A positive finite x as 2^exponent * (1 + fraction), with 1 + fraction in [sqrt(1/2), sqrt(2)].
struct Split {
    exponent: f64,
    fraction: f64,
}

fn split(x: f64) -> Split {
    var bits = bitcast<u64>(x);
    var bias = 1023;
    if bits < 0x0010000000000000lu {
        // A subnormal: its significand as an integer.
        bits = bitcast<u64>(f64(bits));
        bias = 1023 + 1074;
    }
    // 0x3fe6a09e667f3bcd is sqrt(1/2).
    let above = bits - 0x3fe6a09e667f3bcdlu;
    let exponent = i32(bitcast<i64>(above) >> 52u);
    let fraction = bitcast<f64>((above & 0xffffffffffffflu) + 0x3fe6a09e667f3bcdlu) - 1.0lf;
    return Split(f64(exponent + 1023 - bias), fraction);
}

fn log_edge(x: f64) -> f64 {
    if is_zero(x) {
        return -infinity();
    }
    return select(x, not_a_number(), is_negative(x));
}

fn m_log(x: f64) -> f64 {
    if !is_positive(x) || is_infinite(x) {
        return log_edge(x);
    }
    let s = split(x);
    let y = log1p_reduced(s.fraction) + s.exponent * LN2_LOW;
    return s.exponent * LN2_HIGH + (s.fraction + y);
}

fn m_log2(x: f64) -> f64 {
    if !is_positive(x) || is_infinite(x) {
        return log_edge(x);
    }
    let s = split(x);
    // log(1 + f) in two parts, and log2(e) as 1.4375 + 0.0052: the large product is exact.
    let rest = log1p_reduced(s.fraction);
    let high = upper(s.fraction + rest);
    let low = (s.fraction - high) + rest;
    let small = high * 0.00519504088896340736lf + low * 1.442695040888963407lf;
    return s.exponent + (high * 1.4375lf + small);
}

fn m_log1p(x: f64) -> f64 {
    // Also -0.
    if is_nan(x) || abs(x) < 1e-16lf {
        return x;
    }
    if x <= -1.0lf {
        return select(not_a_number(), -infinity(), x == -1.0lf);
    }
    if is_infinite(x) {
        return x;
    }
    // 1 + x is rounded: what is lost is added again, relative to the sum.
    let u = opaque(1.0lf + x);
    let lost = select(x - (u - 1.0lf), 1.0lf - (u - x), x >= 1.0lf);
    let s = split(u);
    if s.exponent == 0.0lf {
        return x + log1p_reduced(x);
    }
    let y = log1p_reduced(s.fraction) + (s.exponent * LN2_LOW + lost / u);
    return s.exponent * LN2_HIGH + (s.fraction + y);
}

// x - quadrant * pi/2, in [-pi/4, pi/4].
struct Angle {
    rest: f64,
    quadrant: u32,
}

// pi/2 in four parts, of which the first three have so few bits that their products with a small integer are exact.
fn reduce_small(x: f64) -> Angle {
    let n = round(x * 0.6366197723675813431lf);
    let rest = ((x - n * 1.57079632580280303955078125lf) - n * 9.92093579163522143460340885213e-10lf) - n * 5.17018297889024959488003731645e-19lf;
    return Angle(rest - n * 2.903855973979360334e-28lf, bitcast<u32>(i32(n)));
}

// The bits of 2/pi behind 32 zeros.
const TWO_OVER_PI = array<u32, 39>(
    0x00000000u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
    0xdebbc561u, 0xb7246e3au, 0x424dd2e0u, 0x06492eeau, 0x09d1921cu, 0xfe1deb1cu, 0xb129a73eu, 0xe88235f5u,
    0x2ebb4484u, 0xe99c7026u, 0xb45f7e41u, 0x3991d639u, 0x835339f4u, 0x9c845f8bu, 0xbdf9283bu, 0x1ff897ffu,
    0xde05980fu, 0xef2f118bu, 0x5a0a6d1fu, 0x6d367ecfu, 0x27cb09b7u, 0x4f463f66u, 0x9e5fea2du, 0x7527bac7u,
    0xebe5f17bu, 0x3d0739f7u, 0x8a5292eau, 0x6bfb5fb1u, 0x1f8d5d08u, 0x56033046u, 0xfc7b6babu,
);

// After Payne and Hanek: x is an integer times a power of two, and whole turns in its product with 2/pi need not be computed.
fn reduce_large(x: f64) -> Angle {
    let bits = bitcast<u64>(x);
    let significand = (bits & 0xffffffffffffflu) | 0x10000000000000lu;
    // The bits of 2/pi from the one on whose product is worth less than a full turn: 192 of them.
    let start = u32((bits >> 52u) & 0x7fflu) - 1045u;
    let at = start / 32u;
    let shift = start % 32u;
    var table = TWO_OVER_PI;
    // The low 192 bits of the product, in words from the lowest on.
    let low = significand & 0xfffffffflu;
    let high = significand >> 32u;
    var words: array<u32, 6>;
    var carry = 0lu;
    var before = 0lu;
    for (var i = 0u; i < 6u; i++) {
        let j = at + 5u - i;
        let window = ((u64(table[j]) << 32u) | u64(table[j + 1u])) << shift;
        let word = window >> 32u;
        // Each sum stays below 2^64: the upper half of the significand has 21 bits.
        let sum = low * word + (carry & 0xfffffffflu);
        let cross = high * before + (sum & 0xfffffffflu);
        words[i] = u32(cross);
        carry = (carry >> 32u) + (sum >> 32u) + (cross >> 32u);
        before = word;
    }
    // Two bits of quadrant, the rest fraction, which is read as signed: to the nearest quadrant.
    let top = (u64(words[5]) << 32u) | u64(words[4]);
    let next = (u64(words[3]) << 32u) | u64(words[2]);
    let fraction = (top << 2u) | (next >> 62u);
    let quadrant = u32(top >> 62u) + u32(fraction >> 63u);
    let turn = f64(bitcast<i64>(fraction)) * 5.42101086242752217003726400435e-20lf + f64(next << 2u) * 2.93873587705571876992184134306e-39lf;
    let rest = turn * 1.570796326794896619lf;
    return Angle(select(rest, -rest, x < 0.0lf), select(quadrant, 0u - quadrant, x < 0.0lf));
}

fn sin_or_cos(x: f64, ahead: u32) -> f64 {
    if is_nan(x) || is_infinite(x) {
        return not_a_number();
    }
    var angle: Angle;
    if abs(x) < 8388608.0lf {
        angle = reduce_small(x);
    } else {
        angle = reduce_large(x);
    }
    let r = angle.rest;
    let z = r * r;
    let quadrant = angle.quadrant + ahead;
    if (quadrant & 1u) == 0u {
        var y = -7.585927776869930658e-13lf;
        y = y * z + 1.605851848447504843e-10lf;
        y = y * z - 2.505210614905150484e-8lf;
        y = y * z + 2.755731921909754543e-6lf;
        y = y * z - 0.0001984126984126475242lf;
        y = y * z + 0.008333333333333331347lf;
        y = y * z - 0.1666666666666666667lf;
        y = r + r * z * y;
        return select(y, -y, (quadrant & 2u) != 0u);
    }
    var y = 4.745444160425208419e-14lf;
    y = y * z - 1.147045358505483967e-11lf;
    y = y * z + 2.087675574471391674e-9lf;
    y = y * z - 2.755731922126848883e-7lf;
    y = y * z + 0.00002480158730158447267lf;
    y = y * z - 0.001388888888888888778lf;
    y = y * z + 0.04166666666666666667lf;
    y = 1.0lf - (0.5lf * z - z * z * y);
    return select(y, -y, (quadrant & 2u) != 0u);
}

fn m_sin(x: f64) -> f64 {
    // sin x is x here, with the sign of zero.
    if abs(x) < 1e-8lf {
        return x;
    }
    return sin_or_cos(x, 0u);
}

fn m_cos(x: f64) -> f64 {
    return sin_or_cos(x, 1u);
}

fn m_tanh(x: f64) -> f64 {
    let magnitude = abs(x);
    if is_nan(x) || magnitude < 1e-8lf {
        return x;
    }
    let e = m_expm1(2.0lf * min(magnitude, 22.0lf));
    let y = select(e / (e + 2.0lf), 1.0lf - 2.0lf / (e + 2.0lf), magnitude > 0.55lf);
    return select(y, -y, x < 0.0lf);
}

// erf(x) for |x| <= 0.92.
fn erf_small(x: f64) -> f64 {
    let z = x * x;
    var y = 6.361412989019086617e-11lf;
    y = y * z - 1.158845910117942534e-9lf;
    y = y * z + 1.471009796813445201e-8lf;
    y = y * z - 1.635705981775966552e-7lf;
    y = y * z + 1.646157404268262873e-6lf;
    y = y * z - 0.00001492562745576358711lf;
    y = y * z + 0.0001205533231581238607lf;
    y = y * z - 0.0008548327010454770492lf;
    y = y * z + 0.00522397762527922852lf;
    y = y * z - 0.02686617064511908129lf;
    y = y * z + 0.1128379167095507848lf;
    y = y * z - 0.3761263890318375174lf;
    y = y * z + 0.1283791670955125739lf;
    return x + x * y;
}

// factor * (1 - erf(x)) for x in [0.9, 28]: e^(-x^2) times a slowly varying factor, fitted in (x - 3)/(x + 3).
fn erfc_tail(x: f64, factor: f64) -> f64 {
    let t = (x - 3.0lf) / (x + 3.0lf);
    var y = -2.027376839753599639e-8lf;
    y = y * t + 3.290547716177590983e-8lf;
    y = y * t + 1.149311830459574694e-7lf;
    y = y * t - 1.395060273597918668e-7lf;
    y = y * t - 6.265040260787263464e-7lf;
    y = y * t + 3.58588501081413389e-7lf;
    y = y * t + 3.476614653076218086e-6lf;
    y = y * t - 7.330470048343410727e-7lf;
    y = y * t - 0.0000201017042233169374lf;
    y = y * t + 4.950050366244468853e-6lf;
    y = y * t + 0.0001250995583977210849lf;
    y = y * t - 0.0001051599191312607722lf;
    y = y * t - 0.0007798322977305960051lf;
    y = y * t + 0.001888690374042904428lf;
    y = y * t + 0.002529391818221977742lf;
    y = y * t - 0.02377051491967170681lf;
    y = y * t + 0.06830802734386526703lf;
    y = y * t - 0.1192736634152743464lf;
    y = y * t + 0.1296451587027636506lf;
    y = y * t - 0.04756229435345117585lf;
    y = y * t - 0.1356211061245811982lf;
    y = y * t + 1.253008058269729653lf;
    // The square in two parts, because its rounding would be magnified by the exponential.
    let high = upper(x);
    let low = (high - x) * (high + x);
    return m_exp(-high * high) * m_exp(low) * (factor * (y / (1.0lf + 2.0lf * x)));
}

fn m_erf(x: f64) -> f64 {
    let magnitude = abs(x);
    if is_nan(x) {
        return x;
    }
    if magnitude < 0.92lf {
        return erf_small(x);
    }
    let y = 1.0lf - erfc_tail(min(magnitude, 6.0lf), 1.0lf);
    return select(y, -y, x < 0.0lf);
}

// erfc(x) times a factor, which comes in where the tail is still normal: the product may be, though erfc(x) is not.
fn m_erfc(x: f64, factor: f64) -> f64 {
    if is_nan(x) {
        return x;
    }
    if abs(x) < 0.92lf {
        return factor * (1.0lf - erf_small(x));
    }
    // The exponential is zero from here on.
    let magnitude = min(abs(x), 28.0lf);
    if x < 0.0lf {
        return factor * (2.0lf - erfc_tail(magnitude, 1.0lf));
    }
    return erfc_tail(magnitude, factor);
}

// Exact, by long division of the significands, eleven bits at a time.
fn m_rem(a: f64, b: f64) -> f64 {
    let x = bitcast<u64>(a) & 0x7ffffffffffffffflu;
    let y = bitcast<u64>(b) & 0x7ffffffffffffffflu;
    if x >= 0x7ff0000000000000lu || y > 0x7ff0000000000000lu || y == 0lu {
        return not_a_number();
    }
    if x < y {
        return a;
    }
    let divisor = significand(y);
    var rest = significand(x) % divisor;
    var steps = max(u32(x >> 52u), 1u) - max(u32(y >> 52u), 1u);
    while steps > 0u && rest != 0lu {
        let step = min(steps, 11u);
        rest = (rest << step) % divisor;
        steps -= step;
    }
    let magnitude = scale(f64(rest), i32(max(u32(y >> 52u), 1u)) - 1075);
    return bitcast<f64>(bitcast<u64>(magnitude) | (bitcast<u64>(a) & 0x8000000000000000lu));
}

fn significand(bits: u64) -> u64 {
    return (bits & 0xffffffffffffflu) | select(0lu, 0x10000000000000lu, bits >= 0x10000000000000lu);
}

// The upper 26 bits of a significand: products of two such numbers are exact.
fn upper(x: f64) -> f64 {
    return bitcast<f64>(bitcast<u64>(x) & 0xfffffffff8000000lu);
}

// x^y for positive, finite x != 1 and finite y, as 2^(y log2 x) with the logarithm in two parts.
fn pow_positive(x: f64, y: f64) -> f64 {
    let parts = split(x);
    let f = parts.fraction;
    // log(1 + f) = 2 atanh(s), s = f / (2 + f) in two parts.
    let sum = opaque(2.0lf + f);
    let sum_low = f - (sum - 2.0lf);
    let s = upper(f / sum);
    let sum_high = upper(sum);
    let s_low = ((opaque(f - s * sum_high) - s * (sum - sum_high)) - s * sum_low) / sum;
    let z = (s + s_low) * (s + s_low);
    var cubic = 0.1092708895127702824lf;
    cubic = cubic * z + 0.1043517617647943582lf;
    cubic = cubic * z + 0.1176793994662800512lf;
    cubic = cubic * z + 0.1333326435087324029lf;
    cubic = cubic * z + 0.1538461629281493694lf;
    cubic = cubic * z + 0.181818181745506711lf;
    cubic = cubic * z + 0.2222222222225558936lf;
    cubic = cubic * z + 0.2857142857142849369lf;
    cubic = cubic * z + 0.4000000000000000007lf;
    cubic = cubic * z + 0.6666666666666666667lf;
    cubic = cubic * z * (s + s_low);
    // 2 log2(e) = 2.884765625 + 0.000624...
    let high = s * 2.884765625lf;
    let low = s * 0.0006244567779268147198lf + s_low * 2.885390081777926815lf + cubic * 1.442695040888963407lf;
    let lead = opaque(parts.exponent + high);
    let rest = ((parts.exponent - lead) + high) + low;
    let log_high = opaque(lead + rest);
    let log_low = rest - (log_high - lead);

    let estimate = y * log_high;
    if estimate > 1100.0lf {
        return infinity();
    }
    if estimate < -1100.0lf {
        return 0.0lf;
    }
    let head = upper(y) * upper(log_high);
    let tail = y * (opaque(log_high - upper(log_high)) + log_low) + (y - upper(y)) * upper(log_high);
    let n = round(head + tail);
    let r = opaque(head - n) + tail;
    if n > 1024.0lf {
        return infinity();
    }
    return scale(1.0lf + expm1_reduced(r * 0.6931471805599453094lf), i32(n));
}

fn m_pow(x: f64, y: f64) -> f64 {
    if is_zero(y) || (!is_nan(x) && x == 1.0lf) {
        return 1.0lf;
    }
    if is_nan(x) || is_nan(y) {
        return not_a_number();
    }
    let magnitude = bitcast<f64>(bitcast<u64>(x) & 0x7ffffffffffffffflu);
    if is_infinite(y) {
        if magnitude == 1.0lf {
            return 1.0lf;
        }
        return select(0.0lf, infinity(), (magnitude > 1.0lf) == is_positive(y));
    }
    // All doubles from 2^53 on are even integers.
    let whole = bitcast<u64>(trunc(y)) == bitcast<u64>(y);
    let odd = whole && abs(y) < 9007199254740992.0lf && (i64(y) & 1li) != 0li;
    let negative = (bitcast<u64>(x) >> 63u) == 1lu;
    var result: f64;
    if is_zero(x) || is_infinite(x) {
        result = select(0.0lf, infinity(), is_zero(x) == is_negative(y));
    } else if negative && !whole {
        return not_a_number();
    } else if magnitude == 1.0lf {
        result = 1.0lf;
    } else {
        result = pow_positive(magnitude, y);
    }
    return select(result, -result, negative && odd);
}
