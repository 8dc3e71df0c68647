// The vocabulary (`src/backend/vocabulary.rs`) on single values: `op_` and the operation's name, because WGSL's own functions have the
// bare names. Unary functions take two parameters, which most ignore. `$T` is the type computed in; the half types compute in f32.

//# float
fn op_neg(x: $T, p: $T, q: $T) -> $T { return -x; }
fn op_abs(x: $T, p: $T, q: $T) -> $T { return abs(x); }
fn op_square(x: $T, p: $T, q: $T) -> $T { return x * x; }
fn op_clamp(x: $T, p: $T, q: $T) -> $T { return op_minimum(op_maximum(x, p), q); }
fn op_sqrt(x: $T, p: $T, q: $T) -> $T { return sqrt(x); }
fn op_rsqrt(x: $T, p: $T, q: $T) -> $T { return $T(1.0) / sqrt(x); }
fn op_recip(x: $T, p: $T, q: $T) -> $T { return $T(1.0) / x; }
fn op_exp(x: $T, p: $T, q: $T) -> $T { return m_exp(x); }
fn op_exp2(x: $T, p: $T, q: $T) -> $T { return m_exp2(x); }
fn op_expm1(x: $T, p: $T, q: $T) -> $T { return m_expm1(x); }
fn op_log(x: $T, p: $T, q: $T) -> $T { return m_log(x); }
fn op_log2(x: $T, p: $T, q: $T) -> $T { return m_log2(x); }
fn op_log1p(x: $T, p: $T, q: $T) -> $T { return m_log1p(x); }
fn op_sin(x: $T, p: $T, q: $T) -> $T { return m_sin(x); }
fn op_cos(x: $T, p: $T, q: $T) -> $T { return m_cos(x); }
fn op_tanh(x: $T, p: $T, q: $T) -> $T { return m_tanh(x); }
fn op_erf(x: $T, p: $T, q: $T) -> $T { return m_erf(x); }
fn op_floor(x: $T, p: $T, q: $T) -> $T { return floor(x); }
fn op_ceil(x: $T, p: $T, q: $T) -> $T { return ceil(x); }
fn op_round(x: $T, p: $T, q: $T) -> $T { return round(x); }
fn op_trunc(x: $T, p: $T, q: $T) -> $T { return trunc(x); }
fn op_relu(x: $T, p: $T, q: $T) -> $T { return op_maximum(x, $T(0.0)); }

// Zeros and NaN are returned as they are.
fn op_sign(x: $T, p: $T, q: $T) -> $T {
    if is_nan(x) {
        return x;
    }
    return select(select(x, $T(-1.0), is_negative(x)), $T(1.0), is_positive(x));
}

fn op_leaky_relu(x: $T, p: $T, q: $T) -> $T {
    return select(x, x * p, is_negative(x));
}

fn op_elu(x: $T, p: $T, q: $T) -> $T {
    return select(x, p * m_expm1(x), is_negative(x));
}

// Both forms keep the exponent below zero, so that nothing overflows.
fn op_sigmoid(x: $T, p: $T, q: $T) -> $T {
    let e = m_exp(-abs(x));
    return select(e, $T(1.0), x >= 0.0) / ($T(1.0) + e);
}

fn op_silu(x: $T, p: $T, q: $T) -> $T { return times_sigmoid(x, x); }

// x times the sigmoid of u.
fn times_sigmoid(x: $T, u: $T) -> $T {
    if u < -80.0 {
        // The sigmoid is e^u here, and may be subnormal where its product with x is not.
        let root = m_exp($T(0.5) * u);
        return opaque(x * root) * root;
    }
    return x * op_sigmoid(u, $T(0.0), $T(0.0));
}

// erfc keeps the digits of the negative tail, where 1 + erf would cancel.
fn op_gelu(x: $T, p: $T, q: $T) -> $T {
    return m_erfc(-x * $T(0.70710678118654752440), $T(0.5) * x);
}

fn op_gelu_tanh(x: $T, p: $T, q: $T) -> $T {
    // 1 + tanh(u) is 2 sigmoid(2u), which does not cancel.
    let u = $T(1.5957691216057307117) * (x + $T(0.044715) * x * x * x);
    return times_sigmoid(x, u);
}

fn op_softplus(x: $T, p: $T, q: $T) -> $T {
    return op_maximum(x, $T(0.0)) + m_log1p(m_exp(-abs(x)));
}

fn op_softsign(x: $T, p: $T, q: $T) -> $T { return op_div(x, $T(1.0) + abs(x)); }

fn op_add(a: $T, b: $T) -> $T { return a + b; }
fn op_sub(a: $T, b: $T) -> $T { return a - b; }
fn op_mul(a: $T, b: $T) -> $T { return a * b; }
fn op_div(a: $T, b: $T) -> $T { return m_div(a, b); }
fn op_rem(a: $T, b: $T) -> $T { return m_rem(a, b); }
fn op_pow(a: $T, b: $T) -> $T { return m_pow(a, b); }
fn op_add_relu(a: $T, b: $T) -> $T { return op_maximum(a + b, $T(0.0)); }
fn op_mul_relu(a: $T, b: $T) -> $T { return op_maximum(a * b, $T(0.0)); }

