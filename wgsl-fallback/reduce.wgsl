// Reductions: every row becomes one element. A lane takes every LANES-th element of its row (or part of a row) into four
// accumulators, the lanes are merged in a tree, and the parts of long rows by a second dispatch. `Acc`, `empty`, `take`, `merge` and
// `finish` define the operation. `$T` is the compute type of the elements, `$K` that of keys; `src/backend/wgpu/reduce.rs` lists the
// parameter words.

//# sum
alias Acc = $T;
fn empty() -> Acc { return $T(0); }
fn take(acc: Acc, x: $T) -> Acc { return acc + x; }
fn merge(a: Acc, b: Acc) -> Acc { return a + b; }

//# dot
alias Acc = $T;
fn empty() -> Acc { return $T(0); }
fn take(acc: Acc, x: $T, y: $T) -> Acc { return acc + x * y; }
fn merge(a: Acc, b: Acc) -> Acc { return a + b; }

//# prod
alias Acc = $T;
fn empty() -> Acc { return $T(1); }
fn take(acc: Acc, x: $T) -> Acc { return acc * x; }
fn merge(a: Acc, b: Acc) -> Acc { return a * b; }

//# any
alias Acc = u32;
fn empty() -> Acc { return 0u; }
fn take(acc: Acc, x: u32) -> Acc { return acc | x; }
fn merge(a: Acc, b: Acc) -> Acc { return a | b; }

//# all
alias Acc = u32;
fn empty() -> Acc { return 1u; }
fn take(acc: Acc, x: u32) -> Acc { return acc & x; }
fn merge(a: Acc, b: Acc) -> Acc { return a & b; }

//# finish same
fn finish(acc: Acc) -> $T { return acc; }

//# finish mean
fn finish(acc: Acc) -> $T { return acc / scalar(7u); }

//# var
// Deviations from the mean, which an earlier dispatch has computed, and their squares. The deviations would add up to zero if the
// mean were exact; what they do add up to corrects for its rounding.
struct Acc {
    deviation: $T,
    square: $T,
}
fn empty() -> Acc { return Acc($T(0), $T(0)); }
fn take(acc: Acc, x: $T, mean: $T) -> Acc {
    let d = x - mean;
    return Acc(acc.deviation + d, acc.square + d * d);
}
fn merge(a: Acc, b: Acc) -> Acc { return Acc(a.deviation + b.deviation, a.square + b.square); }
fn finish(acc: Acc) -> $T {
    return (acc.square - acc.deviation * (acc.deviation / scalar(7u))) / scalar(9u);
}

//# norm
// Squares of large and of small numbers are summed apart and scaled, so that they neither overflow nor vanish (J. L. Blue, 1978).
// Sizes are compared as integers, in which NaN is large on every device.
struct Acc {
    small: $T,
    middle: $T,
    large: $T,
}
fn empty() -> Acc { return Acc($T(0), $T(0), $T(0)); }
fn take(acc: Acc, x: $T) -> Acc {
    let size = bitcast<$K>(x) & $mask;
    if size > $above {
        let scaled = x * $down;
        return Acc(acc.small, acc.middle, acc.large + scaled * scaled);
    }
    if size < $below {
        let scaled = x * $up;
        return Acc(acc.small + scaled * scaled, acc.middle, acc.large);
    }
    return Acc(acc.small, acc.middle + x * x, acc.large);
}
fn merge(a: Acc, b: Acc) -> Acc { return Acc(a.small + b.small, a.middle + b.middle, a.large + b.large); }
fn finish(acc: Acc) -> $T {
    if bitcast<$K>(acc.large) != $K(0) {
        return sqrt(acc.large + (acc.middle * $down) * $down) / $down;
    }
    let middle = sqrt(acc.middle);
    if acc.small > $T(0) {
        let small = sqrt(acc.small) / $up;
        if middle < small {
            return small * sqrt($T(1) + (middle / small) * (middle / small));
        }
        return middle * sqrt($T(1) + (small / middle) * (small / middle));
    }
    return middle;
}

