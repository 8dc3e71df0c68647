// Normalisation: a row divided by its root mean square, or its deviations from the mean by their root mean square, then weight and
// bias. A row that fits the registers of its lanes is read once; a longer one is read once for each pass. Elements are multiplied by
// a power of two that brings the largest near 1, so that squares neither overflow nor vanish. `src/backend/wgpu/norm.rs` lists the
// parameter words.

//# scale f32
// 2^-n for a number near 2^n; at most 2^40, so that eps times its square stays finite.
fn scale_for(peak: f32) -> f32 {
    let exponent = (bitcast<u32>(peak) >> 23u) & 0xffu;
    return bitcast<f32>((254u - clamp(exponent, 87u, 253u)) << 23u);
}
//# scale f64
// 2^-n for a number near 2^n; at most 2^300, so that eps times its square stays finite.
fn scale_for(peak: f64) -> f64 {
    let exponent = u32(bitcast<u64>(peak) >> 52u) & 0x7ffu;
    return bitcast<f64>(u64(2046u - clamp(exponent, 723u, 2045u)) << 52u);
}

//# peak
            peak = max(peak, largest(abs(v)));
//# mean
            sum += total(v * Unit(scale));
//# deviations
            let d = v * Unit(scale) - Unit(mean);
            deviation += total(d);
            square += total(d * d);
//# squares
            let d = v * Unit(scale);
            square += total(d * d);
//# write
            var y = (v * Unit(scale) - Unit(mean)) * Unit(factor);
            $weight
            $bias
            put(out, unit, out_step, y);
//# weight
y *= fetch_weight(param(8u), unit, param(9u));
//# bias
y += fetch_bias(param(10u), unit, param(11u));

//# rms
    let mean = $T(0.0);
    var square = $T(0.0);
$squares
    let variance = sum_lanes(local, square) / count;
//# layer
    var sum = $T(0.0);
$mean
    var mean = sum_lanes(local, sum) / count;
    // The deviations would add up to zero if the mean were exact; what they do add up to corrects for its rounding.
    var deviation = $T(0.0);
    var square = $T(0.0);
$deviations
    let rest = sum_lanes(local, deviation) / count;
    let variance = max(sum_lanes(local, square) / count - rest * rest, $T(0.0));
    mean += rest;

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
    let eps = scalar(6u);
    let count = scalar(12u);
$hold
    var peak = $T(0.0);
$peak
    let scale = scale_for(max_lanes(local, peak));
$moments
    let factor = $T(1.0) / sqrt(variance + eps * scale * scale);
$write
}
