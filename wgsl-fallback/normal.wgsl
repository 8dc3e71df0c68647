// A random word to a standard normal number in integer arithmetic: src/backend/normal.rs says how, and these are its lines.
// The table is `normal::TABLE`.

@group(0) @binding(1) var<storage, read> normal_table: array<i32>;

// The high word of a * b for a signed and an unsigned factor, rounded down.
fn mul_high(a: i32, b: u32) -> i32 {
    let u = bitcast<u32>(a);
    let low = (u & 0xffffu) * (b & 0xffffu);
    let cross = (u >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (u & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
    let high = (u >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
    return bitcast<i32>(high - select(0u, b, a < 0));
}

// The sign is set as a bit, so that no compiler drops a negative zero.
fn normal(bits: u32) -> f32 {
    let v = bits & 0x7fffffffu;
    let octave = 32u - countLeadingZeros(v);
    let mantissa = select(v << ((32u - octave) & 31u), 0u, v == 0u);
    let row = octave * 64u + ((mantissa >> 27u) & 15u) * 4u;
    let t = mantissa << 5u;
    var z = normal_table[row + 3u];
    z = normal_table[row + 2u] + mul_high(z, t);
    z = normal_table[row + 1u] + mul_high(z, t);
    z = normal_table[row] + mul_high(z, t);
    let length = 32u - countLeadingZeros(bitcast<u32>(z));
    let surplus = max(length, 24u) - 24u;
    let magnitude = f32((z >> surplus) << surplus) * 3.7252902984619140625e-9;
    return bitcast<f32>(bitcast<u32>(magnitude) | (bits & 0x80000000u));
}