//# max
// The largest key wins. A NaN has the largest key of all, in integers, where no compiler assumes it away.
alias Acc = $K;
fn empty() -> Acc { return $K(0); }
fn take(acc: Acc, x: $T) -> Acc { return merge(acc, $rank(x)); }
fn merge(a: Acc, b: Acc) -> Acc { return select(a, b, b > a); }
fn finish(acc: Acc) -> $T { return $unrank(acc); }

//# argmax
// The largest key wins, among equals the smallest index.
struct Acc {
    key: $K,
    index: u32,
}
fn empty() -> Acc { return Acc($K(0), 0xffffffffu); }
fn take(acc: Acc, x: $T, index: u32) -> Acc { return merge(acc, Acc($rank(plain_zero(x)), index)); }
fn merge(a: Acc, b: Acc) -> Acc {
    if b.key > a.key || (b.key == a.key && b.index < a.index) {
        return b;
    }
    return a;
}
fn finish(acc: Acc) -> u32 { return acc.index; }

//# key u32
fn ascending(x: u32) -> u32 { return x; }
fn descending(x: u32) -> u32 { return ~x; }
fn from_ascending(key: u32) -> u32 { return key; }
fn from_descending(key: u32) -> u32 { return ~key; }
fn plain_zero(x: u32) -> u32 { return x; }

//# key i32
fn ascending(x: i32) -> u32 { return bitcast<u32>(x) ^ 0x80000000u; }
fn descending(x: i32) -> u32 { return ~ascending(x); }
fn from_ascending(key: u32) -> i32 { return bitcast<i32>(key ^ 0x80000000u); }
fn from_descending(key: u32) -> i32 { return from_ascending(~key); }
fn plain_zero(x: i32) -> i32 { return x; }

//# key i64
fn ascending(x: i64) -> u64 { return bitcast<u64>(x) ^ 0x8000000000000000lu; }
fn descending(x: i64) -> u64 { return ~ascending(x); }
fn from_ascending(key: u64) -> i64 { return bitcast<i64>(key ^ 0x8000000000000000lu); }
fn from_descending(key: u64) -> i64 { return from_ascending(~key); }
fn plain_zero(x: i64) -> i64 { return x; }

//# key f32
fn ordered_bits(bits: u32) -> u32 { return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u); }
fn rank_bits(bits: u32, flip: u32) -> u32 {
    if (bits & 0x7fffffffu) > 0x7f800000u {
        return 0xffffffffu;
    }
    return ordered_bits(bits) ^ flip;
}
fn ascending(x: f32) -> u32 { return rank_bits(bitcast<u32>(x), 0u); }
fn descending(x: f32) -> u32 { return rank_bits(bitcast<u32>(x), 0xffffffffu); }
fn from_ordered_bits(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u));
}
// The key of NaN is the bit pattern of one.
fn from_ascending(key: u32) -> f32 {
    if key == 0xffffffffu {
        return bitcast<f32>(key);
    }
    return from_ordered_bits(key);
}
fn from_descending(key: u32) -> f32 {
    if key == 0xffffffffu {
        return bitcast<f32>(key);
    }
    return from_ordered_bits(~key);
}
// Zeros are equal.
fn plain_zero(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    return bitcast<f32>(select(bits, 0u, bits == 0x80000000u));
}

