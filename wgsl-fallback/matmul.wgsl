// Matrix products: activation(alpha * (a @ b) + bias) * multiply + beta * c.
//
// A workgroup computes a square tile of the result; some steps of k at a time are brought to workgroup memory, and while they are
// multiplied the next are on their way to registers. An invocation holds several blocks of 4 x 4 results, apart from each
// other, so that neighbours read neighbouring vectors.
//
// `a` and `b` are treated alike: a matrix with one axis along k and one free axis (m or n). It is read in vectors of four along the
// axis that lies closer in memory. In workgroup memory a vector is four elements along the free axis: what was read along k is
// turned when it is put there, because it is put there once and read many times.
// `src/backend/wgpu/matmul.rs` lists the parameter words.

//# block
alias Vector = vec4<$S>;

const ZERO = Vector($S(0));
const FREE = $free;
const STEPS = $steps;
// Vectors of a step. One more than there are, so that neighbours that turn vectors write to different banks.
const STEP = FREE / 4u + 1u;
// Neighbouring workgroups compute tiles of so many rows of tiles, that they may share what they read.
const BAND = 8u;

//# tile
var<workgroup> tile_$n: array<Vector, STEP * STEPS>;

// `fetch`: vector number `slot` of the tile that starts at (free, k), out of a matrix with `frees` x `steps` elements from `start`
// on. Outside of it a vector is zero along k; along the free axis it may be anything, for its results are not written.

//# chunks along k
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let f = min(free + slot / (STEPS / 4u), frees - 1u);
    let first = k + slot % (STEPS / 4u) * 4u;
    $outside
    return load_$n((start + f * free_stride + min(first, steps - 4u)) / 4u);
}

//# chunks along free
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let f = min(free + slot % (FREE / 4u) * 4u, frees - 4u);
    let first = k + slot / (FREE / 4u);
    $outside
    return load_$n((start + f + min(first, steps - 1u) * k_stride) / 4u);
}

//# outside
if first >= steps {
        return ZERO;
    }
//# elements along k
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let f = free + slot / (STEPS / 4u);
    let first = k + slot % (STEPS / 4u) * 4u;
    let count = select(0u, steps - min(first, steps), f < frees);
    return vector_$n(start + f * free_stride + first * k_stride, k_stride, count);
}

//# elements along free
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let first = free + slot % (FREE / 4u) * 4u;
    let step = k + slot / (FREE / 4u);
    let count = select(0u, frees - min(first, frees), step < steps);
    return vector_$n(start + first * free_stride + step * k_stride, free_stride, count);
}

//# vector
fn vector_$n(at: u32, step: u32, count: u32) -> Vector {
    var v = ZERO;
    if count > 0u { v.x = load_$n(at); }
    if count > 1u { v.y = load_$n(at + step); }
    if count > 2u { v.z = load_$n(at + 2u * step); }
    if count > 3u { v.w = load_$n(at + 3u * step); }
    return v;
}

// `keep`: puts vector number `slot` into the tile.

//# keep along k
fn keep_$n(slot: u32, v: Vector) {
    let f = slot / (STEPS / 4u);
    let at = slot % (STEPS / 4u) * 4u * STEP + f / 4u;
    tile_$n[at][f % 4u] = v.x;
    tile_$n[at + STEP][f % 4u] = v.y;
    tile_$n[at + 2u * STEP][f % 4u] = v.z;
    tile_$n[at + 3u * STEP][f % 4u] = v.w;
}

//# keep along free
fn keep_$n(slot: u32, v: Vector) {
    tile_$n[slot / (FREE / 4u) * STEP + slot % (FREE / 4u)] = v;
}

//# product
// The result at one row and four columns, without what lies outside the matrix.
fn finish_element(v: $S, at: vec2<u32>, bias: u32, multiply: u32, c: u32) -> $S {
    var y = v;
    $alpha
    $bias
    $activation
    $multiply
    $c
    return y;
}

