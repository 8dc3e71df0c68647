// Elements in memory. 32- and 64-bit types are arrays of themselves; 16-bit types (halves) lie two and 8-bit types (bytes, or quarters
// for floats) four to a 32-bit word, the first in the low bits. `src/backend/wgpu/shader.rs` says how this file is put together; `$n`
// is an operand's name, `$T` the type it is computed in, `$format` its format.

//# words
// The n lowest bits of a word.
fn low_bits(n: u32) -> u32 {
    return select((1u << (n & 31u)) - 1u, 0xffffffffu, n >= 32u);
}

// A significand without its `shift` lowest bits, at least one: to nearest, ties to even.
fn round_off(significand: u32, shift: u32) -> u32 {
    let quotient = significand >> shift;
    let rest = significand & low_bits(shift);
    let half = 1u << (shift - 1u);
    let up = rest > half || (rest == half && (quotient & 1u) == 1u);
    return quotient + select(0u, 1u, up);
}

// The number of this workgroup in a grid that may have been folded into two dimensions.
fn workgroup_number(id: vec3<u32>, grid: vec3<u32>) -> u32 {
    return id.y * grid.x + id.x;
}

//# load chunks plain
@group(0) @binding($binding) var<storage, $mode> $n: array<vec4<$T>>;
fn load_$n(i: u32) -> vec4<$T> {
    return $n[i];
}

//# load chunks halves
@group(0) @binding($binding) var<storage, $mode> $n: array<vec2<u32>>;
fn load_$n(i: u32) -> vec4<$T> {
    let words = $n[i];
    return vec4<$T>(unpack_$format(words.x & 0xffffu), unpack_$format(words.x >> 16u),
                    unpack_$format(words.y & 0xffffu), unpack_$format(words.y >> 16u));
}

//# load chunks bytes
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn load_$n(i: u32) -> vec4<u32> {
    return (vec4<u32>($n[i]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
}

//# load chunks quarters
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn load_$n(i: u32) -> vec4<$T> {
    let word = $n[i];
    return vec4<$T>(unpack_$format(word & 0xffu), unpack_$format((word >> 8u) & 0xffu),
                    unpack_$format((word >> 16u) & 0xffu), unpack_$format(word >> 24u));
}

//# store chunks plain
@group(0) @binding($binding) var<storage, $mode> $n: array<vec4<$T>>;
fn store_$n(i: u32, v: vec4<$T>, count: u32) {
    if count >= 4u {
        $n[i] = v;
        return;
    }
    for (var j = 0u; j < count; j++) {
        $n[i][j] = v[j];
    }
}

//# store chunks halves
@group(0) @binding($binding) var<storage, $mode> $n: array<vec2<u32>>;
fn store_$n(i: u32, v: vec4<$T>, count: u32) {
    let words = vec2<u32>(pack_$format(v.x) | (pack_$format(v.y) << 16u), pack_$format(v.z) | (pack_$format(v.w) << 16u));
    if count >= 4u {
        $n[i] = words;
        return;
    }
    // What follows in the words belongs to others, who are not written by this dispatch.
    let mask = vec2<u32>(low_bits(16u * count), low_bits(16u * max(count, 2u) - 32u));
    $n[i] = ($n[i] & ~mask) | (words & mask);
}

//# store chunks bytes
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn store_$n(i: u32, v: vec4<u32>, count: u32) {
    let bytes = (v & vec4<u32>(0xffu)) << vec4<u32>(0u, 8u, 16u, 24u);
    let word = bytes.x | bytes.y | bytes.z | bytes.w;
    if count >= 4u {
        $n[i] = word;
        return;
    }
    // What follows in the word belongs to others, who are not written by this dispatch.
    let mask = low_bits(8u * count);
    $n[i] = ($n[i] & ~mask) | (word & mask);
}

//# store chunks quarters
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn store_$n(i: u32, v: vec4<$T>, count: u32) {
    let word = pack_$format(v.x) | (pack_$format(v.y) << 8u) | (pack_$format(v.z) << 16u) | (pack_$format(v.w) << 24u);
    if count >= 4u {
        $n[i] = word;
        return;
    }
    // What follows in the word belongs to others, who are not written by this dispatch.
    let mask = low_bits(8u * count);
    $n[i] = ($n[i] & ~mask) | (word & mask);
}

//# load elements plain
@group(0) @binding($binding) var<storage, $mode> $n: array<$T>;
fn load_$n(i: u32) -> $T {
    return $n[i];
}

//# load elements halves
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn load_$n(i: u32) -> $T {
    return unpack_$format(($n[i / 2u] >> (16u * (i % 2u))) & 0xffffu);
}

//# load elements bytes
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn load_$n(i: u32) -> u32 {
    return ($n[i / 4u] >> (8u * (i % 4u))) & 0xffu;
}

//# load elements quarters
@group(0) @binding($binding) var<storage, $mode> $n: array<u32>;
fn load_$n(i: u32) -> $T {
    return unpack_$format(($n[i / 4u] >> (8u * (i % 4u))) & 0xffu);
}

//# store elements plain
@group(0) @binding($binding) var<storage, $mode> $n: array<$T>;
fn store_$n(i: u32, v: $T) {
    $n[i] = v;
}

//# store elements halves
// Other invocations write the other half of the word: nobody may write back an old copy of it.
@group(0) @binding($binding) var<storage, $mode> $n: array<atomic<u32>>;
fn store_$n(i: u32, v: $T) {
    let shift = 16u * (i % 2u);
    atomicAnd(&$n[i / 2u], ~(0xffffu << shift));
    atomicOr(&$n[i / 2u], pack_$format(v) << shift);
}

//# store elements bytes
// Other invocations write the other bytes of the word: nobody may write back an old copy of them.
@group(0) @binding($binding) var<storage, $mode> $n: array<atomic<u32>>;
fn store_$n(i: u32, v: u32) {
    let shift = 8u * (i % 4u);
    atomicAnd(&$n[i / 4u], ~(0xffu << shift));
    atomicOr(&$n[i / 4u], (v & 0xffu) << shift);
}

//# store elements quarters
// Other invocations write the other bytes of the word: nobody may write back an old copy of them.
@group(0) @binding($binding) var<storage, $mode> $n: array<atomic<u32>>;
fn store_$n(i: u32, v: $T) {
    let shift = 8u * (i % 4u);
    atomicAnd(&$n[i / 4u], ~(0xffu << shift));
    atomicOr(&$n[i / 4u], pack_$format(v) << shift);
}

//# codec u8
// Bytes are shifted and masked in place.

//# codec bool
// Bytes are shifted and masked in place.

//# codec bits16
fn unpack_bits16(bits: u32) -> u32 {
    return bits;
}
fn pack_bits16(bits: u32) -> u32 {
    return bits & 0xffffu;
}

//# codec f16
// In integers, because drivers differ in how `unpack2x16float` and `pack2x16float` treat subnormals and ties.
fn unpack_f16(bits: u32) -> f32 {
    let sign = (bits & 0x8000u) << 16u;
    let exponent = (bits >> 10u) & 0x1fu;
    let fraction = bits & 0x3ffu;
    if exponent == 31u {
        return bitcast<f32>(sign | 0x7f800000u | (fraction << 13u));
    }
    if exponent == 0u {
        // fraction * 2^-24, which is exact and normal in f32.
        let magnitude = f32(fraction) * 5.9604644775390625e-8;
        return bitcast<f32>(sign | bitcast<u32>(magnitude));
    }
    return bitcast<f32>(sign | ((exponent + 112u) << 23u) | (fraction << 13u));
}

// To nearest, ties to even; NaN stays NaN.
fn pack_f16(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return sign | 0x7e00u;
    }
    if magnitude >= 0x477ff000u {
        return sign | 0x7c00u;
    }
    if magnitude >= 0x38800000u {
        let rounded = magnitude + 0xfffu + ((magnitude >> 13u) & 1u);
        return sign | ((rounded - 0x38000000u) >> 13u);
    }
    if magnitude < 0x33000000u {
        return sign;
    }
    // Subnormal in f16: the significand in units of 2^-24.
    return sign | round_off((magnitude & 0x7fffffu) | 0x800000u, 126u - (magnitude >> 23u));
}

//# codec bf16
fn unpack_bf16(bits: u32) -> f32 {
    return bitcast<f32>(bits << 16u);
}

// To nearest, ties to even; NaN stays NaN.
fn pack_bf16(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return (bits >> 16u) | 0x40u;
    }
    return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

//# codec f8e4m3
// In integers, because drivers differ in how they treat subnormals and NaN; a subnormal f8 is a normal f32.
fn unpack_f8e4m3(bits: u32) -> f32 {
    let sign = (bits & 0x80u) << 24u;
    let magnitude = bits & 0x7fu;
    if magnitude == 0x7fu {
        return bitcast<f32>(sign | 0x7fc00000u);
    }
    if magnitude < 8u {
        return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 0.001953125));
    }
    return bitcast<f32>(sign | ((magnitude + 960u) << 20u));
}

