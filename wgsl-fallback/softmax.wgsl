// Softmax and its logarithm: the largest element of a row, the sum of exponentials relative to it, then every element. A row that fits
// the registers of its lanes is read once; a longer one is read three times. `src/backend/wgpu/softmax.rs` lists the parameter words.

//# largest
            peak = max(peak, largest(v));
//# sum held
            held[i] = exponential(v - Unit(peak));
            sum += total(held[i]);
//# sum
            sum += total(exponential(v - Unit(peak)));
//# write softmax held
            put(out, unit, out_step, v / Unit(sum));
//# write softmax
            put(out, unit, out_step, exponential(v - Unit(peak)) / Unit(sum));
//# write log
            put(out, unit, out_step, (v - Unit(peak)) - Unit(log_sum));

//# main
@compute @workgroup_size($workgroup)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = workgroup_number(id, grid) * ROWS + row_of(local);
    let lane = lane_of(local);
    // A row past the end has no units.
    let units = select(0u, param(1u) / UNIT, row < param(0u));
    let out = param(2u) + kept(row, 0u);
    let x = param(3u) + kept(row, 1u);
    let out_step = param(4u);
    let x_step = param(5u);
$hold
    // The lowest finite number: a row of nothing but -inf then has the sum 0 and becomes NaN.
    var peak = $T($lowest);
$largest
    peak = max_lanes(local, peak);
    var sum = $T(0.0);
$sum
    sum = sum_lanes(local, sum);
    $log
$write
}
