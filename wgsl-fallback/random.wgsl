// Random numbers: Philox 4x32-10 (Salmon et al., 2011). A number is a pure function of the key and the element's index; parameters are
// `len, output offset, key low, key high, first block low, first block high`.

//# philox
// The upper and the lower word of a product.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2<u32>((a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u), (cross << 16u) | (low & 0xffffu));
}

// The four words of block number `block` of the stream of `key`.
fn philox(block: vec2<u32>, key: vec2<u32>) -> vec4<u32> {
    var counter = vec4<u32>(block, 0u, 0u);
    var k = key;
    for (var round = 0; round < 10; round++) {
        let a = multiply_wide(0xd2511f53u, counter.x);
        let b = multiply_wide(0xcd9e8d57u, counter.z);
        counter = vec4<u32>(b.x ^ counter.y ^ k.x, b.y, a.x ^ counter.w ^ k.y, a.y);
        k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

// Block number `n` after the first, which may carry into the upper word.
fn block(n: u32) -> vec4<u32> {
    let low = param(4) + n;
    return philox(vec2<u32>(low, param(5) + select(0u, 1u, low < n)), vec2<u32>(param(2), param(3)));
}

//# uniform f32
fn draw(n: u32) -> vec4<f32> {
    return vec4<f32>(block(n) >> vec4<u32>(8u)) * 5.9604644775390625e-8f;
}

//# uniform f16
// As many bits as the type has: more would round up to 1.
fn draw(n: u32) -> vec4<f32> {
    return vec4<f32>(block(n) >> vec4<u32>(21u)) * 4.8828125e-4f;
}

//# uniform bf16
// As many bits as the type has: more would round up to 1.
fn draw(n: u32) -> vec4<f32> {
    return vec4<f32>(block(n) >> vec4<u32>(24u)) * 3.90625e-3f;
}

//# uniform f64
fn wide(high: u32, low: u32) -> f64 {
    return f64(((u64(high) << 32u) | u64(low)) >> 11u) * 1.1102230246251565e-16lf;
}
// Two words make one number, two blocks four.
fn draw(n: u32) -> vec4<f64> {
    let a = block(2u * n);
    let b = block(2u * n + 1u);
    return vec4<f64>(wide(a.x, a.y), wide(a.z, a.w), wide(b.x, b.y), wide(b.z, b.w));
}

//# normal f32
fn draw(n: u32) -> vec4<f32> {
    let words = block(n);
    return vec4<f32>(normal(words.x), normal(words.y), normal(words.z), normal(words.w));
}

//# normal f64
fn draw(n: u32) -> vec4<f64> {
    let words = block(n);
    return vec4<f64>(f64(normal(words.x)), f64(normal(words.y)), f64(normal(words.z)), f64(normal(words.w)));
}

//# main
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let chunk = workgroup_number(id, grid) * $workgroup + lane;
    let len = param(0);
    let first = chunk * 4u;
    if first >= len {
        return;
    }
    store_out(param(1) + chunk, draw(chunk), min(len - first, 4u));
}