// To nearest, ties to even; what is too large becomes the largest number, and NaN stays NaN.
fn pack_f8e4m3(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let sign = (bits >> 24u) & 0x80u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return sign | 0x7fu;
    }
    if magnitude >= 0x3c800000u {
        return sign | min(((magnitude + 0x7ffffu + ((magnitude >> 20u) & 1u)) >> 20u) - 960u, 0x7eu);
    }
    if magnitude < 0x3a800000u {
        return sign;
    }
    return sign | round_off((magnitude & 0x7fffffu) | 0x800000u, 141u - (magnitude >> 23u));
}

//# codec f8e5m2
// In integers, because drivers differ in how they treat subnormals and NaN; a subnormal f8 is a normal f32.
fn unpack_f8e5m2(bits: u32) -> f32 {
    let sign = (bits & 0x80u) << 24u;
    let magnitude = bits & 0x7fu;
    if magnitude >= 0x7cu {
        return bitcast<f32>(sign | 0x7f800000u | ((magnitude & 3u) << 21u));
    }
    if magnitude < 4u {
        return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 0.0000152587890625));
    }
    return bitcast<f32>(sign | ((magnitude + 448u) << 21u));
}

// To nearest, ties to even; overflow is infinite, NaN stays NaN.
fn pack_f8e5m2(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let sign = (bits >> 24u) & 0x80u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return sign | 0x7eu;
    }
    if magnitude >= 0x38800000u {
        return sign | min(((magnitude + 0xfffffu + ((magnitude >> 21u) & 1u)) >> 21u) - 448u, 0x7cu);
    }
    if magnitude < 0x37000000u {
        return sign;
    }
    return sign | round_off((magnitude & 0x7fffffu) | 0x800000u, 134u - (magnitude >> 23u));
}

//# scalar f32
fn scalar(i: u32) -> f32 {
    return bitcast<f32>(param(i));
}

//# scalar f64
fn scalar(i: u32) -> f64 {
    return bitcast<f64>(u64(param(i)) | (u64(param(i + 1u)) << 32u));
}

//# scalar i32
fn scalar(i: u32) -> i32 {
    return bitcast<i32>(param(i));
}

//# scalar i64
fn scalar(i: u32) -> i64 {
    return bitcast<i64>(u64(param(i)) | (u64(param(i + 1u)) << 32u));
}

//# scalar u32
fn scalar(i: u32) -> u32 {
    return param(i);
}