//# alpha
y *= scalar(22u);
//# bias
y += load_bias(bias + at.x * param(16u) + at.y * param(17u));
//# multiply
y *= load_multiply(multiply + at.x * param(18u) + at.y * param(19u));
//# c
y += scalar(24u) * load_c(c + at.x * param(20u) + at.y * param(21u));
//# activation
y = op_$op(y, $S(0), $S(0));

//# write chunks
fn write(v: Vector, row: u32, column: u32, out: u32, bias: u32, multiply: u32, c: u32) {
    if row >= param(0u) || column >= param(1u) {
        return;
    }
    let y = Vector(
        finish_element(v.x, vec2<u32>(row, column), bias, multiply, c),
        finish_element(v.y, vec2<u32>(row, column + 1u), bias, multiply, c),
        finish_element(v.z, vec2<u32>(row, column + 2u), bias, multiply, c),
        finish_element(v.w, vec2<u32>(row, column + 3u), bias, multiply, c));
    store_out((out + row * param(14u) + column) / 4u, y, 4u);
}
//# write elements
fn write(v: Vector, row: u32, column: u32, out: u32, bias: u32, multiply: u32, c: u32) {
    if row >= param(0u) {
        return;
    }
    let start = out + row * param(14u);
    let count = param(1u) - min(column, param(1u));
    for (var i = 0u; i < 4u; i++) {
        if i < count {
            let at = column + i;
            store_out(start + at * param(15u), finish_element(v[i], vec2<u32>(row, at), bias, multiply, c));
        }
    }
}

//# begin
    var $c0 = ZERO;
    var $c1 = ZERO;
    var $c2 = ZERO;
    var $c3 = ZERO;
//# first
    var next_$n$i = fetch_$n(local + $slot, $n, $free, 0u, $frees, steps, $strides);
//# keep
        keep_$n(local + $slot, next_$n$i);
//# next
        next_$n$i = fetch_$n(local + $slot, $n, $free, k + STEPS, $frees, steps, $strides);
//# fragment
        let $block = tile_$n[$step * STEP + $at];
//# accumulate
        $c0 += $a.x * $b;
        $c1 += $a.y * $b;
        $c2 += $a.z * $b;
        $c3 += $a.w * $b;
//# loop
        for (var kk = 0u; kk < STEPS; kk++) {
$multiply
        }
//# end
    write($c0, row + $i, column + $j, out, bias, multiply, c);
    write($c1, row + $i + 1u, column + $j, out, bias, multiply, c);
    write($c2, row + $i + 2u, column + $j, out, bias, multiply, c);
    write($c3, row + $i + 3u, column + $j, out, bias, multiply, c);

//# main
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let rows = param(0u);
    let columns = param(1u);
    let steps = param(2u);
    let down = (rows + FREE - 1u) / FREE;
    let across = (columns + FREE - 1u) / FREE;
    let group = workgroup_number(id, grid);
    let item = group / (down * across);
    // A folded grid may have more workgroups than there are tiles.
    if item >= param(3u) {
        return;
    }
    let tile = group % (down * across);
    let band = tile / (BAND * across) * BAND;
    let height = min(BAND, down - band);
    let within = tile % (BAND * across);
    let first_row = (band + within % height) * FREE;
    let first_column = within / height * FREE;
    let out = param(4u) + batch(item, 0u);
    let a = param(5u) + batch(item, 1u);
    let b = param(6u) + batch(item, 2u);
    let bias = param(7u) + batch(item, 3u);
    let multiply = param(8u) + batch(item, 4u);
    let c = param(9u) + batch(item, 5u);
    let x = local % $wide;
    let y = local / $wide;
$begin
$first
    for (var k = 0u; k < steps; k += STEPS) {
        // Until the previous tiles have been read.
        workgroupBarrier();
$keep
        workgroupBarrier();
$next
$multiply
    }
    let row = first_row + y * 4u;
    let column = first_column + x * 4u;
$end
}