//# key f64
fn ordered_bits(bits: u64) -> u64 { return select(bits | 0x8000000000000000lu, ~bits, (bits >> 63u) != 0lu); }
fn rank_bits(bits: u64, flip: u64) -> u64 {
    if (bits & 0x7ffffffffffffffflu) > 0x7ff0000000000000lu {
        return 0xfffffffffffffffflu;
    }
    return ordered_bits(bits) ^ flip;
}
fn ascending(x: f64) -> u64 { return rank_bits(bitcast<u64>(x), 0lu); }
fn descending(x: f64) -> u64 { return rank_bits(bitcast<u64>(x), 0xfffffffffffffffflu); }
fn from_ordered_bits(key: u64) -> f64 {
    return bitcast<f64>(select(~key, key & 0x7ffffffffffffffflu, (key >> 63u) != 0lu));
}
// The key of NaN is the bit pattern of one.
fn from_ascending(key: u64) -> f64 {
    if key == 0xfffffffffffffffflu {
        return bitcast<f64>(key);
    }
    return from_ordered_bits(key);
}
fn from_descending(key: u64) -> f64 {
    if key == 0xfffffffffffffffflu {
        return bitcast<f64>(key);
    }
    return from_ordered_bits(~key);
}
// Zeros are equal.
fn plain_zero(x: f64) -> f64 {
    let bits = bitcast<u64>(x);
    return bitcast<f64>(select(bits, 0lu, bits == 0x8000000000000000lu));
}

//# read partials
@group(0) @binding($binding) var<storage, read> partials: array<Acc>;

//# write partials
@group(0) @binding($binding) var<storage, read_write> partials: array<Acc>;

//# step elements
fn step(acc: Acc, x: u32, y: $Y, j: u32) -> Acc { return take(acc, load_x(x + reduced(j, 0u))); }

//# step pairs
fn step(acc: Acc, x: u32, y: $Y, j: u32) -> Acc { return take(acc, load_x(x + reduced(j, 0u)), load_y(y + reduced(j, 1u))); }

//# step indexed
// The second operand is imaginary: its offsets are the indices.
fn step(acc: Acc, x: u32, y: $Y, j: u32) -> Acc { return take(acc, load_x(x + reduced(j, 0u)), y + reduced(j, 1u)); }

//# step centred
fn step(acc: Acc, x: u32, y: $Y, j: u32) -> Acc { return take(acc, load_x(x + reduced(j, 0u)), y); }

//# step partials
fn step(acc: Acc, x: u32, y: $Y, j: u32) -> Acc { return merge(acc, partials[x + reduced(j, 0u)]); }

//# main elements
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = workgroup_number(id, grid);
    let part = group % param(2u);
    let row = group / param(2u) * ROWS + row_of(local);
    let end = min((part + 1u) * param(3u), param(1u));
    var a = empty();
    if row < param(0u) {
        let x = param(5u) + kept(row, 1u);
        let y = $y;
        var b = empty();
        var c = empty();
        var d = empty();
        var j = part * param(3u) + lane_of(local);
        for (; j + 3u * LANES < end; j += 4u * LANES) {
            a = step(a, x, y, j);
            b = step(b, x, y, j + LANES);
            c = step(c, x, y, j + 2u * LANES);
            d = step(d, x, y, j + 3u * LANES);
        }
        for (; j < end; j += LANES) {
            a = step(a, x, y, j);
        }
        a = merge(merge(a, b), merge(c, d));
    }
    merge_lanes(local, a);
    if row < param(0u) && lane_of(local) == 0u {
        $write
    }
}

//# main chunks
// The elements of a row lie one after the other, and vectors of four are loaded.
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = workgroup_number(id, grid);
    let part = group % param(2u);
    let row = group / param(2u) * ROWS + row_of(local);
    let end = min((part + 1u) * param(3u), param(1u));
    var a = empty();
    if row < param(0u) {
        let x = param(5u) + kept(row, 1u);
        let y = $y;
        var b = empty();
        var c = empty();
        var d = empty();
        for (var j = part * param(3u) + 4u * lane_of(local); j < end; j += 4u * LANES) {
            let v = load_x((x + j) / 4u);
            $other
            if end - j >= 4u {
                a = take(a, v.x$first);
                b = take(b, v.y$second);
                c = take(c, v.z$third);
                d = take(d, v.w$fourth);
            } else {
                a = take(a, v.x$first);
                if end - j > 1u {
                    b = take(b, v.y$second);
                }
                if end - j > 2u {
                    c = take(c, v.z$third);
                }
            }
        }
        a = merge(merge(a, b), merge(c, d));
    }
    merge_lanes(local, a);
    if row < param(0u) && lane_of(local) == 0u {
        $write
    }
}
