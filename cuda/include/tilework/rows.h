// A row held on chip: loaded once, looked at as often as needed, written once.
//
// The threads that share a row, its team, are some lanes of a warp, a block, or a cluster of blocks. Each keeps up to kRowPacks
// packs of 16 bytes in registers; pack j of thread t holds the elements from (j * team + t) * N on, however they lie in memory, so
// that the result's bits do not depend on strides. A value of each thread becomes one of the team by all_reduce, in a fixed order.
#pragma once

#include "tilework/nest.h"
#include "tilework/pack.h"

namespace tw {

enum class Team { kLanes, kBlock, kCluster };

// Packs of a thread at most: 32 values of 4 bytes, or 16 of 8.
template <typename T> constexpr int kRowPacks = (sizeof(Wide<T>) == 4 ? 32 : 16) / kPack<T>;
// All-reductions of a kernel at most.
constexpr int kTurns = 3;
// Threads of a block whose lanes share rows.
constexpr int kLanesThreads = 128;

#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ uint32_t cluster_rank() {
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ uint32_t cluster_size() {
    uint32_t size;
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    return size;
}

__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

// The same variable of another block of the cluster.
template <typename A> __device__ __forceinline__ A* of_rank(A* shared, uint32_t rank) {
    A* remote;
    asm("mapa.u64 %0, %1, %2;" : "=l"(remote) : "l"(shared), "r"(rank));
    return remote;
}
#endif

template <typename A, typename Combine> __device__ __forceinline__ A all_reduce_lanes(A v, uint32_t lanes, Combine combine) {
    for (uint32_t by = lanes / 2; by > 0; by /= 2) v = combine(v, __shfl_xor_sync(~0u, v, by));
    return v;
}

// The team's value, for each of its threads. `turn` counts the calls of a kernel, each of which has memory of its own.
template <Team kTeam, typename A, typename Combine>
__device__ __forceinline__ A all_reduce(A v, A identity, uint32_t lanes, int turn, Combine combine) {
    if constexpr (kTeam == Team::kLanes) return all_reduce_lanes(v, lanes, combine);
    __shared__ A of_warp[kTurns][32];
    uint32_t lane = threadIdx.x % 32;
    v = all_reduce_lanes(v, 32, combine);
    if (lane == 0) of_warp[turn][threadIdx.x / 32] = v;
    __syncthreads();
    v = all_reduce_lanes(lane < blockDim.x / 32 ? of_warp[turn][lane] : identity, 32, combine);
#if __CUDA_ARCH__ >= 900
    if constexpr (kTeam == Team::kCluster) {
        __shared__ A of_block[kTurns][16];
        // The blocks arrived when they started: from then on their memory may be written.
        if (turn == 0) cluster_wait();
        if (threadIdx.x < cluster_size()) *of_rank(&of_block[turn][cluster_rank()], threadIdx.x) = v;
        cluster_arrive();
        cluster_wait();
        v = all_reduce_lanes(lane < cluster_size() ? of_block[turn][lane] : identity, 32, combine);
    }
#endif
    return v;
}

template <typename T, Team kTeam, int kPacks> struct Row {
    using A = Wide<T>;
    static constexpr int N = kPack<T>;

    const TwRows& p;
    uint64_t thread, team;
    bool exists;
    const T* x;
    T* out;
    A v[kPacks * N];

    __device__ __forceinline__ explicit Row(const TwRows& p) : p(p), thread(threadIdx.x), team(blockDim.x) {
        uint64_t row = blockIdx.x;
        if constexpr (kTeam == Team::kLanes) {
            thread = threadIdx.x & (p.lanes - 1);
            team = p.lanes;
            row = row * (kLanesThreads / p.lanes) + threadIdx.x / p.lanes;
        }
#if __CUDA_ARCH__ >= 900
        if constexpr (kTeam == Team::kCluster) {
            cluster_arrive();
            thread += cluster_rank() * blockDim.x;
            team *= cluster_size();
            row /= cluster_size();
        }
#endif
        exists = row < p.rows;
        int64_t at[2] = {0, 0};
        if (exists) add_offsets(p.nest, row, at);
        out = reinterpret_cast<T*>(p.out) + at[0];
        x = reinterpret_cast<const T*>(p.x) + at[1];
    }

    // Keeps the compiler from preparing the addresses of all elements at once, for which there are no registers.
    static __device__ __forceinline__ void one_by_one() { asm volatile("" ::: "memory"); }

    // The number of the first element of pack j.
    __device__ __forceinline__ uint64_t first(int j) const { return (j * team + thread) * N; }
    __device__ __forceinline__ bool has(int j, int k) const { return exists && first(j) + k < p.length; }

    // All of the thread's elements; `fill` beyond the row's end.
    __device__ __forceinline__ void load(A fill) {
        if (p.packed & 1) {
            Pack<T> packs[kPacks];
#pragma unroll
            for (int j = 0; j < kPacks; j++)
                if (has(j, 0)) packs[j] = load_pack(x + first(j));
#pragma unroll
            for (int j = 0; j < kPacks; j++)
#pragma unroll
                for (int k = 0; k < N; k++) v[j * N + k] = has(j, 0) ? widen(packs[j].at[k]) : fill;
        } else {
#pragma unroll
            for (int j = 0; j < kPacks; j++) {
#pragma unroll
                for (int k = 0; k < N; k++) v[j * N + k] = has(j, k) ? widen(x[int64_t(first(j) + k) * p.x_stride]) : fill;
                one_by_one();
            }
        }
    }

    // The value of each thread's elements: `lift` applied, combined pairwise.
    template <typename Lift, typename Combine> __device__ __forceinline__ A fold(Lift lift, Combine combine) const {
        A lanes[4];
#pragma unroll
        for (int i = 0; i < 4; i++) lanes[i] = lift(i);
#pragma unroll
        for (int i = 4; i < kPacks * N; i++) lanes[i % 4] = combine(lanes[i % 4], lift(i));
        return combine(combine(lanes[0], lanes[2]), combine(lanes[1], lanes[3]));
    }

    // Writes what finish(j, values) leaves of the elements of each pack j, whose values it is given.
    template <typename Finish> __device__ __forceinline__ void store(Finish finish) const {
#pragma unroll
        for (int j = 0; j < kPacks; j++) {
            if (!has(j, 0)) continue;
            A values[N];
#pragma unroll
            for (int k = 0; k < N; k++) values[k] = v[j * N + k];
            finish(j, values);
            if (p.packed & 2) {
                Pack<T> pack;
#pragma unroll
                for (int k = 0; k < N; k++) pack.at[k] = tw::store<T>(values[k]);
                store_vector(out + first(j), pack);
            } else {
#pragma unroll
                for (int k = 0; k < N; k++)
                    if (has(j, k)) out[int64_t(first(j) + k) * p.out_stride] = tw::store<T>(values[k]);
                one_by_one();
            }
        }
    }
};

struct Plus {
    template <typename A> __device__ A operator()(A a, A b) const { return a + b; }
};

// NaN wins.
struct Larger {
    __device__ float operator()(float a, float b) const {
        asm("max.NaN.f32 %0, %0, %1;" : "+f"(a) : "f"(b));
        return a;
    }
    __device__ double operator()(double a, double b) const { return b > a || b != b ? b : a; }
};

}  // namespace tw
