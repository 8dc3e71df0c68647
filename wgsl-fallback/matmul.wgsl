// Matrix products: activation(alpha * (a @ b) + bias) * multiply + beta * c.
//
// A workgroup of 16 x 16 invocations computes a tile of the result; 16 steps of k at a time are brought to workgroup memory, and while
// they are multiplied the next are on their way to registers. An invocation holds $g x $g blocks of 4 x 4 results, as far apart as
// 16 blocks, so that neighbours read neighbouring vectors.
//
// `a` and `b` are treated alike: a matrix with one axis along k and one free axis (m or n). In workgroup memory four consecutive
// elements are a vector, along k or along the free axis, whichever lies closer in memory; a block is turned in registers.
// `src/backend/wgpu/matmul.rs` lists the parameter words.

//# block
// Four vectors of four: for each k the elements along the free axis; or for each row the results along n.
alias Vector = vec4<$S>;
struct Block {
    r0: Vector,
    r1: Vector,
    r2: Vector,
    r3: Vector,
}

const ZERO = Vector($S(0));
const STEPS = 16u;
const FREE = $free;

// c + the product of a 4 x 4 block of `a` and one of `b`.
fn accumulate(c: Block, a: Block, b: Block) -> Block {
    return Block(
        c.r0 + a.r0.x * b.r0 + a.r1.x * b.r1 + a.r2.x * b.r2 + a.r3.x * b.r3,
        c.r1 + a.r0.y * b.r0 + a.r1.y * b.r1 + a.r2.y * b.r2 + a.r3.y * b.r3,
        c.r2 + a.r0.z * b.r0 + a.r1.z * b.r1 + a.r2.z * b.r2 + a.r3.z * b.r3,
        c.r3 + a.r0.w * b.r0 + a.r1.w * b.r1 + a.r2.w * b.r2 + a.r3.w * b.r3);
}

//# tile
var<workgroup> tile_$n: array<Vector, FREE * STEPS / 4u>;

//# vector chunks
// Four elements from offset `at` on; their number is a multiple of four.
fn vector_$n(at: u32, step: u32, count: u32) -> Vector {
    if count == 0u {
        return ZERO;
    }
    return load_$n(at / 4u);
}
//# vector elements
fn vector_$n(at: u32, step: u32, count: u32) -> Vector {
    var v = ZERO;
    if count > 0u { v.x = load_$n(at); }
    if count > 1u { v.y = load_$n(at + step); }
    if count > 2u { v.z = load_$n(at + 2u * step); }
    if count > 3u { v.w = load_$n(at + 3u * step); }
    return v;
}

// `fetch`: vector number `slot` of the tile that starts at (free, k), out of a matrix with `frees` x `steps` elements from `start`
// on. `place`: where it lies in the tile. `fragment`: block number `at` along the free axis of four steps of k.

//# along k
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let f = free + slot / 4u;
    let first = k + slot % 4u * 4u;
    let count = select(0u, steps - min(first, steps), f < frees);
    return vector_$n(start + f * free_stride + first * k_stride, k_stride, count);
}

// Neighbours read every fourth vector: the exchange spreads them over the banks.
fn spread_$n(k: u32, free: u32) -> u32 {
    return k * FREE + (free ^ ((free >> 3u) & 3u));
}

fn place_$n(slot: u32) -> u32 {
    return spread_$n(slot % 4u, slot / 4u);
}

fn fragment_$n(k: u32, at: u32) -> Block {
    let f0 = tile_$n[spread_$n(k, at * 4u)];
    let f1 = tile_$n[spread_$n(k, at * 4u + 1u)];
    let f2 = tile_$n[spread_$n(k, at * 4u + 2u)];
    let f3 = tile_$n[spread_$n(k, at * 4u + 3u)];
    return Block(
        Vector(f0.x, f1.x, f2.x, f3.x),
        Vector(f0.y, f1.y, f2.y, f3.y),
        Vector(f0.z, f1.z, f2.z, f3.z),
        Vector(f0.w, f1.w, f2.w, f3.w));
}

//# along free
fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Vector {
    let first = free + slot % (FREE / 4u) * 4u;
    let step = k + slot / (FREE / 4u);
    let count = select(0u, frees - min(first, frees), step < steps);
    return vector_$n(start + first * free_stride + step * k_stride, free_stride, count);
}

fn place_$n(slot: u32) -> u32 {
    return slot;
}

fn fragment_$n(k: u32, at: u32) -> Block {
    let first = k * FREE + at;
    return Block(tile_$n[first], tile_$n[first + FREE / 4u], tile_$n[first + FREE / 2u], tile_$n[first + 3u * FREE / 4u]);
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
    var $c = Block(ZERO, ZERO, ZERO, ZERO);
//# fetch
    var $next = fetch_$n($slot, $n, $free, 0u, $frees, steps, $strides);
//# keep
        tile_$n[place_$n($slot)] = $next;
//# prefetch
        $next = fetch_$n($slot, $n, $free, k + STEPS, $frees, steps, $strides);
//# fragment
            let $block = fragment_$n(kk, $at);
//# accumulate
            $c = accumulate($c, $a, $b);
//# end
    write($c.r0, row + $i, column + $j, out, bias, multiply, c);
    write($c.r1, row + $i + 1u, column + $j, out, bias, multiply, c);
    write($c.r2, row + $i + 2u, column + $j, out, bias, multiply, c);
    write($c.r3, row + $i + 3u, column + $j, out, bias, multiply, c);

//# main
@compute @workgroup_size(256)
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
    let first_row = tile / across * FREE;
    let first_column = tile % across * FREE;
    let out = param(4u) + batch(item, 0u);
    let a = param(5u) + batch(item, 1u);
    let b = param(6u) + batch(item, 2u);
    let bias = param(7u) + batch(item, 3u);
    let multiply = param(8u) + batch(item, 4u);
    let c = param(9u) + batch(item, 5u);
    let x = local % 16u;
    let y = local / 16u;
$begin
$fetch
    for (var k = 0u; k < steps; k += STEPS) {
        // Until the previous tiles have been read.
        workgroupBarrier();
$keep
        workgroupBarrier();
$prefetch
        for (var kk = 0u; kk < STEPS / 4u; kk++) {
$fragments
$accumulate
        }
    }
    let row = first_row + y * 4u;
    let column = first_column + x * 4u;
$end
}
