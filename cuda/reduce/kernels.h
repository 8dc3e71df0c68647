// The three shapes of a reduction, for every operation of ops.h.
//
// rows_packed:  what is reduced lies in aligned packs, in one run or in a nest of runs; a few lanes, a block, or several blocks
//               take an output.
// rows_strided: what is reduced lies anyhow; elements go to the same lanes as in rows_packed, so the results are the same bits.
// columns:      neighbours along a kept axis lie together; a thread keeps a pack of them and walks down the reduced axes.
//
// Where there are fewer outputs than the GPU needs, the reduced axes are cut into parts, one block each. A block leaves its
// states in memory and takes a ticket; the block with the last ticket merges them all, in their order and not in that of arrival.
#pragma once

#include "ops.h"
#include "tilework/nest.h"
#include "tilework/state.h"

namespace tw {

constexpr int kReduceThreads = 256;
// Packs of an operand that a thread loads before it uses the first; fewer where their elements need many registers.
template <typename Op> constexpr int kInFlight = Op::binary || sizeof(typename Op::T) == 1 ? 2 : 4;

template <typename Op> __device__ __forceinline__ typename Op::A load_flipped(typename Op::T v, uint64_t flip) {
    if constexpr (Op::flips) v = flip_bits(v, flip);
    return widen(v);
}

// N elements, numbered from `first`, enter the states of a thread.
template <typename Op, int N>
__device__ __forceinline__ void absorb(typename Op::State (&states)[Op::lanes], const typename Op::T (&x)[N],
                                       const typename Op::T (&y)[N], uint64_t first, uint64_t flip) {
    using A = typename Op::A;
    A wide[N];
#pragma unroll
    for (int k = 0; k < N; k++) wide[k] = load_flipped<Op>(x[k], flip);
    if constexpr (Op::batches) {
        Op::batch(states[0], wide);
    } else {
#pragma unroll
        for (int k = 0; k < N; k++)
            Op::step(states[k % Op::lanes], wide[k], Op::binary ? widen(y[k]) : A(0), first + k, A(0));
    }
}

// The state of `lanes` neighbouring threads (a power of two), whole in the first of them. `scratch` holds one state a warp.
template <typename Op>
__device__ __forceinline__ typename Op::State merge_lanes(typename Op::State state, uint32_t lanes,
                                                          typename Op::State* scratch) {
    using State = typename Op::State;
    for (uint32_t by = min(lanes, 32u) / 2; by > 0; by /= 2) state = Op::merge(state, shuffle_down(state, by));
    if (lanes > 32) {
        uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = lanes / 32;
        if (lane == 0) scratch[warp] = state;
        __syncthreads();
        if (warp % warps == 0) {
            // Lanes beyond the warps repeat the first state and stay out of lane 0's tree.
            state = scratch[warp + (lane < warps ? lane : 0)];
            for (uint32_t by = warps / 2; by > 0; by /= 2) state = Op::merge(state, shuffle_down(state, by));
        }
        __syncthreads();
    }
    return state;
}

// Whether this block is the last of `parts` to come. What the others wrote before is then visible; the counter is zero again.
__device__ __forceinline__ bool is_last(uint32_t* ticket, uint32_t parts) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(ticket, 1) == parts - 1;
        if (last) *ticket = 0;
    }
    __syncthreads();
    __threadfence();
    return last;
}

