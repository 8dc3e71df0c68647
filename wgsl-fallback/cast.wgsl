// Conversions between element types, as Rust's `as`: floats to integers truncate and saturate and NaN becomes 0, integers wrap,
// `bool` is `v != 0`. `$A` is the source's compute type, `$B` the target's.

//# same
fn convert(x: $A) -> $B {
    return x;
}

//# plain
fn convert(x: $A) -> $B {
    return $B(x);
}

//# u32 to i64
// In two steps: drivers differ in whether a direct conversion extends the sign.
fn convert(x: $A) -> $B {
    return bitcast<i64>(u64(x));
}

//# float to bool
fn convert(x: $A) -> $B {
    return select(1u, 0u, is_zero(x));
}

//# integer to bool
fn convert(x: $A) -> $B {
    return select(0u, 1u, x != $A(0));
}

//# float to u8
fn convert(x: $A) -> $B {
    if is_nan(x) || x <= 0.0 {
        return 0u;
    }
    return select(255u, u32(x), x < 255.0);
}

//# float to u32
fn convert(x: $A) -> $B {
    if is_nan(x) || x <= 0.0 {
        return 0u;
    }
    if x >= 4294967296.0 {
        return 0xffffffffu;
    }
    return u32(x);
}

//# float to i32
fn convert(x: $A) -> $B {
    if is_nan(x) {
        return 0i;
    }
    if x >= 2147483648.0 {
        return 0x7fffffffi;
    }
    if x <= -2147483648.0 {
        return -0x7fffffffi - 1i;
    }
    return i32(x);
}

//# float to i64
fn convert(x: $A) -> $B {
    if is_nan(x) {
        return 0li;
    }
    if x >= 9223372036854775808.0 {
        return 0x7fffffffffffffffli;
    }
    if x <= -9223372036854775808.0 {
        return -0x7fffffffffffffffli - 1li;
    }
    return i64(x);
}

//# f64 to half
// Rounded to odd in f32, so that the rounding to the half type that follows sees which side the value lay on.
fn convert(x: $A) -> $B {
    let near = f32(x);
    let bits = bitcast<u32>(near);
    let back = f64(near);
    if is_nan(x) || back == x || (bits & 0x7fffffffu) == 0x7f800000u {
        return near;
    }
    let truncated = bits - select(0u, 1u, abs(back) > abs(x));
    return bitcast<f32>(truncated | 1u);
}

//# i32 to half
// Rounded to odd in f32, so that the rounding to the half type that follows sees which side the value lay on.
fn convert(x: $A) -> $B {
    let magnitude = select(bitcast<u32>(x), ~bitcast<u32>(x) + 1u, x < $A(0));
    let shift = max(firstLeadingBit(magnitude | 1u), 23u) - 23u;
    let top = magnitude >> shift;
    let odd = top | select(0u, 1u, magnitude != (top << shift));
    let scaled = f32(odd) * f32(1u << shift);
    return select(scaled, -scaled, x < $A(0));
}

//# i64 to half
// Rounded to odd in f32, so that the rounding to the half type that follows sees which side the value lay on.
fn convert(x: $A) -> $B {
    let magnitude = select(bitcast<u64>(x), ~bitcast<u64>(x) + 1lu, x < 0li);
    var shift = 0u;
    var top = magnitude;
    while top >= 0x1000000lu {
        top = top >> 1u;
        shift += 1u;
    }
    let lost = magnitude != (top << shift);
    let odd = u32(top) | select(0u, 1u, lost);
    let scaled = f32(odd) * bitcast<f32>((127u + shift) << 23u);
    return select(scaled, -scaled, x < 0li);
}
