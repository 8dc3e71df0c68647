// Matrix products of f16 by cooperative matrices: what replaces the tiles and the entry point of `matmul.wgsl`.
//
// A workgroup computes a tile of ROWS x COLUMNS results, each of its subgroups a part of $down x $across matrices of 16 x 16, which
// stay in registers in f32. STEPS steps of k at a time are brought to workgroup memory. Both matrices are kept as they lie, because a
// cooperative matrix can be loaded by rows or by columns. They are read eight elements at a time, as four words, the most that a load
// brings. A line has eight elements more than it needs, so that the rows of a matrix lie in different banks.
//
// While a tile is multiplied the next is on its way to registers. Its loads and the writes to workgroup memory that wait for them
// stand in the same iteration, with the multiplications between them: from one iteration to the next a compiler moves a load down to
// its use, and then nothing hides how long it takes.
//
// Workgroup memory is the scarce thing, because it decides how many workgroups a multiprocessor holds; so results leave by a single
// matrix for each subgroup.

//# directives
enable f16;
enable wgpu_cooperative_matrix;
//# codec
// By the device: who has such matrices converts f16 exactly, subnormals too.
fn unpack_f16(bits: u32) -> f32 {
    return unpack2x16float(bits).x;
}

fn pack_f16(v: f32) -> u32 {
    return pack2x16float(vec2<f32>(v, 0.0));
}

//# types
alias Vector = vec4<f32>;
alias Unit = vec4<u32>;
alias Half = vec4<f16>;
alias Left = coop_mat16x16<f16, A>;
alias Right = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;

const ROWS = $rows;
const COLUMNS = $columns;
const STEPS = $steps;
// Neighbouring workgroups compute tiles of so many rows of tiles, that they may share what they read.
const BAND = 8u;

// Where each subgroup puts a matrix of its results before they are finished.
var<workgroup> results: array<Vector, $results>;

//# tile
@group(0) @binding($binding) var<storage, read> $n: array<Unit>;
var<workgroup> tile_$n: array<Half, 2u * $units>;

// Eight elements; widened and narrowed again, which changes nothing, because WGSL has no other way.
fn put_$n(at: u32, unit: Unit) {
    tile_$n[at] = Half(vec4<f32>(unpack2x16float(unit.x), unpack2x16float(unit.y)));
    tile_$n[at + 1u] = Half(vec4<f32>(unpack2x16float(unit.z), unpack2x16float(unit.w)));
}

// `fetch`: unit number `slot` of the tile that starts at (free, k), out of a matrix with `frees` x `steps` elements from `start` on.
// Outside of it a unit is zero along k; along the free axis it may be anything, for its results are not written. `keep`: puts it
// into the tile.

//# along k
const LINE_$n = STEPS / 4u + 2u;

fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Unit {
    let f = min(free + slot / (STEPS / 8u), frees - 1u);
    let step = k + slot % (STEPS / 8u) * 8u;
    $outside
    return $n[(start + f * free_stride + min(step, steps - 8u)) / 8u];
}

fn keep_$n(slot: u32, unit: Unit) {
    put_$n(slot / (STEPS / 8u) * LINE_$n + slot % (STEPS / 8u) * 2u, unit);
}

//# along free
const LINE_$n = $frees / 4u + 2u;

fn fetch_$n(slot: u32, start: u32, free: u32, k: u32, frees: u32, steps: u32, free_stride: u32, k_stride: u32) -> Unit {
    let f = min(free + slot % ($frees / 8u) * 8u, frees - 8u);
    let step = k + slot / ($frees / 8u);
    $outside
    return $n[(start + f + min(step, steps - 1u) * k_stride) / 8u];
}

fn keep_$n(slot: u32, unit: Unit) {
    put_$n(slot / ($frees / 8u) * LINE_$n + slot % ($frees / 8u) * 2u, unit);
}

//# outside
if step >= steps {
        return Unit();
    }
//# begin
    var $c: Sums;
//# first
    var next_$n$i = fetch_$n(local + $slot, $n, $free, 0u, $frees, steps, $strides);
//# keep
        keep_$n(local + $slot, next_$n$i);
//# next
        next_$n$i = fetch_$n(local + $slot, $n, $free, k + STEPS, $frees, steps, $strides);
//# load along k
        let $m = coopLoad$order<$role>(&tile_$n[($part + $at) * LINE_$n + $step / 4u], LINE_$n);
//# load along free
        let $m = coopLoad$order<$role>(&tile_$n[$step * LINE_$n + ($part + $at) / 4u], LINE_$n);
//# multiply
        $c = coopMultiplyAdd($a, $b, $c);
//# store
            case $i: { coopStoreT($c, &results[mine], 4u); }
//# main
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32,
        @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let rows = param(0u);
    let columns = param(1u);
    let steps = param(2u);
    let down = (rows + ROWS - 1u) / ROWS;
    let across = (columns + COLUMNS - 1u) / COLUMNS;
    let group = workgroup_number(id, grid);
    // A folded grid may have more workgroups than there are tiles. They go along, because what follows wants uniform control flow,
    // and write nothing.
    let is_beyond = group / (down * across) >= param(3u);
    let item = min(group / (down * across), param(3u) - 1u);
    let tile = group % (down * across);
    let band = tile / (BAND * across) * BAND;
    let height = min(BAND, down - band);
    let within = tile % (BAND * across);
    let first_row = select((band + within % height) * ROWS, rows, is_beyond);
    let first_column = within / height * COLUMNS;
    let out = param(4u) + batch(item, 0u);
    let a = param(5u) + batch(item, 1u);
    let b = param(6u) + batch(item, 2u);
    let bias = param(7u) + batch(item, 3u);
    let multiply = param(8u) + batch(item, 4u);
    let c = param(9u) + batch(item, 5u);
    let part_row = subgroup / (COLUMNS / ($across * 16u)) * ($down * 16u);
    let part_column = subgroup % (COLUMNS / ($across * 16u)) * ($across * 16u);
    let mine = subgroup * 64u;
$begin
$first
$keep
    workgroupBarrier();
    for (var k = 0u; k < steps; k += STEPS) {
$next
$multiply
        // Until the tiles have been read.
        workgroupBarrier();
$keep
        workgroupBarrier();
    }
    // A loop, so that what finishes a result is there once and not for every matrix.
    for (var i = 0u; i < $down * $across; i++) {
        switch i {
$stores
            default: {}
        }
        workgroupBarrier();
        let row = first_row + part_row + i / $across * 16u + lane / 4u;
        let column = first_column + part_column + i % $across * 16u + lane % 4u * 4u;
        write(results[mine + lane], row, column, out, bias, multiply, c);
        write(results[mine + lane + 32u], row + 8u, column, out, bias, multiply, c);
        workgroupBarrier();
    }
}