template <typename Op, bool kPacked> __device__ __forceinline__ void reduce_rows(const TwReduce& p) {
    using T = typename Op::T;
    using A = typename Op::A;
    using State = typename Op::State;
    using Out = typename Op::Out;
    constexpr int N = kPack<T>;
    __shared__ State scratch[kReduceThreads / 32];

    uint32_t lane = threadIdx.x & (p.lanes - 1), part = 0;
    uint64_t output;
    if (p.splits > 1) {
        output = blockIdx.x / p.splits;
        part = blockIdx.x - uint32_t(output) * p.splits;
    } else {
        output = uint64_t(blockIdx.x) * (kReduceThreads / p.lanes) + threadIdx.x / p.lanes;
    }
    bool exists = output < p.outputs;
    int64_t at[3] = {0, 0, 0};
    if (exists) add_offsets(p.kept, output, at);
    const T* x = reinterpret_cast<const T*>(p.x) + at[1];
    const T* y = reinterpret_cast<const T*>(p.y) + at[2];

    uint64_t end = exists ? min((part + 1) * p.part, p.length) : 0;
    uint64_t i = part * p.part + lane * N;
    uint32_t stride = p.lanes * N;
    State states[Op::lanes];
    for (State& state : states) state = Op::begin(i < end ? i : ~uint64_t(0));

    if constexpr (kPacked) {
        bool nested = p.reduced.rank > 1;
        auto load = [&](const T* from, int operand, uint64_t i) {
            return load_pack(from + (nested ? offset_of(p.reduced, i / N, operand) : int64_t(i)));
        };
        Pack<T> a[kInFlight<Op>], b[Op::binary ? kInFlight<Op> : 1];
        for (; i + (kInFlight<Op> - 1) * stride + N <= end; i += kInFlight<Op> * stride) {
#pragma unroll
            for (int u = 0; u < kInFlight<Op>; u++) {
                a[u] = load(x, 0, i + u * stride);
                if constexpr (Op::binary) b[u] = load(y, 1, i + u * stride);
            }
#pragma unroll
            for (int u = 0; u < kInFlight<Op>; u++) absorb<Op>(states, a[u].at, b[Op::binary ? u : 0].at, i + u * stride, p.flip);
        }
        // Fewer packs are left: they too are all loaded before the first is used.
#pragma unroll
        for (int u = 0; u < kInFlight<Op> - 1; u++) {
            if (i + u * stride + N > end) continue;
            a[u] = load(x, 0, i + u * stride);
            if constexpr (Op::binary) b[u] = load(y, 1, i + u * stride);
        }
#pragma unroll
        for (int u = 0; u < kInFlight<Op> - 1; u++) {
            if (i + N > end) break;
            absorb<Op>(states, a[u].at, b[Op::binary ? u : 0].at, i, p.flip);
            i += stride;
        }
    } else {
        for (; i + N <= end; i += stride) {
            T a[N], b[Op::binary ? N : 1];
#pragma unroll
            for (int k = 0; k < N; k++) {
                int64_t offsets[2] = {0, 0};
                add_offsets(p.reduced, i + k, offsets);
                a[k] = x[offsets[0]];
                if constexpr (Op::binary) b[k] = y[offsets[1]];
            }
            if constexpr (Op::binary) absorb<Op>(states, a, b, i, p.flip);
            else absorb<Op>(states, a, a, i, p.flip);
        }
    }
    // The last pack of a part may be incomplete.
    for (int k = 0; k < N - 1 && i + k < end; k++) {
        int64_t offsets[2] = {int64_t(i + k), int64_t(i + k)};
        if constexpr (!kPacked) {
            offsets[0] = offsets[1] = 0;
            add_offsets(p.reduced, i + k, offsets);
        }
        A other = Op::binary ? widen(y[offsets[1]]) : A(0), inverse = A(0);
        if constexpr (Op::counts) inverse = A(1) / (states[0].count + A(1));
        Op::step(states[0], load_flipped<Op>(x[offsets[0]], p.flip), other, i + k, inverse);
    }

#pragma unroll
    for (int by = Op::lanes / 2; by > 0; by /= 2)
#pragma unroll
        for (int k = 0; k < by; k++) states[k] = Op::merge(states[k], states[k + by]);
    State state = merge_lanes<Op>(states[0], p.lanes, scratch);

    if (p.splits > 1) {
        State* partials = reinterpret_cast<State*>(p.partials) + output * p.splits;
        if (threadIdx.x == 0) partials[part] = state;
        if (!is_last(reinterpret_cast<uint32_t*>(p.tickets) + output, p.splits)) return;
        state = Op::begin(~uint64_t(0));
        for (uint32_t s = threadIdx.x; s < p.splits; s += kReduceThreads) state = Op::merge(state, load_state(partials + s));
        state = merge_lanes<Op>(state, kReduceThreads, scratch);
    }
    if (lane == 0 && exists) reinterpret_cast<Out*>(p.out)[at[0]] = Op::finish(state, p.divisor, p.flip);
}

