// Elementwise kernels: fetch the operands `x`, `y`, `z` of an element (or of four consecutive ones), compute, store. The parameter
// words are listed in `src/backend/wgpu/elementwise.rs`.

//# main chunks
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let chunk = workgroup_number(id, grid) * $workgroup + lane;
    let len = param(0u);
    let first = chunk * 4u;
    if first >= len {
        return;
    }
$fetch
    store_out(param(2u) + chunk, $compute, min(len - first, 4u));
}

//# main elements
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let element = workgroup_number(id, grid) * $workgroup + lane;
    if element >= param(0u) {
        return;
    }
$fetch
    store_out(locate(element, param(2u), $slot), $compute);
}

//# coordinates
// Where element number `index` in loop order lies, for the operand that starts at `start` and has the strides number `slot`.
// Negative strides wrap around, as two's complement does.
fn locate(index: u32, start: u32, slot: u32) -> u32 {
    let rank = param(1u);
    let strides = 10u + rank * (slot + 1u);
    var rest = index;
    var at = start;
    for (var axis = rank; axis > 0u; axis--) {
        let n = param(9u + axis);
        let outer = rest / n;
        at += (rest - outer * n) * param(strides + axis - 1u);
        rest = outer;
    }
    return at;
}

//# fetch run
    let $n = load_$n(param($offset) + chunk);
//# fetch one
    let $n = vec4<$T>(load_$n(param($offset)));
//# fetch one element
    let $n = load_$n(param($offset));
//# fetch scalar
    let $n = vec4<$T>(scalar($scalar));
//# fetch scalar element
    let $n = scalar($scalar);
//# fetch rows
    // The innermost length is a multiple of four: all four lie in one row.
    let at_$n = locate(first, param($offset), $slot);
    let step_$n = param(9u + param(1u) * ($slot + 2u));
    let $n = vec4<$T>(load_$n(at_$n), load_$n(at_$n + step_$n), load_$n(at_$n + 2u * step_$n), load_$n(at_$n + 3u * step_$n));
//# fetch strided
    // Elements past the end are computed from the last one and not stored.
    let $n = vec4<$T>(load_$n(locate(first, param($offset), $slot)),
                      load_$n(locate(min(first + 1u, len - 1u), param($offset), $slot)),
                      load_$n(locate(min(first + 2u, len - 1u), param($offset), $slot)),
                      load_$n(locate(min(first + 3u, len - 1u), param($offset), $slot)));
//# fetch element
    let $n = load_$n(locate(element, param($offset), $slot));
//# fetch parameters
    let p = scalar(6u);
    let q = scalar(8u);
