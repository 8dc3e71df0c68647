// Rows: elements that are reduced or normalised together. The invocations of a workgroup share one or several rows;
// `src/backend/wgpu/rows.rs` says how. `$T` is the type that a row is computed in.

//# lanes
// The invocations on a row, and how far apart they are in the workgroup; the rows of a workgroup.
const LANES = $lanes;
const STRIDE = $stride;
const ROWS = $rows;

fn lane_of(local: u32) -> u32 {
    return (local / STRIDE) % LANES;
}

fn row_of(local: u32) -> u32 {
    return $row;
}

//# nest
// Where item number `item` of the loops `$n` lies in operand number `operand`, from its first element on. The parameter words of
// a loop, innermost loop first: its length, then the stride of each operand. Negative strides wrap around, as two's complement does.
fn $n(item: u32, operand: u32) -> u32 {
    var rest = item;
    var at = 0u;
    for (var axis = 0u; axis < $rank; axis++) {
        let word = $first + axis * $words;
        if axis + 1u == $rank {
            at += rest * param(word + 1u + operand);
        } else {
            let length = param(word);
            let outer = rest / length;
            at += (rest - outer * length) * param(word + 1u + operand);
            rest = outer;
        }
    }
    return at;
}

//# tree
// Merges the values of a row's lanes in a fixed order; the result stands at the row's first lane.
var<workgroup> slots: array<$A, $workgroup>;

fn merge_lanes(local: u32, value: $A) {
    slots[local] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane_of(local) < width {
            slots[local] = merge(slots[local], slots[local + width * STRIDE]);
        }
    }
}

//# everywhere
// The sum and the maximum of a row's lanes, for every lane.
var<workgroup> slots: array<$T, $workgroup>;

fn sum_lanes(local: u32, value: $T) -> $T {
    // Whoever still reads the result of the previous call.
    workgroupBarrier();
    slots[local] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane_of(local) < width {
            slots[local] = slots[local] + slots[local + width * STRIDE];
        }
    }
    workgroupBarrier();
    return slots[local - lane_of(local) * STRIDE];
}

fn max_lanes(local: u32, value: $T) -> $T {
    workgroupBarrier();
    slots[local] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane_of(local) < width {
            slots[local] = max(slots[local], slots[local + width * STRIDE]);
        }
    }
    workgroupBarrier();
    return slots[local - lane_of(local) * STRIDE];
}

//# unit chunks
// What a lane takes at a time: four elements.
alias Unit = vec4<$T>;
const UNIT = 4u;

fn total(v: Unit) -> $T {
    return (v.x + v.y) + (v.z + v.w);
}

fn largest(v: Unit) -> $T {
    return max(max(v.x, v.y), max(v.z, v.w));
}

fn exponential(v: Unit) -> Unit {
    return Unit(m_exp(v.x), m_exp(v.y), m_exp(v.z), m_exp(v.w));
}

//# unit elements
// What a lane takes at a time: one element.
alias Unit = $T;
const UNIT = 1u;

fn total(v: Unit) -> $T {
    return v;
}

fn largest(v: Unit) -> $T {
    return v;
}

fn exponential(v: Unit) -> Unit {
    return m_exp(v);
}

//# fetch chunks
fn fetch_$n(start: u32, unit: u32, step: u32) -> Unit {
    return load_$n(start / 4u + unit);
}
//# fetch elements
fn fetch_$n(start: u32, unit: u32, step: u32) -> Unit {
    return load_$n(start + unit * step);
}
//# put chunks
fn put(start: u32, unit: u32, step: u32, v: Unit) {
    store_out(start / 4u + unit, v, 4u);
}
//# put elements
fn put(start: u32, unit: u32, step: u32, v: Unit) {
    store_out(start + unit * step, v);
}

//# pass held
    for (var i = 0u; i < $units; i++) {
        let unit = lane + i * LANES;
        if unit < units {
            let v = held[i];
$body
        }
    }
//# pass streamed
    for (var unit = lane; unit < units; unit += LANES) {
        let v = fetch_x(x, unit, x_step);
$body
    }
//# hold
    // The row is read once and stays in registers.
    var held: array<Unit, $units>;
    for (var i = 0u; i < $units; i++) {
        let unit = lane + i * LANES;
        if unit < units {
            held[i] = fetch_x(x, unit, x_step);
        }
    }