template <typename Op> __device__ __forceinline__ void reduce_columns(const TwReduce& p) {
    using T = typename Op::T;
    using A = typename Op::A;
    using State = typename Op::State;
    using Out = typename Op::Out;
    constexpr int N = kPack<T>;
    __shared__ State scratch[kReduceThreads * N];

    // A block is `lanes` packs of columns wide and `tall` rows tall.
    uint32_t tall = kReduceThreads / p.lanes, tx = threadIdx.x & (p.lanes - 1), ty = threadIdx.x / p.lanes;
        uint64_t pack = uint64_t(blockIdx.x) * p.lanes + tx;
    bool exists = pack < p.packs;

    uint64_t outer = pack, along = divide_in_place(outer, p.column_packs);
    int64_t at[3] = {0, 0, 0};
    if (exists) add_offsets(p.kept, outer, at);
    // A thread's columns: neighbours where packs can be loaded, else one from each of N stretches, so that lanes are neighbours.
    uint64_t first = p.packed ? along * N : along, apart = p.packed ? 1 : p.column_packs.divisor;
    int mine = 0;
    for (int k = 0; k < N; k++) mine += exists && first + k * apart < p.columns;
    const T* x = reinterpret_cast<const T*>(p.x) + at[1] + int64_t(first) * p.column_strides[1];
    const T* y = reinterpret_cast<const T*>(p.y) + at[2] + int64_t(first) * p.column_strides[2];

    uint64_t begin = blockIdx.y * p.part + ty, end = mine > 0 ? min((blockIdx.y + 1) * p.part, p.length) : 0;
    State states[N];
    for (State& state : states) state = Op::begin(begin < end ? begin : ~uint64_t(0));
    A count = A(0);
    auto step = [&](const T (&a)[N], const T (&b)[N], uint64_t row) {
        A inverse = A(0);
        if constexpr (Op::counts) inverse = A(1) / (count += A(1));
#pragma unroll
        for (int k = 0; k < N; k++)
            Op::step(states[k], load_flipped<Op>(a[k], p.flip), Op::binary ? widen(b[k]) : A(0), row, inverse);
    };
    uint64_t row = begin;
    if (p.packed) {
        auto load = [&](const T* from, int operand, uint64_t row) {
            return load_pack(from + offset_of(p.reduced, row, operand));
        };
        for (; row + (kInFlight<Op> - 1) * tall < end; row += kInFlight<Op> * tall) {
            Pack<T> a[kInFlight<Op>], b[Op::binary ? kInFlight<Op> : 1];
#pragma unroll
            for (int u = 0; u < kInFlight<Op>; u++) {
                a[u] = load(x, 0, row + u * tall);
                if constexpr (Op::binary) b[u] = load(y, 1, row + u * tall);
            }
#pragma unroll
            for (int u = 0; u < kInFlight<Op>; u++) step(a[u].at, b[Op::binary ? u : 0].at, row + u * tall);
        }
        for (; row < end; row += tall) {
            Pack<T> a = load(x, 0, row);
            if constexpr (Op::binary) step(a.at, load(y, 1, row).at, row);
            else step(a.at, a.at, row);
        }
    } else {
        int64_t x_step = int64_t(apart) * p.column_strides[1], y_step = int64_t(apart) * p.column_strides[2];
        for (; row < end; row += tall) {
            int64_t offsets[2] = {0, 0};
            add_offsets(p.reduced, row, offsets);
            T a[N], b[Op::binary ? N : 1];
#pragma unroll
            for (int k = 0; k < N; k++) {
                // Columns past the last repeat a first one; their states are never written.
                bool in = k < mine;
                a[k] = x[offsets[0] + (in ? k * x_step : 0)];
                if constexpr (Op::binary) b[k] = y[offsets[1] + (in ? k * y_step : 0)];
            }
            if constexpr (Op::binary) step(a, b, row);
            else step(a, a, row);
        }
    }

    // The rows of the block, as a tree over ty.
    auto merge_rows = [&] {
        for (uint32_t half = tall / 2; half > 0; half /= 2) {
            __syncthreads();
#pragma unroll
            for (int k = 0; k < N; k++) scratch[k * kReduceThreads + threadIdx.x] = states[k];
            __syncthreads();
            if (ty < half) {
#pragma unroll
                for (int k = 0; k < N; k++)
                    states[k] = Op::merge(states[k], scratch[k * kReduceThreads + threadIdx.x + half * p.lanes]);
            }
        }
    };
    merge_rows();

    if (p.splits > 1) {
        State* partials = reinterpret_cast<State*>(p.partials);
        if (ty == 0 && exists)
#pragma unroll
            for (int k = 0; k < N; k++) partials[(blockIdx.y * p.packs + pack) * N + k] = states[k];
        if (!is_last(reinterpret_cast<uint32_t*>(p.tickets) + blockIdx.x, p.splits)) return;
        for (State& state : states) state = Op::begin(~uint64_t(0));
        for (uint32_t s = ty; exists && s < p.splits; s += tall)
#pragma unroll
            for (int k = 0; k < N; k++) states[k] = Op::merge(states[k], load_state(partials + (s * p.packs + pack) * N + k));
        merge_rows();
    }
    if (ty == 0) {
        Out* out = reinterpret_cast<Out*>(p.out) + at[0];
#pragma unroll
        for (int k = 0; k < N; k++)
            if (k < mine) out[int64_t(first + k * apart) * p.column_strides[0]] = Op::finish(states[k], p.divisor, p.flip);
    }
}

}  // namespace tw

