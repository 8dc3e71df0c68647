// Elements in memory. 32- and 64-bit types are arrays of themselves; 16-bit types lie two and 8-bit types four to a 32-bit word,
// the first in the low bits. `src/backend/wgpu/shader.rs` says how this file is put together; `$n` is an operand's name, `$T` the
// type it is computed in, `$format` its format.

//# words
// The n lowest bits of a word.
fn low_bits(n: u32) -> u32 {
    return select((1u << (n & 31u)) - 1u, 0xffffffffu, n >= 32u);
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
    // Subnormal in f16: the significand, shifted to units of 2^-24 and rounded there.
    let shift = 126u - (magnitude >> 23u);
    let significand = (magnitude & 0x7fffffu) | 0x800000u;
    let quotient = significand >> shift;
    let rest = significand & low_bits(shift);
    let half = 1u << (shift - 1u);
    let up = rest > half || (rest == half && (quotient & 1u) == 1u);
    return sign | (quotient + select(0u, 1u, up));
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