// NaN is looked for in the bits: a shader compiler may assume that there is none, and drop a comparison.
fn op_maximum(a: $T, b: $T) -> $T {
    if is_nan(a) {
        return a;
    }
    if is_nan(b) {
        return b;
    }
    return select(b, a, order(a) > order(b));
}

fn op_minimum(a: $T, b: $T) -> $T {
    if is_nan(a) {
        return a;
    }
    if is_nan(b) {
        return b;
    }
    return select(b, a, order(a) < order(b));
}

fn ordered(a: $T, b: $T) -> bool { return !is_nan(a) && !is_nan(b); }
fn op_eq(a: $T, b: $T) -> u32 { return select(0u, 1u, ordered(a, b) && a == b); }
fn op_ne(a: $T, b: $T) -> u32 { return select(1u, 0u, ordered(a, b) && a == b); }
fn op_lt(a: $T, b: $T) -> u32 { return select(0u, 1u, ordered(a, b) && a < b); }
fn op_le(a: $T, b: $T) -> u32 { return select(0u, 1u, ordered(a, b) && a <= b); }
fn op_gt(a: $T, b: $T) -> u32 { return select(0u, 1u, ordered(a, b) && a > b); }
fn op_ge(a: $T, b: $T) -> u32 { return select(0u, 1u, ordered(a, b) && a >= b); }

//# integer
fn op_square(x: $T, p: $T, q: $T) -> $T { return x * x; }
fn op_clamp(x: $T, p: $T, q: $T) -> $T { return min(max(x, p), q); }
fn op_add(a: $T, b: $T) -> $T { return a + b; }
fn op_sub(a: $T, b: $T) -> $T { return a - b; }
fn op_mul(a: $T, b: $T) -> $T { return a * b; }
fn op_maximum(a: $T, b: $T) -> $T { return max(a, b); }
fn op_minimum(a: $T, b: $T) -> $T { return min(a, b); }
fn op_add_relu(a: $T, b: $T) -> $T { return max(narrow(a + b), $T(0)); }
fn op_mul_relu(a: $T, b: $T) -> $T { return max(narrow(a * b), $T(0)); }
fn op_eq(a: $T, b: $T) -> u32 { return select(0u, 1u, a == b); }
fn op_ne(a: $T, b: $T) -> u32 { return select(0u, 1u, a != b); }
fn op_lt(a: $T, b: $T) -> u32 { return select(0u, 1u, a < b); }
fn op_le(a: $T, b: $T) -> u32 { return select(0u, 1u, a <= b); }
fn op_gt(a: $T, b: $T) -> u32 { return select(0u, 1u, a > b); }
fn op_ge(a: $T, b: $T) -> u32 { return select(0u, 1u, a >= b); }

//# signed
fn narrow(x: $T) -> $T { return x; }
fn op_neg(x: $T, p: $T, q: $T) -> $T { return $T(0) - x; }
fn op_abs(x: $T, p: $T, q: $T) -> $T { return select(x, $T(0) - x, x < $T(0)); }
fn op_sign(x: $T, p: $T, q: $T) -> $T { return select(select($T(0), $T(-1), x < $T(0)), $T(1), x > $T(0)); }

// A divisor of 0 gives 0, and -1 negates: the smallest value wraps where the hardware would trap.
fn op_div(a: $T, b: $T) -> $T {
    if b == $T(0) {
        return $T(0);
    }
    if b == $T(-1) {
        return $T(0) - a;
    }
    return a / b;
}

fn op_rem(a: $T, b: $T) -> $T {
    if b == $T(0) || b == $T(-1) {
        return $T(0);
    }
    return a % b;
}

//# unsigned
fn narrow(x: u32) -> u32 { return x; }
fn op_div(a: u32, b: u32) -> u32 { return select(a / max(b, 1u), 0u, b == 0u); }
fn op_rem(a: u32, b: u32) -> u32 { return select(a % max(b, 1u), 0u, b == 0u); }

//# bytes
fn narrow(x: u32) -> u32 { return x & 0xffu; }
fn op_div(a: u32, b: u32) -> u32 { return select(a / max(b, 1u), 0u, b == 0u); }
fn op_rem(a: u32, b: u32) -> u32 { return select(a % max(b, 1u), 0u, b == 0u); }

//# bool
fn op_logical_not(x: u32, p: u32, q: u32) -> u32 { return x ^ 1u; }
fn op_logical_and(a: u32, b: u32) -> u32 { return a & b; }
fn op_logical_or(a: u32, b: u32) -> u32 { return a | b; }
fn op_logical_xor(a: u32, b: u32) -> u32 { return a ^ b; }