// The kernels of one operation on one element type. 64 registers leave room for four blocks on a multiprocessor.
#define TW_REDUCE(name, Op)                                                                              \
    extern "C" __global__ void __launch_bounds__(tw::kReduceThreads, 4)                                  \
        name##_rows_packed(const __grid_constant__ TwReduce p) { tw::reduce_rows<Op, true>(p); }            \
    extern "C" __global__ void __launch_bounds__(tw::kReduceThreads)                                     \
        name##_rows_strided(const __grid_constant__ TwReduce p) { tw::reduce_rows<Op, false>(p); }          \
    extern "C" __global__ void __launch_bounds__(tw::kReduceThreads, 2)                                  \
        name##_columns(const __grid_constant__ TwReduce p) { tw::reduce_columns<Op>(p); }

// The same for the floating-point types.
#define TW_REDUCE_FLOATS(name, Op)                \
    TW_REDUCE(name##_f32, tw::Op<float>)          \
    TW_REDUCE(name##_f64, tw::Op<double>)         \
    TW_REDUCE(name##_f16, tw::Op<tw::f16>)         \
    TW_REDUCE(name##_bf16, tw::Op<tw::bf16>)

// For operations that wrap: two's complement makes the signed types the unsigned ones.
#define TW_REDUCE_WRAPPING(name, Op)              \
    TW_REDUCE_FLOATS(name, Op)                    \
    TW_REDUCE(name##_u8, tw::Op<uint8_t>)         \
    TW_REDUCE(name##_u32, tw::Op<uint32_t>)       \
    TW_REDUCE(name##_u64, tw::Op<uint64_t>)

// For operations that compare.
#define TW_REDUCE_ORDERED(name, Op)               \
    TW_REDUCE_FLOATS(name, Op)                    \
    TW_REDUCE(name##_u8, tw::Op<uint8_t>)         \
    TW_REDUCE(name##_u32, tw::Op<uint32_t>)       \
    TW_REDUCE(name##_i32, tw::Op<int32_t>)        \
    TW_REDUCE(name##_i64, tw::Op<int64_t>)
